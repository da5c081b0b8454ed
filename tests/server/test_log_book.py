"""The log's book: what was shown to anybody stands in it, and a start takes in what is missing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import sqlcipher3.dbapi2
from tests.controls import without
from tests.relay_process import RelayProcess, run_relay
from tests.server.agency import Agency, join
from tests.server.conftest import make_code
from tests.server.logs import KEY, begin, draw, settings_in

from quietway_server.bootstrap import open_store
from quietway_server.errors import StartError, StorageFullError, StoreError
from quietway_server.services.log import append_leaf, find_head
from quietway_server.services.log_start import start_log
from quietway_server.store.log_book import LogBook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway_server.settings import Settings
    from quietway_server.store.sqlite import SqliteStore

from bench.long_log import make_leaf


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[SqliteStore]:
    """A store whose log has three leaves."""
    made = open_store(settings)
    start_log(made, KEY, draw)
    for index in range(3):
        add_leaf(made, index)
    yield made
    made.close()


def add_leaf(store: SqliteStore, index: int) -> None:
    with store.writing() as transaction:
        append_leaf(transaction, KEY, make_leaf(index))


def lines(settings: Settings) -> list[dict[str, object]]:
    return [json.loads(line) for line in settings.log_book.read_bytes().splitlines()]


def read_head(store: SqliteStore) -> tuple[int, bytes]:
    with store.reading() as transaction:
        head = find_head(transaction)
    return head.size, head.root


def test_each_leaf_stands_in_the_book_for_its_owner_alone(
    store: SqliteStore, settings: Settings
) -> None:
    assert read_head(store)[0] == 3
    assert [line["position"] for line in lines(settings)] == [0, 1, 2]
    assert settings.log_book.stat().st_mode & 0o077 == 0


def test_a_transaction_that_is_undone_leaves_no_line(
    store: SqliteStore, settings: Settings
) -> None:
    with pytest.raises(StoreError), store.writing() as transaction:  # noqa: PT012, both in one
        append_leaf(transaction, KEY, make_leaf(3))
        transaction._connection.exec_driver_sql("INSERT INTO feed (id) VALUES (1)")
    assert len(lines(settings)) == 3


def test_a_later_transaction_that_fails_takes_no_line_with_it(
    store: SqliteStore, settings: Settings
) -> None:
    with pytest.raises(StoreError), store.writing() as transaction:
        transaction._connection.exec_driver_sql("INSERT INTO feed (id) VALUES (1)")
    assert len(lines(settings)) == 3


def test_a_commit_that_fails_has_its_line_cut_off(
    store: SqliteStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlcipher3.dbapi2.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        without(patch, "sqlalchemy.engine.default:DefaultDialect.do_commit", fail)
        with pytest.raises(StoreError):
            add_leaf(store, 3)
    assert len(lines(settings)) == 3


def test_a_database_that_is_older_takes_in_what_it_lacks(
    store: SqliteStore, settings: Settings, tmp_path: Path
) -> None:
    store.tidy()
    shutil.copy(settings.database, tmp_path / "older")
    add_leaf(store, 3)
    add_leaf(store, 4)
    wanted = read_head(store)
    store.close()
    shutil.copy(tmp_path / "older", settings.database)
    again = open_store(settings)
    assert start_log(again, KEY, draw) == 2
    assert read_head(again) == wanted
    assert len(lines(settings)) == 5
    assert start_log(again, KEY, draw) == 0
    again.close()


def test_control_without_the_book_an_older_database_signs_another_tree(
    store: SqliteStore, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.tidy()
    shutil.copy(settings.database, tmp_path / "older")
    add_leaf(store, 3)
    wanted = read_head(store)
    store.close()
    shutil.copy(tmp_path / "older", settings.database)
    without(monkeypatch, "quietway_server.services.log_start:catch_up", lambda *_: 0)
    again = open_store(settings)
    start_log(again, KEY, draw)
    add_leaf(again, 77)
    size, root = read_head(again)
    assert (size, root != wanted[1]) == (wanted[0], True)
    again.close()


def test_a_line_that_a_crash_has_torn_is_ignored(store: SqliteStore, settings: Settings) -> None:
    with settings.log_book.open("ab") as file:
        file.write(b'{"position":3,"kind"')
    assert start_log(store, KEY, draw) == 0
    assert LogBook(settings.log_book).read()[0] == 3


def test_a_line_that_is_damaged_stops_the_start(store: SqliteStore, settings: Settings) -> None:
    with settings.log_book.open("ab") as file:
        file.write(b'{"position":3,"kind"}\n')
    with pytest.raises(StartError, match="is damaged"):
        start_log(store, KEY, draw)


def test_a_book_that_was_altered_makes_another_tree_and_is_refused(
    store: SqliteStore, settings: Settings, tmp_path: Path
) -> None:
    store.tidy()
    shutil.copy(settings.database, tmp_path / "older")
    add_leaf(store, 3)
    store.close()
    shutil.copy(tmp_path / "older", settings.database)
    held = lines(settings)
    held[3]["nonce"] = held[2]["nonce"]
    settings.log_book.write_text("".join(json.dumps(line) + "\n" for line in held))
    again = open_store(settings)
    with pytest.raises(StartError, match="of another log"):
        start_log(again, KEY, draw)
    assert read_head(again)[0] == 3
    again.close()


def test_a_database_from_before_the_book_completes_it(
    store: SqliteStore, settings: Settings
) -> None:
    before = lines(settings)
    settings.log_book.unlink()
    assert start_log(store, KEY, draw) == 0
    assert [line["leaf_hash"] for line in lines(settings)] == [line["leaf_hash"] for line in before]


def test_a_full_disk_leaves_the_log_and_its_book_as_they_were(
    store: SqliteStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        without(patch, "quietway_server.store.log_book:_write_durably", fail)
        with pytest.raises(StorageFullError):
            add_leaf(store, 3)
    assert (read_head(store)[0], len(lines(settings))) == (3, 3)


def test_a_relay_whose_database_is_lost_keeps_agencies_devices_and_removals(
    tmp_path: Path,
) -> None:
    with RelayProcess(tmp_path) as relay:
        stays, gone = (join(relay.url, make_code(relay), seed) for seed in (1, 2))
        assert stays.publish_manifest().status_code == 204
        done = run_relay("remove", gone.code, "--yes", "--database", str(relay.database))
        assert done.returncode == 0, done.stderr
        before = read_leaves(stays)
        assert relay.stop() == 0
        for path in relay.paths:
            if not path.name.endswith(("-log-key", "-log-book")):
                path.unlink()
        relay.restart()
        assert read_leaves(stays) == before
        assert stays.get("/v1/mailbox").status_code == 200
        assert gone.get("/v1/mailbox").status_code == 401
        newest = [line for line in lines(settings_in(tmp_path)) if line["payload"]]
        assert len(newest) <= 3


def read_leaves(agency: Agency) -> list[object]:
    leaves: list[object] = agency.get("/v1/log/leaves?after=0").json()["leaves"]
    return leaves


def test_a_manifest_that_was_replaced_is_struck_out_at_the_next_sweep(tmp_path: Path) -> None:
    with RelayProcess(tmp_path, options={"sweep-seconds": "3600"}) as relay:
        agency = join(relay.url, make_code(relay), 1)
        for _ in range(2):
            assert agency.publish_manifest().status_code == 204
        assert relay.stop() == 0
    held = lines(settings_in(tmp_path))
    assert [bool(line["payload"]) for line in held] == [False, False, True]


def test_a_start_on_a_book_of_another_log_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    others = settings_in(tmp_path / "other")
    other = open_store(others)
    start_log(other, KEY, draw)
    add_leaf(other, 9)
    other.close()
    store = open_store(settings)
    start_log(store, KEY, draw)
    add_leaf(store, 0)
    store.close()
    shutil.copy(others.log_book, settings.log_book)
    settings.log_key.write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s\n")
    with pytest.raises(StartError, match="of another log"):
        begin(settings)
