"""What an operator does beside a relay: doctor, backup, restore, migrate, a bundle, settings."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

import pytest
import sqlcipher3.dbapi2
from tests.controls import without
from tests.relay_process import RelayProcess, hold_port, run_relay
from tests.server.agency import CLIENT, PARTNER, Agency, join
from tests.server.conftest import make_code

from quietway_schemas.frames import ERA_NUMBERS, MailboxPage
from quietway_server.__main__ import _parser, main
from quietway_server.errors import StartError
from quietway_server.options import SETTINGS, find_unknown
from quietway_server.settings import read_settings
from quietway_server.store.ownership import is_owned, own
from quietway_server.store.sqlite import SqliteStore
from quietway_server.tending.bundle import gather, round_up
from quietway_server.tending.doctor import examine
from quietway_server.tending.findings import FAIL, OK, WARN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMANDS = tuple(_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr, arg-type]  # argparse has no public way


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    folder = tmp_path_factory.mktemp("songbird-folder")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with RelayProcess(folder, options={"operator-port": str(port)}) as running:
        yield running


def verdicts(options: dict[str, str], environment: dict[str, str] | None = None) -> dict[str, str]:
    found = examine(read_settings(options, {}), environment or {})
    order = (OK, WARN, FAIL)
    worst: dict[str, str] = {}
    for each in found:
        worst[each.about] = max(worst.get(each.about, OK), each.state, key=order.index)
    return worst


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_shows_the_settings_that_it_uses_and_no_others(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args([command, "--help"])
    shown = capsys.readouterr().out
    for setting in SETTINGS:
        assert (f"{setting.option} " in shown) == (command in setting.used_by), setting.name


def test_enroll_shows_three_settings_and_refuses_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert {each.name for each in SETTINGS if "enroll" in each.used_by} == {
        "database",
        "database_password_file",
        "max_database_bytes",
    }
    with pytest.raises(SystemExit):
        main(["enroll", "--port", "1"])
    assert "--port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"operator_port": "8740"}, ("--operator-port", "--port")),
        ({"log_key": "quietway-relay.db"}, ("--log-key", "--database")),
        ({"max_sockets": "3"}, ("--mailbox-sockets", "--max-sockets")),
    ],
)
def test_settings_that_contradict_each_other_are_both_named(
    options: dict[str, str], named: tuple[str, str]
) -> None:
    with pytest.raises(StartError) as said:
        read_settings(options, {})
    assert all(name in str(said.value) for name in named)


def test_a_mistyped_setting_in_the_environment_is_found() -> None:
    environment = {"QUIETWAY_RELAY_MAX_SOKETS": "7", "QUIETWAY_RELAY_PORT": "1", "HOME": "/"}
    assert find_unknown(environment) == ["QUIETWAY_RELAY_MAX_SOKETS"]
    assert verdicts({}, environment)["environment"] == WARN


def test_the_doctor_finds_a_relay_that_serves_well(relay: RelayProcess) -> None:
    options = {
        "database": str(relay.database),
        "port": str(relay.port),
        "operator_port": relay.operator_url.rpartition(":")[2],
    }
    found = verdicts(options)
    assert found.pop("public url") == WARN
    found.pop("disk")
    assert set(found.values()) == {OK}
    assert {"log key", "log book", "schema", "integrity", "port", "operator port"} <= set(found)


@pytest.mark.parametrize("command", [["enroll"], ["remove", "HARBOR"], ["forget-wake-ups"]])
def test_a_mistyped_database_is_not_made_by_a_command_beside_the_relay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "--database", str(tmp_path / "typo.db")]) == 2
    said = capsys.readouterr()
    assert (said.out, "typo.db" in said.err) == ("", True)
    assert not list(tmp_path.iterdir())


def test_the_doctor_says_json_and_ends_with_1_where_something_fails(tmp_path: Path) -> None:
    done = run_relay("doctor", "--json", "--database", str(tmp_path / "none.db"))
    states = {each["about"]: each["state"] for each in json.loads(done.stdout)["findings"]}
    assert (done.returncode, states["database"]) == (1, FAIL)
    assert not list(tmp_path.iterdir())


def _others_may_read(path: Path) -> None:
    path.chmod(0o644)


def _exchange_key(path: Path) -> None:
    path.with_name(path.name + "-log-key").write_text("A" * 43 + "\n")


def _write_newer(path: Path) -> None:
    with sqlcipher3.dbapi2.connect(str(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def _lose_log_key(path: Path) -> None:
    path.with_name(path.name + "-log-key").unlink()


def _lose_wake_key(path: Path) -> None:
    with sqlcipher3.dbapi2.connect(str(path)) as connection:
        connection.execute("INSERT INTO wake_endpoints VALUES (x'00', x'00')")
    connection.close()


def _set_ahead(path: Path) -> None:
    os.utime(path, (4e9, 4e9))


def _damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 8192)
        file.write(b"\xff" * 8192)


@pytest.mark.parametrize(
    ("harm", "about"),
    [
        (_others_may_read, "database file"),
        (_exchange_key, "log key"),
        (_lose_log_key, "log key"),
        (_lose_wake_key, "wake key"),
        (_write_newer, "schema"),
        (_set_ahead, "clock"),
        (_damage, "integrity"),
    ],
)
def test_the_doctor_names_what_is_wrong(
    tmp_path: Path, harm: Callable[[Path], None], about: str
) -> None:
    database = tmp_path / "relay.db"
    assert main(["log-key", "--database", str(_made(database))]) == 0
    assert verdicts({"database": str(database)})[about] == OK
    harm(database)
    assert verdicts({"database": str(database)})[about] == FAIL


def _made(database: Path) -> Path:
    os.umask(0o077)
    SqliteStore(database).close()
    return database


def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = verdicts({"database": str(_made(tmp_path / "relay.db")), "port": port})
    assert found["port"] == FAIL


def test_whether_a_relay_serves_is_told_without_making_a_file(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    assert not is_owned(database)
    assert not list(tmp_path.iterdir())
    with own(database):
        assert is_owned(database)
    assert not is_owned(database)


def test_a_bundle_names_nobody_and_holds_nothing(relay: RelayProcess, tmp_path: Path) -> None:
    agency = join(relay.url, make_code(relay), 77)
    assert agency.submit(agency.capability_for(PARTNER), agency.record()).status_code == 201
    options = ("--port", str(relay.port), "--operator-port", relay.operator_url.rpartition(":")[2])
    canary = ("--public-url", "https://songbird-relay.example")
    bundle = tmp_path / "bundle.json"
    done = run_relay(
        "support-bundle", str(bundle), "--database", str(relay.database), *options, *canary
    )
    assert done.returncode == 0, done.stderr
    told = bundle.read_text("utf-8")
    held = json.loads(told)
    assert held["metrics"]["quietway_envelopes_accepted_total"] >= 1
    assert held["events"]["events"][0]["event"] == "started"
    assert held["database"]["rows"]["flash_envelopes"] == 1
    assert held["settings"]["public_url"] == "set"
    canaries = [
        agency.code,
        str(agency.device_id),
        str(relay.folder),
        "songbird",
        "127.0.0.1",
        "agy_",
    ]
    assert [each for each in canaries if each in told] == []
    assert bundle.stat().st_mode & 0o077 == 0


def test_control_a_bundle_that_showed_settings_as_they_are_would_name_the_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(
        {"database": str(tmp_path / "r.db"), "public_url": "https://songbird-relay.example"}, {}
    )
    assert "songbird" not in json.dumps(gather(settings, {}))
    without(
        monkeypatch,
        "quietway_server.tending.bundle:_show",
        lambda name, held: str(getattr(held, name)),
    )
    assert "songbird" in json.dumps(gather(settings, {}))


def test_counts_are_rounded_up() -> None:
    assert [round_up(count) for count in (0, 1, 2, 3, 5, 1000)] == [0, 1, 2, 4, 8, 1024]


def _read_all(agency: Agency) -> MailboxPage:
    return MailboxPage.unpack(agency.get("/v1/mailbox").content)


def test_a_backup_taken_under_traffic_is_whole_and_goes_on_in_a_new_era(tmp_path: Path) -> None:
    with RelayProcess(tmp_path / "relay") as relay:
        agency = join(relay.url, make_code(relay), 5)
        capability = agency.capability_for(PARTNER)
        sent = [agency.record() for _ in range(5)]
        assert agency.submit(capability, *sent[:3]).status_code == 201
        copy = tmp_path / "copy"
        done = run_relay("backup", str(copy), "--database", str(relay.database))
        assert done.returncode == 0, done.stderr
        assert copy.stat().st_mode & 0o077 == 0
        again = run_relay("backup", str(copy), "--database", str(relay.database))
        assert (again.returncode, "is there already" in again.stderr) == (2, True)
        assert agency.submit(capability, *sent[3:]).status_code == 201
        refused = run_relay("restore", str(copy), "--yes", "--database", str(relay.database))
        assert (refused.returncode, "Another relay serves" in refused.stderr) == (2, True)
        relay.kill()
        with hold_port(relay.port):
            done = run_relay("restore", str(copy), "--yes", "--database", str(relay.database))
            assert done.returncode == 0, done.stderr
            relay.restart()
        page = _read_all(agency)
        assert [entry.sealed for entry in page.entries] == [each.sealed for each in sent[:3]]
        assert page.latest // ERA_NUMBERS > 0
        assert agency.submit(capability, *sent[3:]).status_code == 201
        assert _read_all(agency).latest == page.latest + 2
        assert CLIENT.get(relay.url + "/healthz").status_code == 200


def test_a_restore_asks_and_changes_nothing_where_it_is_not_wanted(tmp_path: Path) -> None:
    database, copy = _made(tmp_path / "relay.db"), tmp_path / "copy"
    assert main(["log-key", "--database", str(database)]) == 0
    assert main(["backup", str(copy), "--database", str(database)]) == 0
    before = database.read_bytes()
    done = run_relay("restore", str(copy), "--without-book", "--database", str(database))
    assert (done.returncode, "Nothing was restored" in done.stderr) == (2, True)
    assert database.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"a letter, no database" * 900])
def test_what_is_no_backup_is_refused_and_the_database_stays(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    database, copy = _made(tmp_path / "relay.db"), tmp_path / "copy"
    copy.write_bytes(content)
    before = database.read_bytes()
    assert main(["restore", str(copy), "--yes", "--database", str(database)]) == 2
    assert f"{copy} " in capsys.readouterr().err
    assert database.read_bytes() == before
    assert [path.name for path in tmp_path.glob("relay.db.*")] == []


def test_a_damaged_backup_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database, copy = _made(tmp_path / "relay.db"), tmp_path / "copy"
    assert main(["backup", str(copy), "--database", str(database)]) == 0
    _damage(copy)
    assert main(["restore", str(copy), "--yes", "--database", str(database)]) == 2
    assert "not a whole database" in capsys.readouterr().err


def test_migrate_says_what_it_would_do_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = _made(tmp_path / "relay.db")
    assert main(["migrate", "--check", "--database", str(database)]) == 0
    assert "is of this version" in capsys.readouterr().out
    assert main(["migrate", "--check", "--to", "0004", "--database", str(database)]) == 2
    with sqlcipher3.dbapi2.connect(str(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
    connection.close()
    assert main(["migrate", "--check", "--database", str(database)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("0004: ")
    assert "lacks the steps above" in said
