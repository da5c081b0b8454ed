"""Whole conversations through the public face, over a relay in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, WHOLE_REFERRAL, Agencies, invite

from quietway.content import MessageText, ReferralPacket
from quietway.errors import (
    AnotherLog,
    ClockError,
    ContentRefused,
    DirectoryStale,
    IdentityChanged,
    NotFound,
    NotPermitted,
    PassphraseTooWeak,
    RelayUnreachable,
    StoreExists,
    UnknownPartner,
    WrongPassphrase,
)
from quietway.events import ConnectionBack, ConnectionLost, DeadLettered, Received, SentStored
from quietway.partners import Invitation
from quietway.reports import SyncProgress
from quietway.testing.clock import FakeClock
from quietway.testing.relay_log import RelayLog

if TYPE_CHECKING:
    from quietway.client import AsyncClient
    from quietway.events import Event

HOUR = 3_600
DAY = 24 * HOUR


async def read_texts(client: AsyncClient) -> list[str]:
    return [
        held.content.text for held in await client.inbox() if isinstance(held.content, MessageText)
    ]


@pytest.mark.requirement("A23")
async def test_a_message_is_read_by_its_partner_and_by_nobody_else(agencies: Agencies) -> None:
    """A23: messaging between agencies that only its recipients can read."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    assert sent.state == "stored_at_relay"
    assert all(b"Bed four" not in held for held in agencies.relay.envelopes_held())
    await hospital.sync()
    await police.sync()
    received = (await hospital.inbox())[-1]
    assert received.message_id == sent.message_id
    assert received.sender_agency == shelter.agency_id
    assert received.sender_program == SHELTER
    assert received.audience_known
    assert not received.gap
    assert await read_texts(hospital) == ["Bed four is free."]
    assert await police.inbox() == []


@pytest.mark.requirement("C26")
async def test_a_referral_is_accepted_scheduled_and_completed(agencies: Agencies) -> None:
    """C26: outcomes as a state machine that both sides see alike."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await hospital.referrals.send(SHELTER, **WHOLE_REFERRAL)
    assert sent.referral_ref is not None
    await shelter.sync()
    agencies.clock.advance(60)
    await shelter.referrals.acknowledge(sent.referral_ref, "pending")
    agencies.clock.advance(60)
    await shelter.referrals.outcome(sent.referral_ref, "accepted", next_steps="intake_scheduled")
    agencies.clock.advance(60)
    await shelter.referrals.feedback(sent.referral_ref, "completed")
    await hospital.sync()
    for client, direction in ((hospital, "out"), (shelter, "in")):
        referral = await client.referrals.find(sent.referral_ref)
        assert referral.direction == direction
        assert referral.state == "completed"
        assert [step.counted for step in referral.history] == [True] * 4
        assert referral.packet.receiving.program == SHELTER


@pytest.mark.requirement("C26")
async def test_a_decline_needs_a_reason_and_a_legal_place(agencies: Agencies) -> None:
    """C26: declined and waitlisted carry a code and whose reason it is."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await hospital.referrals.send(SHELTER, **WHOLE_REFERRAL)
    assert sent.referral_ref is not None
    await shelter.sync()
    with pytest.raises(ContentRefused, match="reason_code"):
        await shelter.referrals.acknowledge(sent.referral_ref, "declined")
    with pytest.raises(ContentRefused, match="state"):
        await shelter.referrals.feedback(sent.referral_ref, "completed")
    await shelter.referrals.acknowledge(sent.referral_ref, "declined", reason_code="no_capacity")
    agencies.clock.advance(1)
    await hospital.sync()
    referral = (await hospital.referrals.list())[0]
    assert referral.state == "declined"
    answer = referral.history[-1].content
    assert not isinstance(answer, ReferralPacket)
    assert answer.reason_side == "provider"
    await hospital.referrals.reopen(sent.referral_ref)
    await shelter.sync()
    assert (await shelter.referrals.list())[0].state == "sent"


@pytest.mark.requirement("C25")
async def test_a_referral_has_a_random_reference_of_each_side(agencies: Agencies) -> None:
    """C25: the sender's reference is random and not made from a case; the receiver adds its own."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    first = await hospital.referrals.send(SHELTER, **WHOLE_REFERRAL)
    second = await hospital.referrals.send(SHELTER, **WHOLE_REFERRAL)
    assert first.referral_ref is not None
    assert first.referral_ref != second.referral_ref
    await shelter.sync()
    own = type(first.referral_ref)(agencies.entropy.draw(16))
    await shelter.referrals.outcome(first.referral_ref, "accepted", filler_ref=own)
    await hospital.sync()
    answer = (await hospital.referrals.find(first.referral_ref)).history[-1].content
    assert not isinstance(answer, ReferralPacket)
    assert answer.filler_ref == own


async def test_status_stands_on_both_boards_until_it_ends(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await police.status.set("order_served", to=["HARBOR", "MERCY"])
    agencies.clock.advance(1)
    await police.status.set("order_served", to=["HARBOR", "MERCY"], state="ended")
    for client in (shelter, hospital):
        await client.sync()
        board = await client.status.board()
        assert [(line.code, line.state, line.program) for line in board] == [
            ("order_served", "ended", POLICE)
        ]
    assert [line.program for line in await police.status.board()] == [""]
    agencies.clock.advance(15 * DAY)
    assert await hospital.status.board() == []


@pytest.mark.requirement("A51")
async def test_what_is_written_offline_is_shown_as_not_yet_sent_and_goes_out_later(
    agencies: Agencies,
) -> None:
    """A51: an outbox on the device, and a clear "not yet sent"."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.offline = True
    agencies.clock.advance(DAY)
    sent = await shelter.messages.send("Tonight at nine.", to="MERCY")
    assert sent.state == "not_yet_sent"
    assert isinstance(sent.problem, RelayUnreachable)
    assert [entry.state for entry in await shelter.outbox()] == ["not_yet_sent"]
    agencies.clock.advance(HOUR)
    agencies.relay.offline = False
    report = await shelter.sync()
    assert (report.sent, report.waiting, report.problems) == (1, 0, ())
    await hospital.sync()
    received = (await hospital.inbox())[-1]
    assert received.sent_at == agencies.clock.now()
    assert [entry.state for entry in await shelter.outbox()] == ["stored_at_relay"]


@pytest.mark.requirement("A51")
async def test_a_lost_answer_is_made_good_without_a_second_copy(agencies: Agencies) -> None:
    """A51: the same bytes are handed over again, and are shown once."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.sync()
    agencies.relay.losing_answers = True
    sent = await shelter.messages.send("Once only.", to="MERCY")
    assert sent.state == "not_yet_sent"
    assert [entry.state for entry in await shelter.outbox()] == ["sealed"]
    agencies.relay.losing_answers = False
    held = agencies.relay.envelopes_held()
    assert (await shelter.sync()).sent == 1
    assert agencies.relay.envelopes_held() == held
    await hospital.sync()
    assert await read_texts(hospital) == ["Once only."]


async def test_a_program_restarted_before_the_answer_goes_on_where_it_was(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.losing_answers = True
    await shelter.messages.send("Across a restart.", to="MERCY")
    await shelter.aclose()
    agencies.relay.losing_answers = False
    again = await agencies.reopen(SHELTER)
    assert (await again.sync()).sent == 1
    await again.messages.send("And after it.", to="MERCY")
    await hospital.sync()
    assert await read_texts(hospital) == ["Across a restart.", "And after it."]
    assert not any(held.gap for held in await hospital.inbox())


async def test_an_epoch_that_ended_before_the_answer_costs_nothing(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.losing_answers = True
    first = await shelter.messages.send("Sealed twice, shown once.", to="MERCY")
    agencies.relay.losing_answers = False
    agencies.clock.advance(DAY)
    assert (await shelter.sync()).waiting == 0
    await hospital.sync()
    texts = [held for held in await hospital.inbox() if held.message_id == first.message_id]
    assert len(texts) == 1
    assert len(agencies.relay.envelopes_held()) == 0


async def test_a_device_without_a_live_key_does_not_hold_up_the_others(agencies: Agencies) -> None:
    shelter, hospital, _police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    for _ in range(3):
        agencies.clock.advance(4 * DAY)
        await hospital.sync()
        await shelter.sync()
    sent = await shelter.messages.send("To both.", to=["MERCY", "CITYPD"])
    assert sent.state == "unreachable"
    assert isinstance(sent.problem, DirectoryStale)
    assert sent.problem.agency == "CITYPD"
    await hospital.sync()
    assert await read_texts(hospital) == ["To both."]
    entry = (await shelter.outbox())[-1]
    assert entry.state == "unreachable"
    assert len(entry.waiting_for) == 1


async def test_the_device_that_was_away_gets_its_copy_when_it_is_back(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    agencies.clock.advance(12 * DAY)
    await hospital.sync()
    await shelter.sync()
    await shelter.messages.send("To both.", to=["MERCY", "CITYPD"])
    await police.sync()
    assert await police.inbox() == []
    agencies.clock.advance(120)
    await shelter.sync()
    await police.sync()
    assert await read_texts(police) == ["To both."]


async def test_what_waited_too_long_is_told_as_expired(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.offline = True
    await shelter.messages.send("Too late.", to="MERCY")
    agencies.relay.offline = False
    agencies.clock.advance(5 * DAY)
    await shelter.sync()
    assert [entry.state for entry in await shelter.outbox()] == ["expired_unsent"]


async def test_a_clock_three_hours_off_seals_and_sends_nothing(agencies: Agencies) -> None:
    await agencies.found(HOSPITAL)
    ahead = FakeClock()
    shelter = await agencies.found(SHELTER, clock=ahead)
    ahead.advance(3 * HOUR)
    report = await shelter.sync()
    assert isinstance(report.problems[0], ClockError)
    assert "Set the clock" in str(report.problems[0])
    findings = {finding.name: finding for finding in await shelter.doctor()}
    assert not findings["relay and clock"].ok
    assert "3 h" in findings["relay and clock"].detail
    assert "Set the clock" in findings["relay and clock"].what_next


async def test_a_message_written_with_a_wrong_clock_waits(agencies: Agencies) -> None:
    ahead = FakeClock()
    shelter = await agencies.found(SHELTER, clock=ahead)
    hospital = await agencies.found(HOSPITAL)
    await invite(hospital, shelter)
    await invite(shelter, hospital)
    ahead.advance(3 * HOUR)
    sent = await shelter.messages.send("Kept.", to="MERCY")
    assert sent.state == "not_yet_sent"
    assert isinstance(sent.problem, ClockError)
    assert agencies.relay.envelopes_held() == ()
    ahead.advance(-3 * HOUR)
    await shelter.sync()
    await hospital.sync()
    assert await read_texts(hospital) == ["Kept."]


async def test_an_invitation_with_another_root_key_is_refused(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    theirs = await hospital.partners.invite("again")
    forged = replace(theirs, root_key=shelter._agent.keyring.listen.public)
    with pytest.raises(IdentityChanged):
        await shelter.partners.add(forged)
    assert (await shelter.messages.send("Still there?", to="MERCY")).state == "stored_at_relay"


async def test_an_invitation_of_another_log_is_refused_and_nothing_is_taken_in(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found(SHELTER), await agencies.found(HOSPITAL)
    theirs = await hospital.partners.invite("Harbor")
    other = RelayLog(b"the seed of another relay's log.")
    for forged in (
        replace(theirs, log_key=other.log_key, checkpoint=other.checkpoint().note),
        # Under the right name, with another key's signature.
        replace(theirs, checkpoint=other.checkpoint().note),
    ):
        with pytest.raises(AnotherLog) as refused:
            await shelter.partners.add(Invitation.from_text(forged.to_text()))
        assert refused.value.shown_by == "invitation"
    assert await shelter.partners.list() == []
    assert hospital.agency_id not in shelter._agent.directory.pinned()


async def test_an_invitation_of_the_first_format_is_read_and_a_new_one_is_asked_for(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found(SHELTER), await agencies.found(HOSPITAL)
    theirs = await hospital.partners.invite("Harbor")
    former = Invitation.from_text(replace(theirs, log_key=b"", checkpoint="").to_text())
    assert not former.has_log
    with pytest.raises(ContentRefused, match="former version: ask for a new one"):
        await shelter.partners.add(former)
    assert await shelter.partners.list() == []


async def test_an_invitation_survives_its_one_line(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    made = await shelter.partners.invite("Mercy")
    assert Invitation.from_text(f"  {made.to_text()}\n") == made
    assert "lane" not in repr(made)
    for broken in ("", "quietway-invitation:", made.to_text()[:-4], "quietway-invitation:e30"):
        with pytest.raises(ContentRefused, match="send it again"):
            Invitation.from_text(broken)
    with pytest.raises(ContentRefused, match="own"):
        await shelter.partners.add(made)


async def test_only_partners_can_be_written_to(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    hospital = await agencies.found(HOSPITAL)
    with pytest.raises(UnknownPartner):
        await shelter.messages.send("Hello?", to="MERCY")
    with pytest.raises(UnknownPartner):
        await shelter.messages.send("Hello?", to=hospital.agency_id)
    assert await shelter.outbox() == []


async def test_what_the_dictionary_refuses_is_not_written_down(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    with pytest.raises(ContentRefused, match="text"):
        await shelter.messages.send("x" * 701, to="MERCY")
    with pytest.raises(ContentRefused, match="survivor_choice"):
        await shelter.referrals.send(
            "MERCY",
            **{key: held for key, held in WHOLE_REFERRAL.items() if key != "survivor_choice"},
        )
    with pytest.raises(ContentRefused, match="code"):
        await shelter.status.set("at_her_sisters_place", to="MERCY")
    with pytest.raises(NotFound):
        await shelter.referrals.acknowledge("ref_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert await shelter.outbox() == []


async def test_what_identifies_someone_needs_a_lawful_basis(agencies: Agencies) -> None:
    shelter, *_ = await agencies.found_partners(SHELTER, HOSPITAL)
    fields = {**WHOLE_REFERRAL, "identity_mode": "identifying", "identifiability": "identifying"}
    with pytest.raises(ContentRefused, match="disclosure_basis"):
        await shelter.referrals.send("MERCY", **fields)
    # To say that there is a release is not to have one.
    with pytest.raises(NotPermitted, match="P61"):
        await shelter.referrals.send("MERCY", **fields, disclosure_basis="survivor_release")
    assert await shelter.outbox() == []


async def test_a_message_of_an_agency_not_yet_accepted_waits_for_its_invitation(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    hospital = await agencies.found(HOSPITAL)
    await invite(hospital, shelter)
    assert (await shelter.messages.send("Who are you?", to="MERCY")).state == "stored_at_relay"
    for _ in range(2):
        report = await hospital.sync()
        assert (report.received, report.refused) == (0, 0)
    assert agencies.relay.envelopes_held() == ()
    assert await hospital.inbox() == []
    await invite(shelter, hospital)
    assert await read_texts(hospital) == ["Who are you?"]
    assert (await hospital.inbox())[0].audience_known


async def test_progress_is_told_in_stages(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    for number in range(5):
        await shelter.messages.send(f"Number {number}.", to="MERCY")
    seen: list[SyncProgress] = []
    await hospital.sync(seen.append)
    assert list(dict.fromkeys(held.stage for held in seen)) == [
        "clock",
        "directory",
        "publish",
        "mailbox",
        "outbox",
        "board",
    ]
    # Each new conversation brings its audience first.
    assert SyncProgress("mailbox", 10, 10) in seen


async def test_live_events_bring_messages_and_tell_of_the_connection(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    stream = hospital.events()
    seen: list[Event] = []

    async def follow() -> None:
        # One by one, so that the test sees each as it comes.
        while True:
            seen.append(await anext(stream))

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    await shelter.messages.send("Live.", to="MERCY")
    await until(lambda: any(isinstance(event, Received) for event in seen))
    agencies.relay.offline = True
    await until(lambda: any(isinstance(event, ConnectionLost) for event in seen))
    agencies.relay.offline = False
    for _ in range(10):
        agencies.clock.advance(60)
        await asyncio.sleep(0.01)
    await until(lambda: any(isinstance(event, ConnectionBack) for event in seen))
    await hospital.messages.send("And back.", to="HARBOR")
    await until(lambda: any(isinstance(event, SentStored) for event in seen))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await stream.aclose()
    assert not any(isinstance(event, DeadLettered) for event in seen)
    assert hospital._agent.listeners == []


async def until(true: object) -> None:
    assert callable(true)
    for _ in range(200):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("It did not happen.")


async def test_a_store_is_founded_once_and_opened_with_its_passphrase(agencies: Agencies) -> None:
    await agencies.found(SHELTER)
    with pytest.raises(StoreExists):
        await agencies.found(SHELTER)
    with pytest.raises(WrongPassphrase):
        await type(await agencies.reopen(SHELTER)).open(
            agencies.folder / SHELTER,
            passphrase="not the passphrase at all",
            relay_port=agencies.relay.connect,
            clock=agencies.clock,
            entropy=agencies.entropy,
            store=agencies.stores[SHELTER],
        )


async def test_a_weak_passphrase_or_a_wrong_code_founds_nothing(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    cls = type(shelter)
    given = {
        "relay": "https://relay.example",
        "enrolment_code": "x",
        "relay_port": agencies.relay.connect,
        "entropy": agencies.entropy,
        "clock": agencies.clock,
        "store": agencies.stores[SHELTER],
    }
    for wrong, refusal in (
        ({"passphrase": "short"}, PassphraseTooWeak),
        ({"program": "OTHER-SHELTER"}, ContentRefused),
        ({"roles": ("boss",)}, ContentRefused),
        ({"agency_code": "harbor", "program": "harbor-shelter"}, ContentRefused),
    ):
        whole = {
            "passphrase": "a passphrase that is long enough",
            "agency_code": "MERCY",
            "program": HOSPITAL,
            **given,
            **wrong,
        }
        with pytest.raises(refusal):
            await cls.found(agencies.folder / "new", **whole)
    assert not (agencies.folder / "new" / "keyring").exists()


async def test_a_founding_that_was_cut_off_goes_on(agencies: Agencies) -> None:
    agencies.relay.offline = True
    with pytest.raises(RelayUnreachable):
        await agencies.found(SHELTER)
    agencies.relay.offline = False
    shelter = await agencies.found(SHELTER)
    assert (await shelter.sync()).problems == ()
