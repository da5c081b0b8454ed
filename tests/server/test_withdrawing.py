"""Taking back what nobody acknowledged: by its preimage, once, for good, and telling nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.server.agency import CLIENT, PARTNER, problem_code
from tests.server.in_process import InProcessRelay

from quietway_crypto.encoding import TAG_WITHDRAW, hash_tagged
from quietway_schemas.frames import MailboxPage
from quietway_schemas.withdrawal import MOST_SLIPS, Slip
from quietway_server.api.bodies import WITHDRAWALS

if TYPE_CHECKING:
    import httpx
    from tests.server.agency import Agency

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_server.rows import Held
    from quietway_server.store.memory import MemoryTransaction


def _send(agency: Agency) -> tuple[SubmissionRecord, Slip]:
    preimage = agency.draw(32)
    record = replace(agency.record(), withdraw_hash=hash_tagged(TAG_WITHDRAW, preimage))
    assert agency.submit(agency.capability_for(PARTNER), record).status_code == 201
    return record, Slip(record.header.mailbox, record.header.envelope_id, preimage)


def _post(agency: Agency, body: bytes, media_type: str = WITHDRAWALS) -> httpx.Response:
    address = agency.url + "/v1/envelopes/withdraw"
    return CLIENT.post(address, content=body, headers={"Content-Type": media_type})


def _withdraw(agency: Agency, *slips: Slip) -> list[bool]:
    answer = _post(agency, b"".join(slip.pack() for slip in slips))
    assert answer.status_code == 200, answer.text
    told: list[bool] = answer.json()["withdrawn"]
    return told


def _seqs(agency: Agency) -> list[int]:
    page = MailboxPage.unpack(agency.get("/v1/mailbox?after=0").content)
    return [entry.seq for entry in page.entries]


def test_what_is_taken_back_never_arrives_and_the_numbers_go_on(agency: Agency) -> None:
    slips = [_send(agency)[1] for _ in range(3)]
    assert _withdraw(agency, slips[1]) == [True]
    assert _seqs(agency) == [1, 3]
    _send(agency)
    assert _seqs(agency) == [1, 3, 4]
    assert agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 4}).status_code == 204


def test_an_open_socket_goes_on_over_the_hole(agency: Agency) -> None:
    with agency.open_socket() as socket:
        agency.greet(socket)
        first, second, third = (_send(agency)[1] for _ in range(3))
        seqs = [int.from_bytes(bytes(socket.recv())[1:9], "big") for _ in range(3)]  # type: ignore[arg-type]  # frames of envelopes are binary
        # All were delivered; none was acknowledged.
        assert seqs == [1, 2, 3]
        assert _withdraw(agency, second, third) == [True, True]
        socket.send('{"frame":"ack","through":3}')
        _send(agency)
        assert int.from_bytes(bytes(socket.recv())[1:9], "big") == 4  # type: ignore[arg-type]  # the same
    assert _withdraw(agency, first) == [False]


def test_unknown_acknowledged_wrong_and_repeated_look_alike(agency: Agency) -> None:
    here, fetched, gone = (_send(agency)[1] for _ in range(3))
    agency.post("/v1/mailbox/ack", {"frame": "ack", "seqs": [2]})
    assert _withdraw(agency, gone) == [True]
    wrong = replace(here, preimage=agency.draw(32))
    unknown = replace(here, envelope_id=type(here.envelope_id)(agency.draw(16)))
    nowhere = replace(here, mailbox=type(here.mailbox)(agency.draw(16)))
    refused = [wrong, fetched, gone, unknown, nowhere]
    answers = [_post(agency, slip.pack()) for slip in refused]
    assert {(a.status_code, a.content) for a in answers} == {(200, b'{"withdrawn":[false]}')}
    assert _withdraw(agency, *refused, here, here) == [False] * 5 + [True, False]


def test_a_place_in_the_mailbox_is_free_again(agency: Agency) -> None:
    slips = [_send(agency)[1] for _ in range(5)]
    assert all(_withdraw(agency, *slips))
    assert _seqs(agency) == []


@pytest.mark.parametrize("body", [b"", bytes(63), bytes(65)], ids=["none", "short", "long"])
def test_what_is_no_whole_slip_is_refused(agency: Agency, body: bytes) -> None:
    assert problem_code(_post(agency, body)) == "malformed_record"


def test_more_than_128_another_type_and_a_query_are_refused(agency: Agency) -> None:
    assert problem_code(_post(agency, bytes(64 * (MOST_SLIPS + 1)))) == "too_large"
    assert problem_code(_post(agency, bytes(64), "application/json")) == "wrong_media_type"
    address = agency.url + "/v1/envelopes/withdraw?x=1"
    answer = CLIENT.post(address, content=bytes(64), headers={"Content-Type": WITHDRAWALS})
    assert problem_code(answer) == "unknown_field"


def _resend_after_withdrawing(agency: Agency) -> list[int]:
    record, slip = _send(agency)
    assert _withdraw(agency, slip) == [True]
    # The answer to the first submission was lost, so the same bytes come once more.
    assert agency.submit(agency.capability_for(PARTNER), record).status_code == 201
    return _seqs(agency)


def test_the_same_bytes_again_do_not_undo_a_withdrawal(agency: Agency) -> None:
    assert _resend_after_withdrawing(agency) == []


def test_control_a_relay_that_forgets_what_was_withdrawn_delivers_it_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forget(transaction: MemoryTransaction, held: Held) -> bool:
        transaction._drop([(held.mailbox, held.seq)])
        del transaction._state.seen[held.mailbox, held.envelope_id]
        return True

    without(monkeypatch, "quietway_server.store.memory:MemoryTransaction.withdraw", forget)
    with InProcessRelay().running() as relay:
        assert _resend_after_withdrawing(relay.new_agency()) == [2]


def test_control_without_the_hash_anyone_who_knows_an_id_takes_it_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def take(transaction: MemoryTransaction, held: Held) -> bool:
        transaction._drop([(held.mailbox, held.seq)])
        return True

    without(monkeypatch, "quietway_server.store.memory:MemoryTransaction.withdraw", take)
    with InProcessRelay().running() as relay:
        agency = relay.new_agency()
        _, slip = _send(agency)
        assert _withdraw(agency, replace(slip, preimage=agency.draw(32))) == [True]
        assert _seqs(agency) == []
