"""Broken HTTP and broken frames: the relay answers or closes, and serves everybody else.

Between every few cases an honest client asks; afterwards the process is the same, has not grown,
and none of the requests that were hidden in others was carried out.
"""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.controls import without
from tests.server.agency import CLIENT, PARTNER
from tests.server.corpus import BROKEN, FLOODS, FRAMES, SMUGGLING
from tests.server.in_process import InProcessRelay

from quietway_crypto.encoding import encode_base64
from quietway_schemas.frames import MailboxPage

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.relay_process import RelayProcess
    from tests.server.agency import Agency

PATIENCE: Final = 10.0
QUIET: Final = 0.3
"""Nothing more is expected from a relay that was silent for so long: it waits for the rest."""
HONEST_AFTER: Final = 8
GONE: Final = 1006
MOST_GROWTH_KIB: Final = 32 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_KEY: Final = "AAAAAAAAAAAAAAAAAAAAAA=="


def test_the_corpus_is_large_enough() -> None:
    assert len(SMUGGLING) + len(BROKEN) + len(FRAMES) + len(FLOODS) >= 150


def _fill(case: bytes, agency: Agency) -> bytes:
    """Put the relay's name in, and a request that would store an envelope."""
    record = agency.record().pack()
    lane = encode_base64(agency.capability_for(PARTNER)).encode()
    host = agency.url.removeprefix("http://").encode()
    inner = (
        b"POST /v1/envelopes HTTP/1.1\r\nHost: %b\r\nQuietway-Lane: %b\r\n"
        b"Content-Type: application/vnd.quietway.envelopes\r\nContent-Length: %d\r\n\r\n%b"
    ) % (host, lane, len(record), record)
    filled = case.replace(b"{host}", host).replace(b"{length}", b"%d" % len(inner))
    return filled.replace(b"{inner}", inner)


def _push(connection: socket.socket, raw: bytes) -> bytes:
    """Send what goes, and read until the relay closes or says nothing more."""
    told = b""
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        connection.sendall(raw)
    connection.settimeout(QUIET)
    with contextlib.suppress(ConnectionError, TimeoutError):
        while part := connection.recv(65_536):
            told += part
    return told


def _ask(port: int, raw: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        return _push(connection, raw)


def _be_honest(agency: Agency) -> None:
    """Ask as an honest client does, on a connection of its own."""
    assert CLIENT.get(agency.url + "/healthz").status_code == 200
    assert agency.get("/v1/mailbox").status_code == 200


def _memory_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text(encoding="ascii"))
    assert found is not None
    return int(found[1])


def _run(
    agency: Agency, cases: dict[str, bytes], ask: Callable[[bytes], bytes]
) -> dict[str, bytes]:
    """Run cases, with an honest request between every few."""
    told = {}
    for number, (name, case) in enumerate(cases.items()):
        told[name] = ask(_fill(case, agency))
        if number % HONEST_AFTER == 0:
            _be_honest(agency)
    _be_honest(agency)
    return told


def test_broken_requests_are_refused_or_cut_off_and_none_is_smuggled(
    relay: RelayProcess, new_agency: Callable[[], Agency]
) -> None:
    agency = new_agency()
    pid, memory = relay.pid, _memory_kib(relay.pid)
    told = _run(agency, {**SMUGGLING, **BROKEN}, lambda raw: _ask(relay.port, raw))
    for name, answer in told.items():
        statuses = {int(status) for status in _STATUS.findall(answer)}
        # Where an honest request stands before the rubbish, it may be served.
        assert statuses <= {200, 400, 404, 405, 413, 415}, (name, answer)
        assert b"evil" not in answer, name
        assert b"Traceback" not in answer, name
    assert MailboxPage.unpack(agency.get("/v1/mailbox").content).latest == 0
    assert relay.pid == pid
    assert _memory_kib(pid) <= memory + MOST_GROWTH_KIB
    assert "crashed" not in relay.output
    assert "request_failed" not in relay.output


def test_what_the_corpus_hides_would_be_carried_out_by_itself(
    new_agency: Callable[[], Agency],
) -> None:
    """The control of the test above: the hidden request is a good one."""
    agency = new_agency()
    answer = _ask(int(agency.url.rpartition(":")[2]), _fill(b"{inner}", agency))
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert MailboxPage.unpack(agency.get("/v1/mailbox").content).latest == 1


def test_control_without_our_refusals_an_absolute_target_lets_the_hidden_request_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = SMUGGLING["an absolute target elsewhere"]
    with InProcessRelay().running() as relay:
        agency = relay.new_agency()
        _ask(relay.port, _fill(case, agency))
        assert MailboxPage.unpack(agency.get("/v1/mailbox").content).latest == 0
        without(monkeypatch, "quietway_server.connections:_is_path", lambda _: True)
        _ask(relay.port, _fill(case, agency))
        assert MailboxPage.unpack(agency.get("/v1/mailbox").content).latest == 1


def _open(agency: Agency) -> socket.socket:
    """Open a mailbox socket by hand."""
    connection = socket.create_connection(
        ("127.0.0.1", int(agency.url.rpartition(":")[2])), timeout=PATIENCE
    )
    fields = {
        "Host": agency.url.removeprefix("http://"),
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": _KEY,
        "Sec-WebSocket-Version": "13",
        **agency.signature("GET", "/v1/mailbox"),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection.sendall(f"GET /v1/mailbox HTTP/1.1\r\n{head}\r\n".encode())
    told = b""
    while b"\r\n\r\n" not in told:
        told += connection.recv(1)
    assert told.startswith(b"HTTP/1.1 101 "), told
    return connection


def _say(agency: Agency, raw: bytes) -> bytes:
    with _open(agency) as connection:
        told = _push(connection, raw)
        with contextlib.suppress(TimeoutError):
            with contextlib.suppress(ConnectionError):
                connection.recv(1)
            # As if it were a frame: the connection is gone.
            told += b"\x88\x02" + GONE.to_bytes(2, "big")
        return told


def test_broken_frames_close_their_socket_and_nobody_elses(
    relay: RelayProcess, new_agency: Callable[[], Agency]
) -> None:
    agency = new_agency()
    memory = _memory_kib(relay.pid)
    watcher = new_agency()
    with watcher.open_socket() as other:
        watcher.greet(other)
        told = _run(agency, {**FRAMES, **FLOODS}, lambda raw: _say(agency, raw))
        watcher.submit(watcher.capability_for(PARTNER), watcher.record())
        assert isinstance(other.recv(timeout=PATIENCE), bytes)
    for name, answer in told.items():
        codes = _close_codes(answer)
        assert codes or name in FLOODS, name
        assert not codes - {1000, 1001, 1002, 1003, 1007, 1008, 1009, GONE}, (name, codes)
        assert not re.search(rb"[Tt]raceback|hello\x00", answer), name
    assert _memory_kib(relay.pid) <= memory + MOST_GROWTH_KIB
    assert "crashed" not in relay.output


def _close_codes(stream: bytes) -> set[int]:
    """Read the close codes out of what the relay said: frames without masks."""
    codes, at = set(), 0
    while at + 2 <= len(stream):
        length, start = stream[at + 1] & 0x7F, at + 2
        if length == 126:
            length, start = int.from_bytes(stream[at + 2 : at + 4], "big"), at + 4
        if stream[at] & 0x0F == 8 and length >= 2:
            codes.add(int.from_bytes(stream[start : start + 2], "big"))
        at = start + length
    return codes


def test_control_without_our_limit_a_frame_of_any_length_would_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of the limits: what closes a socket that says too much is ours."""
    from quietway_server import serving  # noqa: PLC0415, for one test

    configure = serving._configure

    def configure_without_limit(*given: object) -> object:
        config = configure(*given)  # type: ignore[arg-type]  # as the product calls it
        config.ws_max_size = 2**30
        return config

    case = FRAMES["a message that is too long"]
    with InProcessRelay().running() as relay:
        assert 1009 in _close_codes(_say(relay.new_agency(), case))
    without(monkeypatch, "tests.server.in_process:_configure", configure_without_limit)
    with InProcessRelay().running() as relay:
        assert 1009 not in _close_codes(_say(relay.new_agency(), case))


def test_a_hundred_half_requests_keep_nobody_from_being_served(
    relay: RelayProcess, new_agency: Callable[[], Agency]
) -> None:
    """Slowloris: many heads that come bit by bit; each has 20 s, and nobody waits for them."""
    agency = new_agency()
    with contextlib.ExitStack() as held:
        slow = [
            held.enter_context(socket.create_connection(("127.0.0.1", relay.port)))
            for _ in range(100)
        ]
        for piece in (b"GET /v", b"1/ma", b"ilbox H"):
            for connection in slow:
                connection.sendall(piece)
            _be_honest(agency)
    _be_honest(agency)
