"""Calling agencies to an event, one step after the other, each in its time.

Theory of operation. The sequence is a row, written before the first agency is told. At each look
what was answered is taken in, and whose time is over; then the next one is told, and the row says
so. The message of a step has a local id made of the event and the agency, so that a device that was
cut off between the two does not tell anybody twice.

Spec: docs/spec/crises.md, "Activation".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.consent.asking import weigh
from quietway.crisis.sequence import find_next, find_turn, replace_step, settle_steps
from quietway.errors import NotCorroborated, QuietwayError, StorageFull
from quietway.huddling.plans import Plan, list_plans, read_plan
from quietway.huddling.reading import find_crisis
from quietway.naming import find_alias, find_case_conversation
from quietway.oncall.reaching import find_tiers
from quietway.records import MESSAGE
from quietway.speaking import speak
from quietway_crypto.encoding import TAG_EVENT, hash_tagged
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.crisis.sequence import Step
    from quietway.views.crises import Crisis
    from quietway_schemas.content.crisis import CrisisActivate
    from quietway_schemas.ids import AgencyId, CaseRef, DeviceId

_ID_BYTES: Final = 16
_MOST_STEPS: Final = 16
UNCORROBORATED: Final = "uncorroborated"


class Caller:
    """Calls for one device."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def begin(self, plan: Plan, content: CrisisActivate, case: CaseRef) -> None:
        """Write a sequence down, and tell the first."""
        async with self._turn:
            await self._agent.settle(also=[plan.write()])
            await self._go_on(plan, content, case)
        self._changed.set()

    async def look(self) -> list[QuietwayError]:
        """Take every sequence as far as it goes now. Reports, does not raise."""
        async with self._turn:
            for plan in await list_plans(self._agent.store):
                crisis = await find_crisis(self._agent, plan.event_id)
                if crisis is None or not crisis.is_open:
                    continue
                try:
                    await self._go_on(plan, crisis.activation, crisis.case)
                except StorageFull as full:
                    return [full]
        return []

    async def run(self) -> None:
        """Look at the very time at which a step's is over, until cancelled."""
        while True:
            self._changed.clear()
            with suppress(QuietwayError):
                await self.look()
            await self._wait(await self._find_pause())

    async def _find_pause(self) -> float | None:
        turns = [find_turn(plan.steps) for plan in await list_plans(self._agent.store)]
        ahead = min((turn for turn in turns if turn is not None), default=None)
        if ahead is None:
            return None
        return max(0, ahead - self._agent.clock.now()) / SECOND

    async def _wait(self, pause: float | None) -> None:
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._changed.wait())]
        if pause is not None:
            waits.append(asyncio.ensure_future(self._agent.clock.sleep(pause)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _go_on(self, plan: Plan, content: CrisisActivate, case: CaseRef) -> None:
        for _ in range(_MOST_STEPS):
            crisis = await find_crisis(self._agent, plan.event_id)
            now = self._agent.clock.now()
            settled = settle_steps(plan.steps, _list_answers(crisis), now=now)
            step = find_next(settled)
            told = None if step is None else await self._tell(plan, step, content, case)
            if told is not None:
                settled = replace_step(settled, told)
            if settled != plan.steps:
                plan = replace(plan, steps=settled)
                await self._agent.settle(also=[plan.write()])
            if told is None or told.state == "held":
                return

    async def _tell(self, plan: Plan, step: Step, content: CrisisActivate, case: CaseRef) -> Step:
        try:
            await tell_agency(self._agent, content, case, step.agency, basis=plan.basis)
        except StorageFull:
            raise
        except QuietwayError as problem:
            if isinstance(problem, NotCorroborated):
                return replace(step, state="held", rule=UNCORROBORATED)
            # Nothing was said: whoever comes next is not kept waiting for it.
            rule = getattr(getattr(problem, "ruling", None), "rule", type(problem).__name__)
            return replace(step, state="refused", rule=rule)
        return replace(step, state="told", told_at=self._agent.clock.now(), rule="")


async def tell_agency(
    agent: Agent, content: CrisisActivate, case: CaseRef, agency: AgencyId, *, basis: str
) -> None:
    """Tell one agency of an event, under its own alias of the case; once, however often asked.

    Raises:
        QuietwayError: As `speaking.speak`. Nothing was said.
    """
    local_id = _name_step(content.event_id, agency)
    if await agent.store.read(MESSAGE, local_id) is not None:
        return
    said = await make_told(agent, content, case, agency, basis=basis)
    await speak(
        agent,
        said,
        to=[agency],
        conversation=await find_case_conversation(agent, case, agency, drill=content.exercise),
        devices=_find_called(agent, agency),
        local_id=local_id,
    )


async def make_told(
    agent: Agent, content: CrisisActivate, case: CaseRef, agency: AgencyId, *, basis: str
) -> CrisisActivate:
    """Make the activation as one agency is told it: its alias, and a law where no release is."""
    alias = await find_alias(agent, case, agency)
    said = content.model_copy(update={"case_ref": alias, "disclosure_basis": None})
    if basis and not (await weigh(agent, said, agency)).ruling.allowed:
        return said.model_copy(update={"disclosure_basis": basis})
    return said


async def show_steps(agent: Agent, event_id: bytes) -> tuple[Step, ...]:
    """Give the steps of a sequence."""
    plan = await read_plan(agent.store, event_id)
    return () if plan is None else plan.steps


def _list_answers(crisis: Crisis | None) -> dict[AgencyId, str]:
    # One that takes part is enough, whoever else there does not.
    answers = () if crisis is None else crisis.answers
    said = {held.agency: held.answer for held in answers}
    return said | {held.agency: held.answer for held in answers if held.answer == "accept"}


def _find_called(agent: Agent, agency: AgencyId) -> list[DeviceId]:
    """Find whom an activation is sealed for: who is on call there, and everybody here."""
    tiers = find_tiers(agent, agency, agent.clock.now())
    there = {device for tier in tiers for device in tier}
    if not there:
        there = {held.device for held in agent.directory.devices_of(agency)}
    here = {held.device for held in agent.directory.devices_of(agent.keyring.agency)}
    return sorted(there | here)


def _name_step(event_id: bytes, agency: AgencyId) -> bytes:
    return hash_tagged(TAG_EVENT, event_id + agency.value)[:_ID_BYTES]
