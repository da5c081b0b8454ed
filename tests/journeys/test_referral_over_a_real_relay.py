"""A referral's whole trip between three agencies and a relay that is killed on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.journeys.conftest import PASSPHRASE, Trio, code_of, fetch

from quietway import Client, UnknownPartner
from quietway.content import MessageText, ReferralPacket
from quietway.testing import Sandbox

if TYPE_CHECKING:
    from quietway import Sent

PURPOSE: Final = "A place from tonight; please call the desk."


def refer(client: Client, to: str) -> Sent:
    return client.referrals.send(
        to,
        staff="Social work desk",
        contact="Line 2040",
        service_type="safehouse",
        purpose_code="safe_accommodation",
        purpose_text=PURPOSE,
        info_basis="client_interview",
        referred_by="healthcare",
        survivor_choice="chosen",
    )


def list_texts(client: Client) -> list[str]:
    return [held.content.text for held in client.inbox() if isinstance(held.content, MessageText)]


@pytest.mark.requirement("C26")
def test_a_referral_is_sent_accepted_and_fed_back_and_the_third_agency_sees_none_of_it(
    trio: Trio,
) -> None:
    """C26: outcomes travel as codes, and both sides see the same state."""
    sent = refer(trio.hospital, trio.shelter.program)
    arrived = fetch(trio.shelter)

    assert sent.state == "stored_at_relay"
    assert [type(held.content) for held in arrived] == [ReferralPacket]
    assert arrived[0].sender_program == trio.hospital.program

    assert sent.referral_ref is not None
    trio.shelter.referrals.acknowledge(sent.referral_ref, next_steps="contact_planned")
    fetch(trio.hospital)
    assert [held.state for held in trio.hospital.referrals.list()] == ["accepted"]

    trio.shelter.referrals.feedback(sent.referral_ref, state="completed")
    fetch(trio.hospital)
    assert [held.state for held in trio.hospital.referrals.list()] == ["completed"]
    assert [held.state for held in trio.shelter.referrals.list()] == ["completed"]

    assert fetch(trio.police) == []
    assert trio.police.referrals.list() == []


@pytest.mark.requirement("A27")
def test_each_board_shows_what_its_agency_was_told_and_no_more(trio: Trio) -> None:
    """A27: status indicators instead of stories."""
    trio.police.status.set("order_served", to=[code_of(trio.shelter), code_of(trio.hospital)])
    trio.hospital.status.set("medical_need_met", to=code_of(trio.shelter))
    for client in trio.everyone:
        fetch(client)

    boards = [{entry.code for entry in client.status.board()} for client in trio.everyone]

    assert boards == [
        {"order_served", "medical_need_met"},
        {"order_served"},
        {"order_served", "medical_need_met"},
    ]


@pytest.mark.requirement("A51")
def test_a_relay_killed_in_the_middle_loses_nothing_and_doubles_nothing(trio: Trio) -> None:
    """A51: a fluctuating network costs time, never a message; what waits is visibly unsent."""
    before = trio.shelter.messages.send("before", to=code_of(trio.hospital))
    trio.relay.kill()
    during = [
        trio.shelter.messages.send(f"during {count}", to=code_of(trio.hospital))
        for count in range(3)
    ]
    report = trio.hospital.sync()

    assert before.state == "stored_at_relay"
    assert {sent.state for sent in during} <= {"sealed", "not_yet_sent"}
    assert all(sent.problem is not None for sent in during)
    assert [type(problem).__name__ for problem in report.problems] == ["RelayUnreachable"]

    trio.relay.restart()
    trio.shelter.sync()
    for _ in range(3):
        trio.hospital.sync()

    assert list_texts(trio.hospital) == ["before", "during 0", "during 1", "during 2"]
    assert {entry.state for entry in trio.shelter.outbox()} == {"stored_at_relay"}


@pytest.mark.requirement("A51")
def test_what_was_written_without_a_network_survives_the_program_and_goes_out_later(
    trio: Trio,
) -> None:
    """A51: the outbox is encrypted and on the disk; it is sent after a restart of both sides."""
    trio.relay.kill()
    trio.shelter.messages.send("written offline", to=code_of(trio.hospital))
    trio.shelter.close()
    trio.relay.restart()

    with Client.open(trio.shelter.home, passphrase=PASSPHRASE) as again:
        waiting = [entry.state for entry in again.outbox()]
        again.sync()
        stored = [entry.state for entry in again.outbox()]
    trio.hospital.sync()

    assert waiting[-1] in {"sealed", "not_yet_sent"}
    assert stored[-1] == "stored_at_relay"
    assert list_texts(trio.hospital) == ["written offline"]


async def _stay_silent(_agent: object) -> None:
    """Stand in for the outbox that sends again."""


def test_without_sending_again_what_was_written_while_the_relay_was_dead_never_arrives(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    trio.relay.kill()
    trio.shelter.messages.send("during", to=code_of(trio.hospital))
    trio.relay.restart()
    without(monkeypatch, "quietway.agent:Agent.flush", _stay_silent)

    trio.shelter.sync()
    trio.hospital.sync()

    assert list_texts(trio.hospital) == []


def test_a_referral_to_an_agency_that_is_no_partner_is_refused_before_anything_is_sealed() -> None:
    with Sandbox(seed=7) as sandbox:
        hospital = sandbox.agency("MERCY-SOCIALWORK")

        with pytest.raises(UnknownPartner, match="not a partner"):
            refer(hospital, to="ELSEWHERE")

        assert hospital.outbox() == []
