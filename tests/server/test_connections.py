"""What comes before there is a request: its head, its pace, and the upgrade of a websocket."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.server.agency import CLIENT
from tests.server.conftest import held_by
from tests.server.in_process import InProcessRelay

from quietway_server import connections
from quietway_server.connections import BoundedConnection

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess

CANARY = b"canary-4f1d-quietly"
KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def _ask(port: int, *parts: bytes, line: bytes = b"GET /v1/mailbox HTTP/1.1\r\n") -> bytes:
    """Send a head as it stands, and read until the relay closes."""
    host = b"Host: 127.0.0.1:%d\r\n" % port
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        contextlib.suppress(ConnectionError),
    ):
        connection.sendall(line + host + b"".join(parts) + b"\r\n")
        while part := connection.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "parts",
    [
        (UPGRADE, b"Sec-WebSocket-Key: " + CANARY + b"\r\n", VERSION),
        (UPGRADE, KEY, b"Sec-WebSocket-Version: " + CANARY + b"\r\n"),
        (UPGRADE, KEY, KEY, VERSION),
        (UPGRADE, VERSION, b"X-Key: " + CANARY + b"\r\n"),
        (UPGRADE, KEY, VERSION, b"Content-Length: 6\r\n"),
        (UPGRADE, KEY, VERSION, b"Transfer-Encoding: chunked\r\n"),
        (UPGRADE, KEY, VERSION, b"X-Long: " + CANARY * 600 + b"\r\n"),
        (UPGRADE, KEY, VERSION, *[b"X-%d: %s\r\n" % (n, CANARY) for n in range(120)]),
        (b"X-" + CANARY + b"\xff: 1\r\n", b"Connection: close\r\n"),
    ],
    ids=[
        "key", "version", "two keys", "no key", "length", "chunks", "long", "many", "bad name",
    ],
)  # fmt: skip
def test_a_head_that_cant_be_served_is_refused_with_a_constant(
    relay: RelayProcess, parts: tuple[bytes, ...]
) -> None:
    answer = _ask(relay.port, *parts)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(connections.REFUSAL.encode())
    _check_nothing_is_repeated(relay, answer)


@pytest.mark.parametrize(
    "part",
    [
        b"Connection: upgrade, ;" + CANARY + b"=\r\n",
        b"Sec-WebSocket-Extensions: " + CANARY + b" x=;;\r\n",
        b"Sec-WebSocket-Protocol: " + CANARY + b"\r\n",
        b"X-Text: caf\xe9 " + CANARY + b"\r\n",
    ],
    ids=["connection", "extensions", "protocol", "latin-1"],
)
def test_what_an_upgrade_offers_beyond_its_need_is_neither_taken_nor_repeated(
    relay: RelayProcess, part: bytes
) -> None:
    answer = _ask(relay.port, UPGRADE, KEY, VERSION, part)
    assert answer.startswith(b"HTTP/1.1 401 ")
    _check_nothing_is_repeated(relay, answer)


def _check_nothing_is_repeated(relay: RelayProcess, answer: bytes) -> None:
    assert CANARY not in answer
    assert CANARY.decode() not in relay.output
    assert CANARY not in held_by(relay)


def test_without_the_check_of_upgrades_their_refusal_repeats_a_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of the tests above."""
    without(monkeypatch, "quietway_server.connections:_is_upgrade", lambda _: True)
    with InProcessRelay().running() as relay:
        answer = _ask(relay.port, UPGRADE, VERSION, b"Sec-WebSocket-Key: " + CANARY + b"\r\n")
    assert CANARY in answer


class CrowdedConnection(BoundedConnection):
    """A connection whose turn never comes."""

    def handle_websocket_upgrade(self) -> None:
        self.turn_away(7)


def test_who_is_turned_away_is_told_when_to_come_back_in_the_form_of_every_refusal() -> None:
    with InProcessRelay(connection=CrowdedConnection).running() as relay:
        answer = _ask(relay.port, UPGRADE, KEY, VERSION)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 7\r\n" in head
    assert b"\r\ncontent-length: %d\r\n" % len(body) in head
    assert json.loads(body)["type"] == "urn:quietway:problem:overloaded"


def test_a_head_without_end_is_cut_off() -> None:
    with InProcessRelay().running() as relay:
        assert _push_head(relay.port) < 8_000_000


def test_without_counting_a_head_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    without(monkeypatch, "quietway_server.connections:BoundedConnection._count", lambda *_: None)
    with InProcessRelay().running() as relay:
        assert _push_head(relay.port) >= 8_000_000


def _push_head(port: int) -> int:
    """Send one endless header field; tell how much of 8 MB went."""
    pushed = 0
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        contextlib.suppress(ConnectionError),
    ):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Endless: ")
        while pushed < 8_000_000:
            connection.sendall(b"a" * 100_000)
            pushed += 100_000
    return pushed


class HastyConnection(BoundedConnection):
    """A connection that waits a tenth of a second for a head."""

    head_seconds = 0.1


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HT"], ids=["silence", "half a line"])
def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes) -> None:
    with (
        InProcessRelay(connection=HastyConnection).running() as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=10) as connection,
    ):
        connection.sendall(begun)
        assert connection.recv(100) == b""


def test_control_without_the_clock_a_head_is_waited_for_as_long_as_its_sender_likes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def begin_without_a_clock(connection: BoundedConnection) -> None:
        connection._in_head = True

    without(
        monkeypatch,
        "quietway_server.connections:BoundedConnection._begin_head",
        begin_without_a_clock,
    )
    with (
        InProcessRelay(connection=HastyConnection).running() as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=0.5) as connection,
    ):
        connection.sendall(b"GET /healthz HT")
        with pytest.raises(TimeoutError):
            connection.recv(100)


def test_a_whole_head_stops_the_clock_and_each_request_has_its_own() -> None:
    with InProcessRelay(connection=HastyConnection).running() as relay:
        request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % relay.port
        with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as connection:
            for _ in range(2):
                connection.sendall(request)
                answer = b""
                while not answer.endswith(b'{"status":"ok"}'):
                    part = connection.recv(4096)
                    assert part
                    answer += part
                time.sleep(0.15)
            connection.sendall(request[:20])
            assert connection.recv(100) == b""


def test_requests_that_come_in_one_piece_or_byte_by_byte_are_read_alike() -> None:
    with InProcessRelay().running() as relay:
        request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % relay.port
        padded = request + b"X-Pad: " + b"p" * 6000 + b"\r\n\r\n"
        last = request + b"Connection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as connection:
            connection.sendall(padded + padded)
            for at in range(len(last)):
                connection.sendall(last[at : at + 1])
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert len(re.findall(rb'\{"status":"ok"\}', answer)) == 3


def test_a_large_body_right_behind_its_head_is_read_whole(relay: RelayProcess) -> None:
    headers = {"Content-Type": "application/vnd.quietway.envelopes", "Quietway-Lane": "A" * 43}
    answer = CLIENT.post(relay.url + "/v1/envelopes", content=bytes(1_000_000), headers=headers)
    assert json.loads(answer.content)["type"].endswith("malformed_record")
