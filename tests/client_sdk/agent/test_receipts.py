"""Receipts between real clients: told at ticks, to the sender alone, and shown to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.controls import without

from quietway.engine.inputs import Compose, Forgotten
from quietway.events import ExpiredUnread, ToldOtherwise
from quietway.views.conversation import Said
from quietway_schemas.content.quiet import AUDIENCE_KIND
from quietway_schemas.content.receipt import ReceiptStored
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway.client import AsyncClient
    from quietway.events import Event
    from quietway.reports import OutboxEntry, Sent


async def pass_ticks(agencies: Agencies, *clients: AsyncClient, times: int = 2) -> None:
    """Go from tick to tick, as programs that run see them."""
    for client in clients:
        await client.sync()
    for _ in range(times * len(clients)):
        lines = [line for client in clients for line in client._agent.state.lines.values()]
        ahead = min(line.due for line in lines) - agencies.clock.now()
        agencies.clock.advance(max(ahead, 0) / SECOND)
        for client in clients:
            await client.sync()
    for client in clients:
        await client.sync()


async def entry_of(client: AsyncClient, sent: Sent) -> OutboxEntry:
    (found,) = [held for held in await client.outbox() if held.local_id == sent.local_id]
    return found


async def test_a_sender_learns_that_it_is_stored_and_that_a_person_saw_it(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await hospital.sync()
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    await hospital.sync()
    assert (await entry_of(shelter, sent)).stored_by == 0
    await pass_ticks(agencies, hospital, shelter)
    entry = await entry_of(shelter, sent)
    assert (entry.stored_by, entry.opened_by) == (1, 0)
    for _ in range(2):
        await hospital.messages.mark_opened(*await hospital.inbox())
        await pass_ticks(agencies, hospital, shelter)
    entry = await entry_of(shelter, sent)
    assert (entry.state, entry.stored_by, entry.opened_by) == ("stored_at_relay", 1, 1)
    (said,) = await shelter.messages.conversation(sent.conversation)
    assert isinstance(said, Said)
    assert (said.mine, said.stored_by, said.opened_by) == (True, 1, 1)


async def test_receipts_and_covers_are_nobodys_messages(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    await pass_ticks(agencies, hospital, shelter, times=3)
    assert len(await hospital.inbox()) == 1
    assert await shelter.inbox() == []
    assert [held.local_id for held in await shelter.outbox()] == [sent.local_id]
    assert await hospital.outbox() == []
    assert [held.messages for held in await hospital.messages.conversations()] == [1]
    # No list of who reads along went out for them either.
    chains = shelter._agent.state.chains.values()
    assert {held.seen[0][0] for held in chains} == {0}
    lines = {line.conversation for line in hospital._agent.state.lines.values()}
    assert lines
    assert not any(
        held.kind == AUDIENCE_KIND and held.conversation in lines
        for held in hospital._agent.state.outbox.values()
    )


async def test_what_leaves_at_ticks_is_the_same_whether_something_is_owed_or_not(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await hospital.sync()

    async def count_for(client: AsyncClient) -> int:
        mailbox = agencies.relay._mailbox(client._agent.keyring.mailbox)
        return mailbox.latest

    before = await count_for(shelter), await count_for(hospital)
    # Only the hospital owes something, and each gets one envelope for each tick.
    await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    said = await count_for(hospital) - before[1]
    await pass_ticks(agencies, shelter, hospital, times=4)
    grown = await count_for(shelter) - before[0], await count_for(hospital) - before[1] - said
    assert grown == (4, 4)


async def test_switched_off_for_a_conversation_nothing_is_told_there_also_after_a_restart(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    await hospital.sync()
    await hospital.messages.receipts(sent.conversation, on=False)
    await hospital.aclose()
    hospital = await agencies.reopen(HOSPITAL)
    more = await shelter.messages.send("Or tomorrow?", to="MERCY", conversation=sent.conversation)
    await hospital.sync()
    await hospital.messages.mark_opened(*await hospital.inbox())
    await pass_ticks(agencies, hospital, shelter)
    assert (await entry_of(shelter, sent)).stored_by == 0
    assert (await entry_of(shelter, more)).stored_by == 0
    await hospital.messages.receipts(sent.conversation, on=True)
    last = await shelter.messages.send("Or then?", to="MERCY", conversation=sent.conversation)
    await pass_ticks(agencies, hospital, shelter)
    assert (await entry_of(shelter, last)).stored_by == 1


async def test_what_nobody_confirmed_by_its_end_is_told_once_and_taken_back_by_a_receipt(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    told: list[Event] = []
    shelter._agent.listeners.append(told.append)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    for _ in range(3):
        agencies.clock.advance(2 * DAY / SECOND)
        await shelter.sync()
    unread = [event for event in told if isinstance(event, ExpiredUnread)]
    assert [event.local_id for event in unread] == [sent.local_id]
    assert (await entry_of(shelter, sent)).state == "expired_unread"
    # Also where so much was said since that its entry is gone, and after a restart.
    agent = shelter._agent
    await agent.settle(Forgotten(agencies.clock.now(), frozenset({sent.local_id})))
    await shelter.aclose()
    shelter = await agencies.reopen(SHELTER)
    assert (await entry_of(shelter, sent)).state == "expired_unread"


async def forge(agencies: Agencies) -> tuple[int, list[Event]]:
    """A third agency gives a receipt for what was never sent to it, and so does the recipient."""
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    told: list[Event] = []
    shelter._agent.listeners.append(told.append)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    assert sent.message_id is not None
    await hospital.sync()
    (core_hash,) = [held.core_hash for held in hospital._agent.state.owed.values()]
    await give(
        police, shelter, ReceiptStored(message_ids=(sent.message_id,), core_hashes=(core_hash,))
    )
    await give(hospital, shelter, ReceiptStored(message_ids=(sent.message_id,)))
    wrong = ReceiptStored(message_ids=(sent.message_id,), core_hashes=(bytes(32),))
    await give(hospital, shelter, wrong)
    await shelter.sync()
    return (await entry_of(shelter, sent)).stored_by, told


async def give(sender: AsyncClient, to: AsyncClient, content: ReceiptStored) -> None:
    agent = sender._agent
    await agent.say(
        Compose(
            now=agent.clock.now(),
            local_id=agent.entropy.draw(16),
            conversation=ConversationId(agent.entropy.draw(16)),
            to=(to.agency_id,),
            kind=content.type,
            class_=find_class(content),
            content=encode_content(content),
        )
    )


async def test_a_receipt_of_another_agency_or_of_another_core_changes_nothing(
    agencies: Agencies,
) -> None:
    stored_by, told = await forge(agencies)
    assert stored_by == 0
    assert sum(isinstance(event, ToldOtherwise) for event in told) == 1


async def test_control_without_asking_who_signed_a_stranger_to_it_confirms_it(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.awaiting:is_recipient", lambda *_: True)
    stored_by, _ = await forge(agencies)
    assert stored_by == 1


async def test_an_answer_that_quotes_another_text_is_told(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("We have a bed.", to="MERCY")
    await hospital.sync()
    answer = await hospital.messages.send("Good.", to="HARBOR", answers=sent.message_id)
    assert answer.conversation == sent.conversation
    await shelter.sync()
    entries = await shelter.messages.conversation(sent.conversation)
    assert [held.answers for held in entries if isinstance(held, Said)] == [None, sent.message_id]


async def hear_unread(agencies: Agencies, client: AsyncClient) -> list[Event]:
    """Let all that was said expire; returns what was told to be unread."""
    told: list[Event] = []
    client._agent.listeners.append(told.append)
    for _ in range(2):
        agencies.clock.advance(31 * DAY / SECOND)
        await client.sync()
    return [event for event in told if isinstance(event, ExpiredUnread)]


async def test_what_its_sender_took_back_is_not_told_to_be_unread(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    await shelter.withdraw(sent)
    assert await hear_unread(agencies, shelter) == []


async def test_what_a_pause_took_back_expires_unsent_and_not_unread(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    await shelter.partners.pause("MERCY")
    agencies.clock.advance(31 * DAY / SECOND)
    await shelter.sync()
    assert (await entry_of(shelter, sent)).state == "expired_unsent"
    assert await hear_unread(agencies, shelter) == []


async def test_what_went_out_again_after_a_pause_and_nobody_confirmed_is_told_to_be_unread(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    await shelter.partners.pause("MERCY")
    await shelter.partners.resume("MERCY")
    (unread,) = await hear_unread(agencies, shelter)
    assert isinstance(unread, ExpiredUnread)
    assert unread.local_id == sent.local_id


async def test_control_without_that_note_what_was_taken_back_is_told_to_be_unread(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.awaiting:note_taken_back", lambda state, _: state)
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Is there a bed tonight?", to="MERCY")
    await shelter.withdraw(sent)
    assert len(await hear_unread(agencies, shelter)) == 1
