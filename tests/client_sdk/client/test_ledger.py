"""What stands is what a fold over the whole store would show, and is read without the store."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from bench.archive_store import Speaker, fill
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL, Agencies
from tests.controls import without

from quietway.content import CaseRef, StatusIndicator
from quietway.history import list_messages
from quietway.ports import Delete, Put, Tag
from quietway.records import INDEXED, MESSAGE
from quietway.standing import STANDING, case_of
from quietway.store.memory import MemoryStore
from quietway.store.shelves import own, own_conversation
from quietway.views.board import fold_board
from quietway.views.referrals import fold_referrals
from quietway_schemas.content.referral import ReferralPacket
from quietway_schemas.content.referral_states import OPEN_STATES
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.client import AsyncClient
    from quietway.ports import Row, Write
    from quietway.records import StoredMessage

CASES = 12
A_CASE = 20
MOST_OF_A_REFERRAL = 4
CODES = ("safety_plan_active", "shelter_need_open", "advocate_assigned")


class CountingStore(MemoryStore):
    """Counts the rows of messages that are read, and the most that were read at once."""

    __slots__ = ("most_at_once", "read_rows")

    def __init__(self) -> None:
        super().__init__()
        self.read_rows = 0
        self.most_at_once = 0

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        return self._count(kind, await super().scan(kind, after=after, limit=limit))

    async def scan_back(self, kind: str, *, before: int | None = None, limit: int) -> Sequence[Row]:
        return self._count(kind, await super().scan_back(kind, before=before, limit=limit))

    async def scan_tagged(
        self, kind: str, tag: bytes, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Row]:
        return self._count(kind, await super().scan_tagged(kind, tag, after=after, limit=limit))

    def _count(self, kind: str, rows: Sequence[Row]) -> Sequence[Row]:
        if kind == MESSAGE:
            self.read_rows += len(rows)
            self.most_at_once = max(self.most_at_once, len(rows))
        return rows


def agent_of(client: AsyncClient) -> Agent:
    return client._agent


async def fill_archive(agencies: Agencies) -> tuple[AsyncClient, CountingStore]:
    store = CountingStore()
    agencies.stores[SHELTER] = store
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    keyring = agent_of(hospital).keyring
    await fill(agent_of(shelter), Speaker(keyring.agency, keyring.device), cases=CASES)
    return shelter, store


async def count_reads(client: AsyncClient, store: CountingStore) -> dict[str, int]:
    """How many rows of messages each question reads."""
    agent, counts = agent_of(client), {}
    messages = await list_messages(agent)
    packet = next(held for held in messages if isinstance(held.content, ReferralPacket))
    assert isinstance(packet.content, ReferralPacket)
    assert packet.message_id is not None
    await client.status.board()
    store.read_rows = 0
    await client.status.board()
    counts["board"], store.read_rows = store.read_rows, 0
    await client.referrals.find(packet.content.referral_ref)
    counts["search"], store.read_rows = store.read_rows, 0
    await list_messages(agent, case=case_of(packet))
    counts["case"], store.read_rows = store.read_rows, 0
    await client.messages.conversation(packet.conversation)
    counts["conversation"], store.read_rows = store.read_rows, 0
    await client.inbox(limit=5)
    counts["inbox"] = store.read_rows
    return counts


async def test_what_a_question_reads_is_bounded_by_its_answer(agencies: Agencies) -> None:
    shelter, store = await fill_archive(agencies)
    assert len(await store.scan(MESSAGE)) == CASES * A_CASE
    counts = await count_reads(shelter, store)
    assert counts["board"] == 0
    assert counts["search"] <= MOST_OF_A_REFERRAL
    # The case's own rows, and those of the one conversation that speaks of it.
    assert counts["case"] <= 2 * A_CASE
    assert counts["conversation"] <= A_CASE
    assert counts["inbox"] <= 2 * A_CASE + CASES


async def test_control_a_history_that_scans_reads_the_store_for_each_answer(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scan(agent: Agent, _tag: bytes, *, held_back: bool = False) -> list[StoredMessage]:
        del held_back
        return await list_messages(agent)

    without(monkeypatch, "quietway.history:list_tagged", scan)
    shelter, store = await fill_archive(agencies)
    counts = await count_reads(shelter, store)
    assert counts["search"] > MOST_OF_A_REFERRAL
    assert counts["conversation"] > A_CASE


async def test_the_first_board_of_a_day_reads_what_stands_alone(agencies: Agencies) -> None:
    shelter, store = await fill_archive(agencies)
    standing = await agent_of(shelter).ledger.standing()
    assert len(standing) < CASES * A_CASE / 2
    await shelter.aclose()
    reopened = await agencies.reopen(SHELTER)
    store.read_rows = 0
    assert len(await agent_of(reopened).ledger.standing()) == len(standing)
    # One more: where the store ends.
    assert store.read_rows <= len(standing) + 1


async def check_same(agent: Agent) -> None:
    """Demand that the ledger and the whole store come to the same."""
    now, me = agent.clock.now(), agent.keyring.agency
    standing, everything = await agent.ledger.standing(), await list_messages(agent)
    assert fold_board(standing, now=now) == fold_board(everything, now=now)
    known = fold_referrals(everything, me=me)
    is_open = {held.ref: held for held in known if held.state in OPEN_STATES}
    shown = {held.ref: held for held in fold_referrals(standing, me=me)}
    assert {ref: held for ref, held in shown.items() if held.state in OPEN_STATES} == is_open
    for case in {case_of(held) for held in standing} - {None}:
        assert case is not None
        assert set(await agent.ledger.of_case(case)) <= set(await list_messages(agent, case=case))


async def tell_something(
    chance: random.Random, shelter: AsyncClient, hospital: AsyncClient
) -> None:
    refs = [held.ref for held in await hospital.referrals.list() if held.state in OPEN_STATES]
    match chance.randrange(5):
        case 0:
            await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
        case 1 if refs:
            await hospital.referrals.answer(chance.choice(refs), state="accepted")
        case 2 if refs:
            answered = chance.choice(refs)
            if (await hospital.referrals.find(answered)).state == "accepted":
                await hospital.referrals.answer(answered, state="completed")
        case 3:
            await hospital.status.set(chance.choice(CODES), to="HARBOR", state="ended")
        case _:
            await shelter.status.set(chance.choice(CODES), to="MERCY")


@pytest.mark.parametrize("seed", range(4))
async def test_the_ledger_shows_what_a_fold_over_the_whole_store_shows(
    agencies: Agencies, seed: int
) -> None:
    chance = random.Random(seed)
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    for _ in range(3):
        for _ in range(6):
            await tell_something(chance, shelter, hospital)
            for client in chance.sample((shelter, hospital), k=2):
                await client.sync()
                await check_same(agent_of(client))
        agencies.clock.advance(chance.randrange(40) * DAY / SECOND)
        await shelter.aclose()
        shelter = await agencies.reopen(SHELTER)
        await shelter.sync()
        await check_same(agent_of(shelter))


async def test_control_a_ledger_that_does_not_follow_shows_yesterday(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.ledger:Ledger.note", lambda _self, _writes: None)
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.status.set("safety_plan_active", to="MERCY")
    await shelter.status.set("shelter_need_open", to="MERCY")
    with pytest.raises(AssertionError):
        await check_same(agent_of(shelter))


async def test_a_referral_that_is_closed_stands_no_more_until_it_is_asked_for_again(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    await hospital.sync()
    assert sent.referral_ref is not None
    for state in ("accepted", "completed"):
        await hospital.referrals.answer(sent.referral_ref, state=state)
    await hospital.aclose()
    hospital = await agencies.reopen(HOSPITAL)
    assert await agent_of(hospital).ledger.of_referral(sent.referral_ref) == ()
    await shelter.sync()
    await shelter.referrals.reopen(sent.referral_ref)
    await hospital.sync()
    assert len(await agent_of(hospital).ledger.of_referral(sent.referral_ref)) == MOST_OF_A_REFERRAL
    await check_same(agent_of(hospital))


async def test_a_card_is_folded_anew_where_something_was_recorded_and_nowhere_else(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    one, two = (CaseRef(agencies.entropy.draw(16)) for _ in range(2))
    folded: list[CaseRef | None] = []

    def fold(messages: tuple[StoredMessage, ...]) -> int:
        folded.append(case_of(messages[0]))
        return len(messages)

    for case in (one, two):
        await shelter.status.set("safety_plan_active", to="MERCY", case_ref=case)
    assert await agent_of(shelter).ledger.case_cards(fold) == {one: 1, two: 1}
    await shelter.status.set("shelter_need_open", to="MERCY", case_ref=two)
    folded.clear()
    assert await agent_of(shelter).ledger.case_cards(fold) == {one: 1, two: 2}
    assert folded == [two]


async def test_what_has_expired_is_found_by_no_tag_and_stands_no_more(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    case = CaseRef(agencies.entropy.draw(16))
    await shelter.status.set("safety_plan_active", to="MERCY", case_ref=case)
    assert len(await agent_of(shelter).ledger.standing()) == 1
    for _ in range(54):
        agencies.clock.advance(7 * DAY / SECOND)
        for client in (shelter, hospital):
            await client.sync()
    assert await agent_of(shelter).ledger.standing() == ()
    for tag in (STANDING, own(case)):
        assert list(await agencies.stores[SHELTER].scan_tagged(MESSAGE, tag)) == []


async def test_what_a_former_version_wrote_is_tagged_at_the_next_opening(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    await hospital.sync()
    assert sent.referral_ref is not None
    await hospital.aclose()
    former, untagged = agencies.stores[HOSPITAL], MemoryStore()
    for kind in await former.kinds():
        rows: list[Write] = [Put(kind, row.key, row.value) for row in await former.scan(kind)]
        await untagged.commit(rows if kind != INDEXED else [])
    agencies.stores[HOSPITAL] = untagged
    hospital = await agencies.reopen(HOSPITAL)
    assert (await hospital.referrals.find(sent.referral_ref)).state == "sent"
    assert len(await hospital.referrals.list()) == 1
    await check_same(agent_of(hospital))


async def receive_late(agencies: Agencies) -> Agent:
    """A device that gets the first of several versions when the others were let go of."""
    store = MemoryStore()
    agencies.stores[SHELTER] = store
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    keyring, agent = agent_of(hospital).keyring, agent_of(shelter)
    await fill(agent, Speaker(keyring.agency, keyring.device), cases=1)
    everything = await list_messages(agent)
    replaced = [held for held in everything if isinstance(held.content, StatusIndicator)][:-3]
    late = replaced[0]
    (row,) = [held for held in await store.scan(MESSAGE) if held.key == late.key]
    tags = [own(case_of(late) or CaseRef(bytes(16))), own_conversation(late.conversation), STANDING]
    await store.commit([Delete(MESSAGE, late.key)])
    await shelter.aclose()
    agent = agent_of(await agencies.reopen(SHELTER))
    await agent.ledger.standing()
    await store.commit(
        [Put(MESSAGE, row.key, row.value), *(Tag(MESSAGE, row.key, tag) for tag in tags)]
    )
    agent.ledger.note([Put(MESSAGE, row.key, row.value)])
    return agent


async def test_an_old_version_that_comes_late_does_not_stand_again(agencies: Agencies) -> None:
    await check_same(await receive_late(agencies))


async def test_control_a_ledger_that_brings_nothing_back_shows_what_was_replaced(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.ledger:Ledger._find_former", lambda _self, _message: None)
    agent = await receive_late(agencies)
    late = {held.key for held in await agent.ledger.standing()}
    named = {
        name
        for held in await list_messages(agent)
        if isinstance(held.content, StatusIndicator)
        for name in held.content.supersedes or ()
    }
    replaced = {held.key for held in await list_messages(agent) if held.core_hash in named}
    standing = await agent.ledger.standing()
    hashes = {name for held in standing for name in getattr(held.content, "supersedes", None) or ()}
    assert any(held.key in late & replaced and held.core_hash not in hashes for held in standing)
