"""The submitting socket: batches in, answers out, in their order."""

from __future__ import annotations

import copy
import json
import socket as sockets
import time
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.relay_process import RelayProcess, wait_until
from tests.server.agency import PARTNER, join, problem_code
from tests.server.in_process import InProcessRelay
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from quietway_crypto.encoding import encode_base64
from quietway_schemas.frames import MailboxPage
from quietway_server.connections import BoundedConnection
from quietway_server.errors import StorageFullError
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.server.agency import Agency
    from websockets.sync.client import ClientConnection

    from quietway_server.store.memory import MemoryTransaction


def open_submission(
    agency: Agency, capability: bytes | None = None, **headers: str
) -> ClientConnection:
    """Open a submitting socket, with the lane of a partner unless another is given."""
    lane = encode_base64(capability or agency.capability_for(PARTNER))
    return connect(
        "ws" + agency.url.removeprefix("http") + "/v1/submit",
        additional_headers={"Quietway-Lane": lane} | headers,
        compression=None,
        proxy=None,
    )


def answers_to(socket: ClientConnection, last: int) -> list[dict[str, object]]:
    """Receive answers until the last batch has its own."""
    answers: list[dict[str, object]] = []
    while not answers or answers[-1].get("through", answers[-1].get("at")) != last:
        answers.append(json.loads(socket.recv(timeout=10)))
    return answers


def latest(agency: Agency) -> int:
    return MailboxPage.unpack(agency.get("/v1/mailbox?after=0").content).latest


def test_batches_are_stored_in_their_order_and_one_answer_may_cover_many(agency: Agency) -> None:
    batches = [[agency.record() for _ in range(size)] for size in (1, 3, 2)]
    with open_submission(agency) as socket:
        for batch in batches:
            socket.send(b"".join(record.pack() for record in batch))
        answers = answers_to(socket, 3)
    assert {answer["frame"] for answer in answers} == {"accepted"}
    page = MailboxPage.unpack(agency.get("/v1/mailbox?after=0").content)
    sent = [record for batch in batches for record in batch]
    assert [(e.seq, e.header, e.sealed) for e in page.entries] == [
        (n, record.header, record.sealed) for n, record in enumerate(sent, 1)
    ]


def test_a_refused_batch_changes_nothing_and_its_neighbours_are_stored(agency: Agency) -> None:
    first = agency.record()
    forged = agency.record(envelope_id=first.header.envelope_id.value)
    with open_submission(agency) as socket:
        socket.send(first.pack())
        socket.send(agency.record().pack() + forged.pack())
        socket.send(b"cut short")
        socket.send(agency.record().pack())
        answers = answers_to(socket, 4)
    assert [answer for answer in answers if answer["frame"] == "refused"] == [
        {"frame": "refused", "at": 2, "problem": "conflict", "index": 1},
        {"frame": "refused", "at": 3, "problem": "malformed_record", "index": 0},
    ]
    assert latest(agency) == 2


def test_what_was_not_answered_is_sent_again_and_stored_once(agency: Agency) -> None:
    record = agency.record()
    for _ in range(2):
        with open_submission(agency) as socket:
            socket.send(record.pack())
            assert answers_to(socket, 1) == [{"frame": "accepted", "through": 1}]
    assert agency.submit(agency.capability_for(PARTNER), record).status_code == 201
    assert latest(agency) == 1


class FullStore(MemoryStore):
    """A store that may have no room."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False

    def writing(self) -> AbstractContextManager[MemoryTransaction]:
        if self.is_full:
            raise StorageFullError
        return super().writing()


def test_a_batch_that_finds_no_room_is_told_when_to_come_again_like_a_request() -> None:
    store = FullStore()
    with InProcessRelay(store=store).running() as relay:
        agency = relay.new_agency()
        record = agency.record()
        with open_submission(agency) as socket:
            store.is_full = True
            socket.send(record.pack())
            (answer,) = answers_to(socket, 1)
            request = agency.submit(agency.capability_for(PARTNER), record)
            store.is_full = False
            socket.send(record.pack())
            assert answers_to(socket, 2) == [{"frame": "accepted", "through": 2}]
    assert (answer["problem"], problem_code(request)) == ("storage_full", "storage_full")
    assert str(answer["retry_after"]) == request.headers["Retry-After"]


def test_a_lane_that_opens_nothing_is_told_with_the_batch_and_not_before(agency: Agency) -> None:
    with open_submission(agency, agency.draw(32)) as socket:
        socket.send(agency.record().pack())
        (answer,) = answers_to(socket, 1)
    assert (answer["problem"], answer["index"]) == ("not_found", 0)


@pytest.mark.parametrize("lane", ["", "AAAA", "!" * 43])
def test_a_lane_out_of_form_is_refused_before_the_socket_opens(agency: Agency, lane: str) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        open_submission(agency, **{"Quietway-Lane": lane}),
    ):
        pass
    assert refused.value.response.status_code == 400
    assert b"quietway-lane" in (refused.value.response.body or b"")


def test_a_text_frame_ends_the_socket_and_says_why(agency: Agency) -> None:
    with open_submission(agency) as socket:
        socket.send("hello")
        assert json.loads(socket.recv(timeout=10))["problem"] == "malformed_json"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_a_frame_may_have_a_mebibyte_and_not_more(agency: Agency) -> None:
    with open_submission(agency) as socket:
        socket.send(bytes(1024 * 1024))
        assert answers_to(socket, 1)[0]["problem"] == "malformed_record"
        socket.send(bytes(1024 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_submitters_are_limited_by_themselves_and_keep_no_reader_out(tmp_path: Path) -> None:
    with RelayProcess(tmp_path / "relay", options={"submit_sockets": "1"}) as relay:
        agency = join(relay.url, relay.enroll(), 7)
        with open_submission(agency):
            with pytest.raises(InvalidStatus) as refused, open_submission(agency):
                pass
            assert refused.value.response.status_code == 503
            with agency.open_socket() as reading:
                assert agency.greet(reading)["frame"] == "welcome"
        with open_submission(agency) as again:
            again.send(agency.record().pack())
            assert answers_to(again, 1) == [{"frame": "accepted", "through": 1}]


def _ends_by_itself(*, idle_seconds: float, patience: float) -> bool:
    with InProcessRelay(idle_seconds=idle_seconds).running() as relay:
        agency = relay.new_agency()
        with open_submission(agency) as socket:
            socket.send(agency.record().pack())
            answers_to(socket, 1)
            try:
                socket.recv(timeout=patience)
            except TimeoutError:
                return False
            except ConnectionClosed as closed:
                return closed.rcvd is not None and closed.rcvd.code == 1000
    return False


def test_a_socket_that_brings_nothing_more_is_closed() -> None:
    assert _ends_by_itself(idle_seconds=0.2, patience=10)


def test_control_without_the_clock_a_silent_socket_would_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(
        monkeypatch,
        "quietway_protocol.submission:SubmissionSession.has_news",
        lambda *_, **__: True,
    )
    assert not _ends_by_itself(idle_seconds=0.2, patience=1)


class HeldStore(MemoryStore):
    """A store whose commits wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held = False

    def writing(self) -> AbstractContextManager[MemoryTransaction]:
        while self.held:
            time.sleep(0.01)
        return super().writing()


def _read_while_nothing_is_answered() -> int:
    """Send 200 batches while the disk stands still; tell how many the relay has taken in."""
    store, taken = HeldStore(), 0
    with InProcessRelay(store=store).running() as relay:
        agency = relay.new_agency()
        with open_submission(agency) as socket:
            store.held = True
            for _ in range(200):
                socket.send(agency.record().pack())
            taken = _settle_on(relay)
            store.held = False
            assert answers_to(socket, 200)[-1] == {"frame": "accepted", "through": 200}
    return taken


def _settle_on(relay: InProcessRelay) -> int:
    seen: list[int] = []

    def stands() -> bool:
        seen.append(relay.relay.writer.queued_jobs)
        return len(seen) > 20 and len(set(seen[-20:])) == 1

    wait_until(stands)
    return seen[-1]


def test_a_sender_that_is_too_fast_waits_at_its_own_socket() -> None:
    assert _read_while_nothing_is_answered() == 64


def test_control_without_a_window_the_relay_would_hold_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_protocol.submission:SubmissionSession.has_room", lambda _: True)
    assert _read_while_nothing_is_answered() == 200


EMPTY_PIECE = bytes((0x00, 0x80, 0, 0, 0, 0))
EMPTY_BATCH = bytes((0x82, 0x80, 0, 0, 0, 0))


def _ends_a_message_without_end(agency: Agency) -> bool:
    """Send a batch in ever more empty pieces; tell whether the relay refuses it as too large."""
    with open_submission(agency) as socket:
        socket.socket.sendall(bytes((0x02, *EMPTY_PIECE[1:])) + EMPTY_PIECE * 5000)
        try:
            socket.recv(timeout=1)
        except TimeoutError:
            return False
        except ConnectionClosed as closed:
            return closed.rcvd is not None and closed.rcvd.code == 1009
    return False


def test_a_message_in_pieces_without_end_is_refused(agency: Agency) -> None:
    assert _ends_a_message_without_end(agency)


def test_control_without_counting_pieces_a_message_would_grow_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(
        monkeypatch,
        "quietway_server.direct:DirectSocket.handle_cont",
        WebSocketsSansIOProtocol.handle_cont,
    )
    with InProcessRelay().running() as relay:
        assert not _ends_a_message_without_end(relay.new_agency())


class Impatient(BoundedConnection):
    """A connection whose websocket pings soon and waits briefly, and whose system holds little."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        connection: sockets.socket = transport.get_extra_info("socket")
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 4096)
        super().connection_made(transport)

    def handle_websocket_upgrade(self) -> None:
        self.config = copy.copy(self.config)
        self.config.ws_ping_interval = self.config.ws_ping_timeout = 0.4
        super().handle_websocket_upgrade()


def _is_cut_off(*, patience: float) -> bool:
    """Send batches that are refused and read no answer; tell whether the connection ends."""
    with InProcessRelay(connection=Impatient, idle_seconds=0.2).running() as relay:
        agency = relay.new_agency()
        with open_submission(agency) as opened, sockets.socket() as socket:
            head = opened.request
            assert head is not None
            socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            socket.connect(("127.0.0.1", relay.port))
            socket.sendall(head.serialize())
            assert socket.recv(12) == b"HTTP/1.1 101"
            socket.settimeout(0.1)
            end, rest = time.monotonic() + patience, b""
            while time.monotonic() < end:
                rest = rest or EMPTY_BATCH * 1000
                try:
                    rest = rest[socket.send(rest) :]
                except TimeoutError:
                    continue
                except OSError:
                    return True
    return False


def test_a_sender_that_reads_no_answer_gives_its_place_back() -> None:
    assert _is_cut_off(patience=10)


def test_control_without_a_look_at_the_end_it_would_keep_its_place_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_server.direct:DirectSocket._watch", lambda _: None)
    assert not _is_cut_off(patience=3)
