"""Each command with a database of PostgreSQL: it does its work, or says what does it instead."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.server.test_services import MAILBOX, _found_agency

from quietway_schemas.frames import ERA_NUMBERS
from quietway_server.__main__ import main
from quietway_server.services.enrolment import add_code
from quietway_server.store.database import HEAD
from quietway_server.store.postgres import PostgresStore

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN = "postgresql://quietway:songbird@/no_such_database?host=/nowhere"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of the test's own: a stray file would lie there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_migrate_says_what_it_would_do_and_does_it(
    new_postgres: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--check", "--database", new_postgres]) == 1
    assert f"{HEAD}:" in capsys.readouterr().out
    assert main(["migrate", "--database", new_postgres]) == 0
    assert main(["migrate", "--check", "--database", new_postgres]) == 0
    assert "is of this version" in capsys.readouterr().out
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        (("backup", "copy"), "pg_dump"),
        (("restore", "copy", "--yes"), "pg_restore"),
        (("restore", "--yes"), "--without-book"),
        (("migrate", "--to", "0004"), "pg_dump"),
        (("remove", "HARBOR", "--yes"), "no agency"),
    ],
)
def test_what_postgresql_does_itself_is_refused_with_what_to_do(
    command: tuple[str, ...],
    instead: str,
    empty_postgres: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*command, "--database", empty_postgres]) == 2
    said = capsys.readouterr().err
    assert instead in said
    assert said.count("\n") == 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize("command", ["enroll", "log-key", "sweep", "forget-wake-ups"])
def test_the_others_do_their_work_there(command: str, empty_postgres: str, folder: Path) -> None:
    assert main([command, "--database", empty_postgres]) == 0
    assert {path.name for path in folder.iterdir()} <= {"quietway-relay-log-key"}


def test_the_doctor_looks_at_the_database_itself(
    empty_postgres: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log-key", "--database", empty_postgres]) == 0
    capsys.readouterr()
    main(["doctor", "--json", "--database", empty_postgres])
    findings = json.loads(capsys.readouterr().out)["findings"]
    states = {each["about"]: each["state"] for each in findings}
    assert [each for each in findings if each["state"] == "FAIL"] == []
    assert {"postgresql", "synchronous_commit", "schema", "log key"} <= states.keys()
    (folder / "quietway-relay-log-key").write_text("A" * 43 + "\n")
    assert main(["doctor", "--database", empty_postgres]) == 1


@pytest.mark.parametrize(
    "command", [("doctor",), ("support-bundle", "told"), ("enroll",), ("migrate", "--check")]
)
def test_a_database_that_is_away_is_a_sentence_without_its_password(
    command: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*command, "--database", UNKNOWN])
    said = capsys.readouterr()
    told = folder / "told"
    shown = said.out + said.err + (told.read_text() if told.exists() else "")
    assert "songbird" not in shown
    assert "Traceback" not in shown
    assert {path.name for path in folder.iterdir()} <= {"told"}


def test_a_bundle_counts_the_rows_there(empty_postgres: str, folder: Path) -> None:
    assert main(["support-bundle", "told", "--database", empty_postgres]) == 0
    told = json.loads((folder / "told").read_text())["database"]
    assert (told["readable"], told["kind"], told["revision"]) == (True, "postgresql", HEAD)
    assert os.fspath(folder) not in json.dumps(told)


def test_a_database_that_was_put_back_goes_on_in_a_new_era(
    empty_postgres: str, folder: Path
) -> None:
    store = PostgresStore(empty_postgres)
    _found_agency(store)
    code = add_code(store, now=0, entropy=bytes(16))
    store.close()
    assert code
    assert main(["restore", "--yes", "--without-book", "--database", empty_postgres]) == 0
    store = PostgresStore(empty_postgres)
    with store.reading() as transaction:
        latest = transaction.find_mailboxes([MAILBOX])[MAILBOX].latest
        rows = transaction.count_rows()
    store.close()
    assert latest >= ERA_NUMBERS
    assert rows["enrolment_codes"] == 0
    assert [path.name for path in folder.iterdir()] == ["quietway-relay-log-key"]
