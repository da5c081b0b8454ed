"""A text that names no case, in a conversation about one, also after its messages are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE
from tests.client_sdk.own.linked import settle
from tests.controls import without

from quietway import ContentRefused, NotPermitted
from quietway.history import list_messages
from quietway.ports import Delete
from quietway.records import MESSAGE

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Sent
    from quietway.content import ConversationId


async def _empty(client: AsyncClient, conversation: ConversationId) -> None:
    """Let go of the messages of a conversation, as retention does."""
    said = await list_messages(client._agent, conversation=conversation, held_back=True)
    await client._agent.settle(also=[Delete(MESSAGE, held.key) for held in said])
    assert not await list_messages(client._agent, conversation=conversation, held_back=True)


async def _write_where_a_case_was_spoken_of(agencies: Agencies, *, ours: bool) -> Sent:
    """Write a text in an emptied conversation about a case that was paused."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.referrals.send("MERCY", **WHOLE)
    await settle(shelter, hospital)
    await shelter.consent.pause(CASE)
    await settle(shelter, hospital)
    writer, to = (shelter, "MERCY") if ours else (hospital, "HARBOR")
    await _empty(writer, sent.conversation)
    again = await agencies.reopen(SHELTER if ours else HOSPITAL)
    return await again.messages.send("How is she?", to=to, conversation=sent.conversation)


async def _find_nothing(*_: object) -> tuple[object, ...]:
    return ()


@pytest.mark.parametrize("ours", [True, False])
async def test_an_emptied_conversation_is_still_about_its_case(
    agencies: Agencies, ours: bool
) -> None:
    with pytest.raises(NotPermitted) as refused:
        await _write_where_a_case_was_spoken_of(agencies, ours=ours)
    assert refused.value.ruling.rule == "P11"


@pytest.mark.parametrize("ours", [True, False])
async def test_control_what_forgets_its_case_asks_about_none(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    without(monkeypatch, "quietway.talked:TalkBook.find", _find_nothing)
    sent = await _write_where_a_case_was_spoken_of(agencies, ours=ours)
    assert sent.problem is None


async def _join_an_emptied_conversation(agencies: Agencies) -> Sent:
    shelter, hospital, _ = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    sent = await shelter.referrals.send("MERCY", **WHOLE)
    await settle(shelter, hospital)
    await _empty(shelter, sent.conversation)
    return await shelter.messages.send("Hello.", to="CITYPD", conversation=sent.conversation)


async def test_nobody_joins_an_emptied_conversation_about_a_case(agencies: Agencies) -> None:
    with pytest.raises(ContentRefused, match="begin a new one"):
        await _join_an_emptied_conversation(agencies)


async def test_control_where_its_case_is_forgotten_anybody_joins_it(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.talked:TalkBook.find", _find_nothing)
    assert (await _join_an_emptied_conversation(agencies)).problem is None


async def test_general_talk_is_about_no_case(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await shelter.consent.pause(CASE)
    sent = await shelter.messages.send("Your printer is repaired.", to="MERCY")
    assert sent.problem is None
    assert await shelter._agent.talked.find(shelter._agent.store, sent.conversation) == ()
