from __future__ import annotations

import contextlib
import functools
import json
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.server.agency import CLIENT, PARTNER, now_ms, problem_code
from tests.server.in_process import InProcessRelay
from tests.server.test_submit_socket import HeldStore
from websockets.exceptions import ConnectionClosed, InvalidStatus

from quietway_crypto.encoding import encode_base64
from quietway_protocol.request_signature import sign_request
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.frames import PAGE_BYTES, EnvelopeFrame, MailboxPage
from quietway_schemas.instants import HOUR
from quietway_server.store.memory import MemoryTransaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.agency import Agency


def _fill(agency: Agency, count: int) -> None:
    capability = agency.capability_for(PARTNER)
    for start in range(0, count, 100):
        records = [agency.record() for _ in range(min(100, count - start))]
        assert agency.submit(capability, *records).status_code == 201


def test_a_poll_has_one_size_whether_the_mailbox_is_empty_or_full(agency: Agency) -> None:
    sizes = set()
    for count in (0, 1, 6, 20):
        _fill(agency, count)
        answer = agency.get("/v1/mailbox?after=0")
        sizes.add(len(answer.content))
        assert len(MailboxPage.unpack(answer.content).entries) <= 6
    assert sizes == {PAGE_BYTES}


def test_a_poll_shows_what_fits_of_large_envelopes(agency: Agency) -> None:
    agency.submit(
        agency.capability_for(PARTNER), *[agency.record(EnvelopeClass.CASE) for _ in range(3)]
    )
    page = MailboxPage.unpack(agency.get("/v1/mailbox").content)
    assert [entry.seq for entry in page.entries] == [1, 2]


def test_acknowledging_deletes_and_may_be_repeated(agency: Agency) -> None:
    _fill(agency, 4)
    for body in ({"frame": "ack", "seqs": [2, 3]}, {"frame": "ack", "seqs": [2, 3, 99]}):
        assert agency.post("/v1/mailbox/ack", body).status_code == 204
    page = MailboxPage.unpack(agency.get("/v1/mailbox").content)
    assert [entry.seq for entry in page.entries] == [1, 4]


def test_a_mailbox_is_read_by_its_own_device_and_no_other(
    new_agency: Callable[[], Agency],
) -> None:
    mine, other = new_agency(), new_agency()
    _fill(mine, 2)
    assert MailboxPage.unpack(other.get("/v1/mailbox").content).latest == 0
    other.post("/v1/mailbox/ack", {"frame": "ack", "through": 9})
    assert len(MailboxPage.unpack(mine.get("/v1/mailbox").content).entries) == 2


def _say_hello(agency: Agency, was: bytes | None, now: bytes) -> object:
    answer = agency.post("/v1/mailbox/hello", agency.hello(was=was, now=now))
    assert answer.status_code == 200
    return answer.json()["witness"]


def test_a_store_that_was_copied_back_is_told_that_someone_went_on(agency: Agency) -> None:
    first, second, third = (agency.draw(16) for _ in range(3))
    say = functools.partial(_say_hello, agency)

    assert say(None, first) == "kept"
    assert say(first, second) == "kept"
    assert say(first, second) == "kept"  # the answer was lost, and the hello is repeated
    assert say(first, third) == "changed"  # the copy knows nothing of the second
    assert say(first, third) == "changed"  # nor is that answer lost with its connection
    assert say(third, agency.draw(16)) == "kept"  # it was heard, and the copy goes on
    assert say(second, agency.draw(16)) == "changed"  # the other copy hears of it too


def test_control_without_keeping_what_was_answered_an_alarm_is_lost_with_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = MemoryTransaction.keep_witness

    def keep_the_witness_alone(
        transaction: MemoryTransaction, mailbox: bytes, witness: bytes, **_: object
    ) -> None:
        keep(transaction, mailbox, witness, changed=False)

    without(
        monkeypatch,
        "quietway_server.store.memory:MemoryTransaction.keep_witness",
        keep_the_witness_alone,
    )
    with InProcessRelay().running() as relay:
        agency = relay.new_agency()
        first, second, third = (agency.draw(16) for _ in range(3))
        _say_hello(agency, None, first)
        _say_hello(agency, first, second)
        assert _say_hello(agency, first, third) == "changed"
        assert _say_hello(agency, first, third) == "kept"


def test_the_welcome_tells_the_highest_acknowledged_number(agency: Agency) -> None:
    _fill(agency, 3)
    agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 2})
    welcome = agency.post("/v1/mailbox/hello", agency.hello(now=agency.draw(16))).json()
    assert (welcome["latest"], welcome["acknowledged"]) == (3, 2)
    assert abs(welcome["now"] - now_ms()) < 10_000


def test_an_acknowledgement_beyond_the_end_counts_only_to_the_end(agency: Agency) -> None:
    _fill(agency, 1)
    agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 2**53 - 1})
    welcome = agency.post("/v1/mailbox/hello", agency.hello(now=agency.draw(16))).json()
    assert welcome["acknowledged"] == 1


def test_the_socket_brings_what_waited_and_what_comes(agency: Agency) -> None:
    _fill(agency, 2)
    with agency.open_socket() as socket:
        assert agency.greet(socket)["latest"] == 2
        _fill(agency, 1)
        frames = [EnvelopeFrame.unpack(_bytes(socket.recv(timeout=10))) for _ in range(3)]
    assert [frame.seq for frame in frames] == [1, 2, 3]


def test_the_socket_keeps_64_unacknowledged_and_goes_on_when_one_is(agency: Agency) -> None:
    _fill(agency, 70)
    with agency.open_socket() as socket:
        agency.greet(socket)
        seqs = [EnvelopeFrame.unpack(_bytes(socket.recv(timeout=10))).seq for _ in range(64)]
        assert seqs == list(range(1, 65))
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)
        socket.send(json.dumps({"frame": "ack", "seqs": [1, 2]}))
        more = [EnvelopeFrame.unpack(_bytes(socket.recv(timeout=10))).seq for _ in range(2)]
        socket.send(json.dumps({"frame": "ack", "through": 66}))
        rest = [EnvelopeFrame.unpack(_bytes(socket.recv(timeout=10))).seq for _ in range(4)]
    assert more + rest == [65, 66, 67, 68, 69, 70]


def test_what_was_not_acknowledged_comes_again_on_the_next_socket(agency: Agency) -> None:
    _fill(agency, 2)
    for _ in range(2):
        with agency.open_socket() as socket:
            agency.greet(socket)
            assert EnvelopeFrame.unpack(_bytes(socket.recv(timeout=10))).seq == 1


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        '{"frame":"ack","through":1}',
        '{"frame":"hello","after":0,"after":1,"witness_now":"AAAAAAAAAAAAAAAAAAAAAA"}',
        '{"frame":"welcome"}',
        b"\x01" + bytes(50),
        "x" * 16_000,
    ],
    ids=["empty", "ack first", "duplicate key", "relay's own", "binary", "no json"],
)
def test_a_socket_that_breaks_a_rule_is_told_so_and_closed_with_1008(
    agency: Agency, frame: str | bytes
) -> None:
    with agency.open_socket() as socket:
        socket.send(frame)
        closing = json.loads(socket.recv(timeout=10))
        assert closing["frame"] == "closing"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def _greet_twice_at_once() -> object:
    """Say hello twice before the relay can answer the first; tell what it closes with."""
    store = HeldStore()
    with InProcessRelay(store=store).running() as relay:
        agency = relay.new_agency()
        with agency.open_socket() as socket:
            store.held = True
            for _ in range(2):
                socket.send(json.dumps(agency.hello(now=agency.draw(16))))
            socket.ping().wait(10)  # both were read
            store.held = False
            return json.loads(socket.recv(timeout=10))["problem"]


def test_a_breach_is_told_as_one_also_while_an_answer_is_on_its_way() -> None:
    assert _greet_twice_at_once() == "malformed_json"


def test_a_frame_over_16_kib_closes_the_socket(agency: Agency) -> None:
    with agency.open_socket() as socket:
        socket.send("x" * 20_000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_a_listen_key_learns_the_latest_number_and_nothing_else(agency: Agency) -> None:
    _fill(agency, 1)
    with agency.open_socket(listens_only=True) as socket:
        assert json.loads(socket.recv(timeout=10)) == {"frame": "latest", "latest": 1}
        _fill(agency, 1)
        assert json.loads(socket.recv(timeout=10)) == {"frame": "latest", "latest": 2}
        socket.send(json.dumps(agency.hello(now=agency.draw(16))))
        assert json.loads(socket.recv(timeout=10))["frame"] == "closing"


def test_a_listen_key_opens_no_other_address(agency: Agency) -> None:
    for path in ("/v1/mailbox", "/v1/directory"):
        headers = agency.signature(
            "GET", path, key=agency.listen, key_id=f"listen:{agency.device_id}"
        )
        assert problem_code(CLIENT.get(agency.url + path, headers=headers)) == "not_authenticated"


def test_a_fifth_socket_of_a_mailbox_is_refused(agency: Agency) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(agency.open_socket())
        with pytest.raises(InvalidStatus) as refused, agency.open_socket():
            pass
    assert refused.value.response.status_code == 429


def test_a_socket_from_a_web_page_is_refused(agency: Agency) -> None:
    with pytest.raises(InvalidStatus) as refused, agency.open_socket(Origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 404


def test_an_unsigned_upgrade_is_refused_with_a_problem(agency: Agency) -> None:
    stranger = type(agency)(agency.url, 987_654)
    with pytest.raises(InvalidStatus) as refused, stranger.open_socket():
        pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"")["type"].endswith("not_authenticated")


def test_every_wrong_signature_gets_one_answer(agency: Agency) -> None:
    path = "/v1/mailbox"
    right = agency.signature("GET", path)
    assert CLIENT.get(agency.url + path, headers=right).status_code == 200
    wrong = [
        {},
        right,  # replayed
        agency.signature("GET", "/v1/directory"),
        agency.signature("POST", path),
        agency.signature("GET", path, key=agency.root),
        agency.signature("GET", path, key_id="dev_" + "a" * 26),
        agency.signature("GET", path, url="http://evil.example/v1/mailbox"),
        {**agency.signature("GET", path), "Signature": "quietway=:AAAA:"},
    ]
    answers = [CLIENT.get(agency.url + path, headers=headers) for headers in wrong]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert problem_code(answers[0]) == "not_authenticated"


def test_a_right_signature_by_a_clock_three_hours_off_is_named(agency: Agency) -> None:
    for offset in (-3 * HOUR, 3 * HOUR):
        headers = agency.signature("GET", "/v1/mailbox", created=(now_ms() + offset) // 1000)
        answer = CLIENT.get(agency.url + "/v1/mailbox", headers=headers)
        assert problem_code(answer) == "clock_skew"
        assert "Date" in answer.headers


def test_a_body_that_was_exchanged_under_its_signature_is_refused(agency: Agency) -> None:
    _fill(agency, 1)
    headers = sign_request(
        method="POST",
        url=agency.url + "/v1/mailbox/ack",
        body=b'{"frame":"ack","through":0}',
        key=agency.identity,
        key_id=str(agency.device_id),
        created=now_ms() // 1000,
        nonce=encode_base64(agency.draw(16)),
    )
    forged = CLIENT.post(
        agency.url + "/v1/mailbox/ack",
        content=b'{"frame":"ack","through":1}',
        headers={**headers, "Content-Type": "application/json"},
    )
    assert problem_code(forged) == "not_authenticated"
    assert len(MailboxPage.unpack(agency.get("/v1/mailbox").content).entries) == 1


def _bytes(frame: str | bytes) -> bytes:
    assert isinstance(frame, bytes)
    return frame
