"""Starting, ending, and what the relay does when its disk is full or fails."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import sqlcipher3.dbapi2
from tests.controls import without
from tests.relay_process import RelayProcess, product_environment, run_relay, wait_until
from tests.server.agency import CLIENT, PARTNER, Agency, join, problem_code
from tests.server.conftest import held_by, make_code

from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.frames import MailboxPage
from quietway_server.__main__ import main
from quietway_server.errors import StartError
from quietway_server.store.ownership import own
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def test_a_relay_is_ready_soon_and_ends_with_status_0(tmp_path: Path) -> None:
    relay = RelayProcess(tmp_path / "new" / "folder")
    for number in (signal.SIGTERM, signal.SIGINT):
        url = relay.start()
        assert CLIENT.get(url + "/healthz").json() == {"status": "ok"}
        assert relay.stop(number) == 0
    assert (relay.database.stat().st_mode & 0o077, "Traceback" in relay.output) == (0, False)


def test_a_socket_that_is_open_at_the_end_does_not_hold_the_relay_up(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as relay:
        agency = join(relay.url, make_code(relay), 1)
        with agency.open_socket() as opened:
            agency.greet(opened)
            began = time.monotonic()
            assert relay.stop() == 0
        assert time.monotonic() - began < 8
        assert "Traceback" not in relay.output


def test_what_was_accepted_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as relay:
        agency = join(relay.url, make_code(relay), 2)
        capability, accepted = agency.capability_for(PARTNER), []
        for count in (1, 4):
            for _ in range(count):
                record = agency.record()
                assert agency.submit(capability, record).status_code == 201
                accepted.append(record.sealed)
            relay.kill()
            relay.restart()
        page = MailboxPage.unpack(agency.get("/v1/mailbox").content)
        assert [entry.sealed for entry in page.entries] == accepted
        assert agency.submit(capability, record).status_code == 201
        assert MailboxPage.unpack(agency.get("/v1/mailbox").content).latest == 5


@pytest.fixture
def sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """Run a command that fails, in this process, and give the one sentence that it says."""
    mask = os.umask(0o022)
    # A hardened process stays so, and this one runs other tests after it.
    without(monkeypatch, "quietway_server.__main__:harden_process", lambda: None)

    def run(*arguments: str) -> str:
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert said.startswith("quietway-relay: ")
        assert said.count("\n") == 1
        return said

    yield run
    os.umask(mask)


def test_a_taken_port_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_relay("serve", "--port", port, "--database", str(tmp_path / "r.db"))
    said = done.stderr
    assert (done.returncode, said.count("\n")) == (2, 1)
    assert f"Port {port} is taken" in said
    assert "--port" in said


def test_a_second_relay_on_the_same_database_is_refused(
    sweeping: RelayProcess, sentence: Callable[..., str]
) -> None:
    said = sentence("serve", "--port", "0", "--database", str(sweeping.database))
    assert "Another relay serves" in said
    assert "--database" in said


def test_control_without_the_lock_two_relays_serve_one_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "relay.db"
    with own(database), pytest.raises(StartError), own(database):
        pass
    without(monkeypatch, "quietway_server.store.ownership:_lock", lambda _: None)
    with own(database), own(database):
        pass


def test_a_folder_that_cant_be_written_is_one_sentence(
    tmp_path: Path, sentence: Callable[..., str]
) -> None:
    (tmp_path / "file").write_text("")
    said = sentence("serve", "--port", "0", "--database", str(tmp_path / "file" / "r.db"))
    assert "choose another with --database" in said


def test_the_operator_gets_a_code_that_is_good_while_the_relay_serves(
    sweeping: RelayProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = os.umask(0o022)
    assert main(["enroll", "--database", str(sweeping.database)]) == 0
    os.umask(mask)
    said = capsys.readouterr()
    assert "good once, for 72 hours" in said.err
    assert join(sweeping.url, said.out.strip(), 9).version == 1


def test_a_file_that_is_no_database_is_one_sentence_and_stays_as_it_is(
    tmp_path: Path, sentence: Callable[..., str]
) -> None:
    path = tmp_path / "r.db"
    path.write_bytes(b"a letter, not a database" * 400)
    said = sentence("migrate", "--database", str(path))
    assert "can't be opened" in said
    assert path.read_bytes().startswith(b"a letter")


def test_a_database_of_a_newer_relay_is_refused_and_not_touched(
    tmp_path: Path, sentence: Callable[..., str]
) -> None:
    path = tmp_path / "r.db"
    SqliteStore(path).close()
    with sqlcipher3.dbapi2.connect(str(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    said = sentence("migrate", "--database", str(path))
    assert "a newer relay wrote" in said


def test_a_database_of_another_page_size_is_refused(
    tmp_path: Path, sentence: Callable[..., str]
) -> None:
    path = tmp_path / "r.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (a)")
    connection.close()
    assert "page_size" in sentence("migrate", "--database", str(path))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "99999"),
        ("--port", "eight"),
        ("--mailbox-envelopes", "0"),
        ("--public-url", "http://relay.example"),
        ("--public-url", "https://relay.example/path"),
        ("--host", "0.0.0.0"),  # noqa: S104, it is refused without a public address
    ],
)
def test_a_setting_that_cant_be_used_is_named(
    tmp_path: Path, sentence: Callable[..., str], option: str, value: str
) -> None:
    said = sentence("serve", "--database", str(tmp_path / "r.db"), option, value)
    assert option in said or "--public-url" in said


def test_a_full_database_refuses_envelopes_but_is_read_emptied_and_goes_on(tmp_path: Path) -> None:
    relay = RelayProcess(tmp_path, options={"max_database_bytes": str(120 * 8192)})
    with relay:
        agency = join(relay.url, make_code(relay), 3)
        capability, sent = agency.capability_for(PARTNER), 0
        while True:
            answer = agency.submit(capability, agency.record(EnvelopeClass.CASE))
            if answer.status_code != 201:
                break
            sent += 1
        assert problem_code(answer) == "storage_full"
        assert answer.headers["retry-after"]
        page = MailboxPage.unpack(agency.get("/v1/mailbox").content)
        assert (page.latest, len(page.entries)) == (sent, 2)
        through = {"frame": "ack", "through": sent}
        assert agency.post("/v1/mailbox/ack", through).status_code == 204
        assert agency.submit(capability, agency.record(EnvelopeClass.CASE)).status_code == 201
        assert MailboxPage.unpack(agency.get("/v1/mailbox").content).latest == sent + 1
        assert relay.stop() == 0


def _limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def test_a_failed_write_ends_the_process_and_loses_nothing_that_was_accepted(
    tmp_path: Path,
) -> None:
    failing = RelayProcess(tmp_path, before=_limit_file_size)
    with failing:
        agency = join(failing.url, make_code(failing), 4)
        capability, accepted = agency.capability_for(PARTNER), 0
        while True:
            answer = agency.submit(capability, agency.record(EnvelopeClass.CASE))
            if answer.status_code != 201:
                break
            accepted += 1
        assert problem_code(answer) == "storage_failed"
        assert failing.wait() == 1
    with RelayProcess(tmp_path) as relay:
        agency.url = relay.url
        assert MailboxPage.unpack(agency.get("/v1/mailbox").content).latest == accepted
        assert accepted > 0


def test_the_mailbox_and_lane_limits_are_refusals_that_say_when_to_retry(tmp_path: Path) -> None:
    limits = {"mailbox_envelopes": "6", "lane_envelopes": "5", "lane_crisis_envelopes": "2"}
    with RelayProcess(tmp_path, options=limits) as relay:
        agency = join(relay.url, make_code(relay), 5)
        capability = agency.capability_for(PARTNER)
        full = agency.submit(capability, *[agency.record() for _ in range(4)])
        assert (problem_code(full), full.json()["index"]) == ("mailbox_full", 3)
        records = [agency.record() for _ in range(3)]
        assert agency.submit(capability, *records).status_code == 201
        assert agency.submit(capability, *records).status_code == 201
        agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 3})
        assert agency.submit(capability, agency.record(), agency.record()).status_code == 201
        spent = agency.submit(capability, agency.record())
        assert problem_code(spent) == "over_quota"
        assert int(spent.headers["retry-after"]) > 0
        # An alarm's quota is another one, beside the first.
        agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 5})
        crisis = agency.capability_for(PARTNER, kind="crisis")
        assert agency.submit(crisis, agency.record(), agency.record()).status_code == 201
        agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 7})
        third = agency.submit(crisis, agency.record())
        assert (problem_code(third), third.json()["index"]) == ("over_quota", 0)
        assert int(third.headers["retry-after"]) > 0


@pytest.fixture(scope="module")
def sweeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A relay that sweeps every second."""
    folder = tmp_path_factory.mktemp("sweeping")
    with RelayProcess(folder, options={"sweep_seconds": "1"}) as relay:
        yield relay


def test_the_log_holds_events_and_numbers_only(sweeping: RelayProcess) -> None:
    agency = join(sweeping.url, make_code(sweeping), 6)
    with agency.open_socket() as opened:
        agency.greet(opened)
    CLIENT.get(sweeping.url + "/nothing-of-interest")
    wait_until(lambda: "swept" in sweeping.output)
    lines = [line for line in sweeping.output.splitlines() if "listening on" not in line]
    for line in lines:
        assert line.startswith('{"event": "'), line
    for secret in ("127.0.0.1", "/v1/", "nothing", str(agency.device_id), "python"):
        assert secret not in "".join(lines)


def test_the_help_teaches_each_command_and_setting(capsys: pytest.CaptureFixture[str]) -> None:
    done = run_relay("--help")
    assert done.returncode == 0
    for word in ("serve", "enroll", "migrate", "sweep", "openapi", "QUIETWAY_RELAY_"):
        assert word in done.stdout
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    assert "--max-database-bytes" in capsys.readouterr().out


def test_deleted_bytes_are_gone_from_the_files_after_a_sweep(sweeping: RelayProcess) -> None:
    agency = join(sweeping.url, make_code(sweeping), 7)
    record = agency.record()
    agency.submit(agency.capability_for(PARTNER), record)
    assert record.sealed[:64] in held_by(sweeping)
    agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 1})
    wait_until(lambda: record.sealed[:64] not in held_by(sweeping), seconds=10)


def test_an_agency_of_one_relay_is_a_stranger_to_another(relay: RelayProcess) -> None:
    stranger = Agency(relay.url, 90_008)
    assert problem_code(stranger.get("/v1/directory")) == "not_authenticated"


NOISE = """
import asyncio, gc, logging, threading, warnings
from quietway_server import log

CANARY = "canary-4f1d-quietly"

class Unlucky:
    def __del__(self):
        raise RuntimeError(CANARY)

def crash():
    raise RuntimeError(CANARY)

async def forget():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.log_loop_failure)
    loop.call_soon(crash)
    task = asyncio.ensure_future(asyncio.to_thread(crash))
    await asyncio.sleep(0.1)
    del task
    gc.collect()
    await asyncio.sleep(0.01)

log.start_logging()
for name in (
    "", "uvicorn.error", "uvicorn.access", "websockets.server", "alembic.runtime", "asyncio",
    "sqlalchemy.engine", "http_message_signatures", "anyone.else",
):
    logging.getLogger(name).critical(CANARY)
thread = threading.Thread(target=crash)
thread.start()
thread.join()
Unlucky()
asyncio.run(forget())
log.log_event("started")
crash()
"""


def test_neither_a_library_nor_a_crash_can_write_what_it_held() -> None:
    silent, loud = (
        subprocess.run(
            [sys.executable, "-c", script],
            env=product_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        for script in (NOISE, NOISE.replace("log.start_logging()", ""))
    )
    assert "canary" in loud.stderr  # the control: without our logging they all speak
    assert "canary" not in silent.stderr + silent.stdout
    lines = silent.stderr.splitlines()
    crashed = '{"event": "crashed", "error": "RuntimeError"}'
    assert (lines.count(crashed), lines.count('{"event": "started"}')) == (5, 1)
    assert (len(lines), silent.returncode) == (6, 1)
