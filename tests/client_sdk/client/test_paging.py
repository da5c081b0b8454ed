"""Long lists are read page by page: what is in memory at once does not grow with the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench.archive_store import Speaker, fill
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.client_sdk.client.test_ledger import A_CASE, CountingStore, agent_of
from tests.controls import without

from quietway.errors import NotFound
from quietway.history import list_as_said, list_messages
from quietway.views.contact_log import fold_contacts_back
from quietway_schemas.ids import MessageId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from quietway.agent import Agent
    from quietway.client import AsyncClient
    from quietway.events import Received
    from quietway.records import StoredMessage
    from quietway.views.contact_log import Later

PAGE = 1_000
CASES = 60
"""Of twenty messages each: more than a page."""


async def fill_archive(agencies: Agencies) -> tuple[AsyncClient, CountingStore]:
    store = CountingStore()
    agencies.stores[SHELTER] = store
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    keyring = agent_of(hospital).keyring
    await fill(agent_of(shelter), Speaker(keyring.agency, keyring.device), cases=CASES)
    return shelter, store


async def test_whole_lists_are_read_by_pages_and_nothing_is_missing(agencies: Agencies) -> None:
    shelter, store = await fill_archive(agencies)
    messages = await list_messages(agent_of(shelter))
    assert len(messages) == CASES * A_CASE > PAGE
    store.most_at_once = 0
    inbox, log = await shelter.inbox(), await shelter.contacts.log()
    conversations = await shelter.messages.conversations()
    assert store.most_at_once == PAGE
    assert [held.message_id for held in inbox] == [held.message_id for held in messages]
    assert {held.message_id for held in log} == {held.message_id for held in messages}
    assert [held.at for held in log] == sorted(held.said_at for held in messages)
    assert sum(held.messages for held in conversations) == len(messages)
    assert [held.last_at for held in conversations] == sorted(
        held.last_at for held in conversations
    )


async def test_a_limited_list_reads_no_more_than_it_needs(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, store = await fill_archive(agencies)
    inbox, log = await shelter.inbox(), await shelter.contacts.log()
    store.read_rows = 0
    last = await shelter.contacts.log(limit=3)
    newest = {held.message_id for held in inbox[-3:]}
    assert last == [entry for entry in log if entry.message_id in newest]
    (spoken_in,) = await shelter.messages.conversations(limit=1)
    assert spoken_in.conversation == inbox[-1].conversation
    assert store.read_rows <= 2 * PAGE + A_CASE

    async def walk(
        agent: Agent, *, before: int | None = None, page: int | None = None
    ) -> AsyncGenerator[list[StoredMessage], None]:
        del before, page
        yield (await list_as_said(agent))[::-1]

    # Control: a walk that reads all of it is seen.
    without(monkeypatch, "quietway.history:walk_back", walk)
    store.most_at_once = 0
    await shelter.messages.conversations(limit=1)
    assert store.most_at_once > PAGE


async def test_an_inbox_is_paged_through_from_message_to_message(agencies: Agencies) -> None:
    shelter, store = await fill_archive(agencies)
    whole, before = await shelter.inbox(), None
    seen: list[Received] = []
    store.most_at_once = 0
    while page := await shelter.inbox(limit=250, before=before):
        seen, before = [*page, *seen], page[0].message_id
    assert seen == whole
    assert store.most_at_once == 250
    assert await shelter.inbox(limit=0) == []
    with pytest.raises(NotFound):
        await shelter.inbox(before=MessageId(bytes(16)))


async def test_an_answer_on_a_newer_page_counts_for_what_it_answers(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Did it arrive?", to="MERCY")
    for client in (shelter, hospital):
        await client.sync()
    (received,) = await hospital.inbox()
    await hospital.messages.send("Yes.", to="HARBOR", answers=received.message_id)
    for client in (hospital, shelter):
        await client.sync()
    agent = agent_of(shelter)
    later: Later = {}
    told = [
        fold_contacts_back([held], me=agent.keyring.agency, later=later)[0].outcome_code
        for held in (await list_messages(agent))[::-1]
    ]
    assert told == [None, "information_exchanged"]
    assert [held.outcome_code for held in await shelter.contacts.log()] == told[::-1]
