"""Withdrawing: asks the relay to give back what it still holds, and notes what it said.

Theory of operation. Whoever wants something back writes that down first: in one commit the entry is
stopped, and its slips become rows of the kind `withdrawing`. Then the relay is asked, one agency at
a time, and its answer is committed with the end of those rows. So what is cut off in between is
asked again, at the next occasion or after the next start.

Rules: what was asked before and got no answer may have been given back then; the relay does not
tell that apart from what was fetched. So a no to a second question is `uncertain`, and so is a no
to a copy that may never have got there.

Spec: docs/spec/relay-protocol.md, "Taking back"; docs/spec/conversations.md, "Pausing a partner".
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from quietway.engine.inputs import LeaveOut, Returned, ShutOut, TakenBack, Withdraw
from quietway.engine.state import Progress
from quietway.engine.withdrawal import FETCHED, TAKEN_BACK, UNCERTAIN
from quietway.fates import note_answers
from quietway.ports import Delete
from quietway.slips import ASKED, find_due, list_asked, list_slips
from quietway_schemas.withdrawal import MOST_SLIPS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from quietway.agent import Agent
    from quietway.engine.inputs import Input
    from quietway.engine.state import Entry
    from quietway.ports import Put
    from quietway.slips import HeldSlip
    from quietway_schemas.ids import AgencyId, ConversationId, DeviceId
    from quietway_schemas.instants import Instant

_COPY: Final = slice(16, 48)
"""Of a slip's key: which copy of which entry."""


class Withdrawer:
    """Withdraws for one device.

    Args:
        agent: Whose state and store it is, and whose way to the relay.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._never_asked: set[bytes] = set()

    async def begin(self, local_ids: Collection[bytes]) -> None:
        """Stop these entries for good, and note which copies are to be asked for.

        Raises:
            StorageFull: Nothing was stopped.
        """
        stops, asked = await self.stop(local_ids)
        await self._agent.settle(*stops, also=asked)

    async def stop(
        self, local_ids: Collection[bytes], agency: AgencyId | None = None
    ) -> tuple[list[Input], list[Put | Delete]]:
        """Give what belongs into the commit that stops these entries for good.

        Args:
            local_ids: The entries.
            agency: Ask for the copies of this agency's devices only; None for all.
        """
        slips = [
            held
            for held in await list_slips(self._agent.store)
            if held.local_id in local_ids and agency in {None, held.agency}
        ]
        stops: list[Input] = []
        for local_id in sorted(local_ids):
            asked = frozenset(held.device for held in slips if held.local_id == local_id)
            stops.append(self._stop(local_id, agency, asked))
        return stops, self._ask_for(slips, waits=False)

    async def keep_to(
        self, conversation: ConversationId, devices: Collection[DeviceId]
    ) -> tuple[list[Input], list[Put | Delete]]:
        """Give what belongs into the commit after which only these devices get what was said.

        Args:
            conversation: Where it was said.
            devices: Who still gets it.
        """
        entries = {
            held.local_id: held
            for held in self._agent.state.outbox.values()
            if held.conversation == conversation and not (held.withdrawn or held.expired)
        }
        slips = [
            held
            for held in await list_slips(self._agent.store)
            if held.local_id in entries and held.device not in devices and held.kind != ASKED
        ]
        stops: list[Input] = []
        for local_id, entry in sorted(entries.items()):
            asked = frozenset(held.device for held in slips if held.local_id == local_id)
            named = {held.device for held in entry.deliveries} | set(entry.devices) | asked
            if gone := named - set(devices) - {self._agent.keyring.device}:
                stops.append(self._leave_out(entry, gone, asked))
        return stops, self._ask_for(slips, waits=False)

    def _stop(
        self, local_id: bytes, agency: AgencyId | None, asked: frozenset[DeviceId]
    ) -> Withdraw | LeaveOut:
        entry, now = self._agent.state.outbox.get(local_id), self._agent.clock.now()
        if agency is None or entry is None or not entry.devices or entry.to == (agency,):
            return Withdraw(now, local_id, asked)
        # It was said to several, by name: the others get theirs.
        known = {held.device for held in self._agent.directory.devices_of(agency)}
        gone = known | {held.device for held in entry.deliveries if held.agency == agency}
        return self._leave_out(entry, gone, asked)

    def _leave_out(
        self, entry: Entry, gone: Collection[DeviceId], asked: frozenset[DeviceId]
    ) -> LeaveOut:
        staying = set(entry.devices) - set(gone)
        agencies = frozenset(
            agency
            for agency in entry.to
            if not any(held.device in staying for held in self._agent.directory.devices_of(agency))
        )
        now = self._agent.clock.now()
        return LeaveOut(now, entry.local_id, frozenset(gone), agencies, asked)

    async def shut_out(self, agency: AgencyId) -> tuple[Input, list[Put | Delete]]:
        """Give what belongs into the commit that shuts an agency out."""
        slips = [
            held
            for held in await list_slips(self._agent.store)
            if held.agency == agency and held.kind != ASKED
        ]
        return ShutOut(self._agent.clock.now(), agency), self._ask_for(slips, waits=True)

    async def finish(self, agencies: Iterable[AgencyId]) -> None:
        """Do what a crash, or a copy that was being sealed, left over of shutting these out."""
        for agency in sorted(agencies):
            stop, writes = await self.shut_out(agency)
            sealed = any(
                held.agency == agency and held.progress is Progress.SEALED
                for entry in self._agent.state.outbox.values()
                for held in entry.deliveries
            )
            if writes or sealed:
                await self._agent.settle(stop, also=writes)

    async def ask(self) -> tuple[Returned, ...]:
        """Ask the relay for everything that is to be given back; returns what it said.

        Raises:
            RelayError: What was not answered is asked again the next time.
        """
        said: list[Returned] = []
        for batch in _make_batches(await list_asked(self._agent.store)):
            certain = self._never_asked.issuperset(held.key for held in batch)
            self._never_asked.difference_update(held.key for held in batch)
            answers = await self._agent.relay.withdraw([held.slip for held in batch])
            copies = tuple(_judge(zip(batch, answers, strict=True), certain=certain))
            done: list[Put | Delete] = [Delete(ASKED, held.key) for held in batch]
            agency = batch[0].agency
            ended = [(held.local_id, agency, held.outcome) for held in copies if not held.waits]
            done += await note_answers(self._agent.store, self._agent.state.outbox, ended)
            await self._agent.settle(TakenBack(self._agent.clock.now(), copies), also=done)
            said += copies
        return tuple(said)

    async def drop_due(self, at: Instant, gone: Collection[bytes]) -> None:
        """Drop the slips that are of no use any more, and those of entries that are erased."""
        store = self._agent.store
        due = await find_due(store, at)
        late = [held for held in await list_asked(store) if held.expires <= at]
        unanswered = [Returned(h.local_id, h.device, UNCERTAIN, h.waits) for h in late]
        due += [Delete(ASKED, held.key) for held in late]
        ended = [(h.local_id, h.agency, UNCERTAIN) for h in late if not h.waits]
        noted = await note_answers(store, self._agent.state.outbox, ended)
        if gone:
            held = await list_slips(store)
            due += [Delete(slip.kind, slip.key) for slip in held if slip.local_id in gone]
        if due:
            answered = TakenBack(self._agent.clock.now(), tuple(unanswered))
            await self._agent.settle(answered, also=[*due, *noted])

    def _ask_for(self, slips: Iterable[HeldSlip], *, waits: bool) -> list[Put | Delete]:
        writes: list[Put | Delete] = []
        for held in slips:
            if held.kind != ASKED:
                self._never_asked.add(held.key)
            writes += held.ask(waits=waits)
        return writes


def _make_batches(slips: Iterable[HeldSlip]) -> Iterator[list[HeldSlip]]:
    """Put the slips of one agency together, all of one copy in one batch."""
    for _, of_agency in groupby(sorted(slips, key=lambda held: held.key), lambda h: h.agency):
        batch: list[HeldSlip] = []
        for _, of_copy in groupby(of_agency, lambda held: held.key[_COPY]):
            copy = list(of_copy)
            if len(batch) + len(copy) > MOST_SLIPS:
                yield batch
                batch = []
            batch += copy
        yield batch


def _judge(answers: Iterable[tuple[HeldSlip, bool]], *, certain: bool) -> Iterator[Returned]:
    for _, of_copy in groupby(answers, lambda held: held[0].key[_COPY]):
        slips = list(of_copy)
        first, given = slips[0][0], {answer for _, answer in slips}
        if given == {True}:
            outcome = TAKEN_BACK
        else:
            # Sealed twice, and one of them not there: it may have been fetched as the other.
            outcome = FETCHED if given == {False} and certain else UNCERTAIN
        yield Returned(first.local_id, first.device, outcome, first.waits)
