"""A fault at every call that a device makes to its store or its relay, one after the other.

The story: a message, a referral and its answer, a status indicator. It is told again and again
between two agencies; each time the next call of the shelter's device fails: its disk is full, the
relay is gone, an answer is lost, the process is killed before the call or just after it. Then
everything heals, and the story must have ended as if nothing had happened: what was said is there
once and in order, nobody was told of anything that does not add up, and no place in a chain was
ever given to two cores.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL, Agencies, invite
from tests.client_sdk.agent import faults
from tests.client_sdk.agent.faults import Fate, FaultyStore, Killed, connect_faulty
from tests.controls import without

from quietway.client import AsyncClient
from quietway.content import MessageText
from quietway.errors import QuietwayError, StorageFull, StoreExists
from quietway.records import EVIDENCE, NOTICE
from quietway.testing.sandbox import FAST, PASSPHRASE, RELAY_URL

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_schemas.ids import ConversationId


MOST_CALLS = 100
A_LITTLE_LATER = 3_700


class Story:
    """A shelter whose calls can fail, and a hospital whose calls cannot.

    Attributes:
        certain: What the shelter was told that it has said.
        possible: What it may have said: it was killed before it could be told.
    """

    def __init__(self, agencies: Agencies) -> None:
        self.agencies = agencies
        self.fate = Fate()
        self.store = FaultyStore(self.fate)
        self.code = agencies.relay.enrolment_code()
        self.certain: list[str] = []
        self.possible: set[str] = set()
        self.told = 0

    async def begin(self) -> None:
        self.hospital = await self.agencies.found(HOSPITAL)
        self.shelter = await self.found()
        await invite(self.shelter, self.hospital)
        await invite(self.hospital, self.shelter)
        sent = await self.hospital.messages.send("Begin.", to="HARBOR")
        self.conversation: ConversationId = sent.conversation
        await self.shelter.sync()

    async def found(self) -> AsyncClient:
        return await AsyncClient.found(
            self.agencies.folder / "shelter",
            passphrase=PASSPHRASE,
            relay=RELAY_URL,
            enrolment_code=self.code,
            agency_code="HARBOR",
            program=SHELTER,
            parameters=FAST,
            relay_port=connect_faulty(self.agencies.relay, self.fate),
            clock=self.agencies.clock,
            entropy=self.agencies.entropy,
            store=self.store,
        )

    async def found_again(self) -> AsyncClient:
        """Do what a person does: the same once more; where all was done already, open it."""
        self.fate.heal()
        try:
            return await self.found()
        except StoreExists:
            await self.reopen()
            return self.shelter

    async def reopen(self) -> None:
        self.shelter = await AsyncClient.open(
            self.agencies.folder / "shelter",
            passphrase=PASSPHRASE,
            relay_port=connect_faulty(self.agencies.relay, self.fate),
            clock=self.agencies.clock,
            entropy=self.agencies.entropy,
            store=self.store,
        )

    async def tell(self) -> None:
        """Tell the story once, as far as it comes."""
        self.told += 1
        number = self.told
        sent = await self.hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
        steps = (
            self.shelter.sync,
            lambda: self.say(f"{number} first"),
            lambda: self.say(f"{number} second"),
            self.wait,
            lambda: self.say(f"{number} third"),
            lambda: self.shelter.referrals.acknowledge(sent.referral_ref, "pending"),
            lambda: self.shelter.status.set("safety_plan_active", to="MERCY"),
            self.shelter.sync,
        )
        for step in steps:
            with suppress(QuietwayError):
                await step()
        self.ref = sent.referral_ref

    async def wait(self) -> None:
        """Let the relay's last answer be too old to vouch for the clock."""
        self.agencies.clock.advance(90)

    async def say(self, text: str) -> None:
        self.possible.add(text)
        try:
            await self.shelter.messages.send(text, to="MERCY", conversation=self.conversation)
        except StorageFull:
            self.possible.remove(text)
            raise
        self.possible.remove(text)
        self.certain.append(text)

    async def heal(self) -> None:
        """Let everything work again, with a restart where the process was killed."""
        killed = self.fate.dead
        self.fate.heal()
        if killed:
            await self.reopen()
        for _ in range(2):
            self.agencies.clock.advance(A_LITTLE_LATER)
            report = await self.shelter.sync()
            await self.hospital.sync()
        # A tick of the hospital's may have come after the shelter read its mailbox.
        await self.shelter.sync()
        assert report.problems == ()
        assert report.waiting == 0

    async def suffer(self, fault: str, call: int, *, of_store: bool) -> bool:
        """Tell the story with one fault and heal; says whether there was such a call."""
        self.fate.order(fault, call, of_store=of_store)
        with suppress(Killed):
            await self.tell()
        await self.heal()
        return self.fate.happened

    async def suffer_at_every_call(self, fault: str, *, of_store: bool) -> int:
        for call in range(1, MOST_CALLS):
            if not await self.suffer(fault, call, of_store=of_store):
                return call - 1
            await self.check(fault, call)
        pytest.fail("The story has no end.")

    async def check(self, fault: str, call: int) -> None:
        where = f"{fault}, call {call}"
        said = [text for text in await read_texts(self.hospital) if text not in self.possible]
        assert said == self.certain, where
        assert len(await read_texts(self.hospital)) == len(set(await read_texts(self.hospital)))
        for client in (self.shelter, self.hospital):
            assert not any(held.gap for held in await client.inbox()), where
            store = client._agent.store
            assert await store.scan(NOTICE) == (), where
            assert await store.scan(EVIDENCE) == (), where
        mine = {str(held.ref): held.state for held in await self.shelter.referrals.list()}
        theirs = {str(held.ref): held.state for held in await self.hospital.referrals.list()}
        assert mine == theirs, where
        assert len(mine) == self.told
        assert all(len(held) == 1 for held in self.store.cores(self.shelter)), where
        assert self.agencies.relay.envelopes_held() == ()


async def read_texts(client: AsyncClient) -> list[str]:
    return [
        held.content.text for held in await client.inbox() if isinstance(held.content, MessageText)
    ]


@pytest.fixture
async def story(agencies: Agencies) -> Story:
    made = Story(agencies)
    await made.begin()
    return made


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("fault", faults.OF_STORE)
async def test_a_fault_at_any_commit_loses_nothing_and_doubles_nothing(
    story: Story, fault: str
) -> None:
    """A51: whichever commit fails, what was said is there once, and "not sent" is true."""
    assert await story.suffer_at_every_call(fault, of_store=True) >= 8


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("fault", faults.OF_RELAY)
async def test_a_fault_at_any_request_loses_nothing_and_doubles_nothing(
    story: Story, fault: str
) -> None:
    """A51: whichever request or answer is lost, what was said is there once."""
    assert await story.suffer_at_every_call(fault, of_store=False) >= 8


async def test_control_sent_before_it_is_written_down_a_crash_uses_places_twice(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Outbox and places are forgotten, as if they were only in the process's memory.
    without(monkeypatch, "quietway.engine.codec:changes", lambda _old, _new: [])
    with pytest.raises(AssertionError):
        await story.suffer_at_every_call(faults.KILLED_AFTER, of_store=False)


@pytest.mark.parametrize(
    ("fault", "of_store"),
    [*((fault, True) for fault in faults.OF_STORE), *((fault, False) for fault in faults.OF_RELAY)],
)
async def test_a_founding_with_a_fault_at_any_call_is_repeated_and_ends_well(
    tmp_path: Path, fault: str, *, of_store: bool
) -> None:
    for call in range(1, MOST_CALLS):
        async with Agencies(tmp_path / str(call)) as agencies:
            story = Story(agencies)
            story.fate.order(fault, call, of_store=of_store)
            try:
                founded = await story.found()
            except (QuietwayError, Killed):
                founded = await story.found_again()
            story.fate.heal()
            assert (await founded.sync()).problems == (), call
            assert founded._agent.directory.devices_of(founded.agency_id) != ()
            if not story.fate.happened:
                return
