"""Running a drill: its alerts, and its injects in their time.

Rules: what was drawn is on the disk before anything goes out, and what goes out carries the flag.
An inject goes once: its messages have ids made of the drill and its number, and it is counted in
the drill's row when it was written down. One that fell due while the device was off goes at once.

Spec: docs/spec/drills.md, "A drill".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.alerting.raising import draft_alert, raise_alert
from quietway.alerting.rungs import arrange_rungs
from quietway.cases import mark_drill, write_alias
from quietway.drilling.drill import DRILL, Drill, read_drill, write_drill
from quietway.errors import NotFound, QuietwayError
from quietway.events import DrillInject
from quietway.naming import find_alias, find_case_conversation
from quietway.oncall.reaching import find_scheduled, find_tiers, list_eligible, tiers_by_role
from quietway.oncall.tiers import PRIMARY, fill_tiers
from quietway.own.sharing import write_shared
from quietway.speaking import speak
from quietway_schemas.content.case import BarrierUpdate, UrgentAction
from quietway_schemas.content.roles import ON_CALL, is_among
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.ids import CaseRef
from quietway_schemas.instants import DAY, HOUR, SECOND, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.drilling.scenario import Inject, Scenario
    from quietway.reports import Sent
    from quietway_schemas.content.base import CaseContent
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

ID_BYTES: Final = 16
_MONTH: Final = len("2026-11")
_ACTION_MS: Final = HOUR


async def start_drill(
    agent: Agent, scenario: Scenario, partners: Sequence[AgencyId]
) -> tuple[Drill, Sent]:
    """Begin a drill: call the people on call at the agency that is to lead, under the flag.

    Args:
        agent: Of this device.
        scenario: What is run.
        partners: Who takes part besides this agency; the first of them is called, and is to lead.
            Where there is none, one's own agency is.

    Returns:
        The drill, and what became of the alert.

    Raises:
        NobodyToCall: Nobody there may be called. Nothing was said to anybody.
        QuietwayError: As `speaking.speak`.
    """
    now, me = agent.clock.now(), agent.keyring.device
    lead = next(iter(partners), agent.keyring.agency)
    rungs = arrange_rungs(find_tiers(agent, lead, now), me=me)
    case = CaseRef(agent.entropy.draw(ID_BYTES))
    if rungs:
        await _mark_case(agent, case)
    alert = await draft_alert(
        agent,
        case,
        scenario.alert_code,
        to=lead,
        rungs=rungs,
        urgency=scenario.urgency,
        exercise=True,
    )
    drill = Drill(
        drill_id=agent.entropy.draw(ID_BYTES),
        scenario=scenario,
        case=case,
        began_at=now,
        lead=lead,
        alert_id=alert.alert_id,
        partners=tuple(sorted(set(partners))),
        expected=find_expected(agent, lead, now) - {me},
        allowed=find_allowed(agent, scenario, partners),
    )
    rows = [write_drill(drill), agent.watch.begin(alert.alert_id, exercise=True)]
    return drill, await raise_alert(agent, alert, to=lead, rungs=rungs, also=rows)


def find_expected(agent: Agent, agency: AgencyId, now: Instant) -> frozenset[DeviceId]:
    """Find who is to be told: whoever its rota names first, or its roles; reachable or not."""
    scheduled = find_scheduled(agent, agency, now)[PRIMARY]
    by_role = fill_tiers(tiers_by_role(list_eligible(agent.directory, agency)))[PRIMARY]
    return frozenset(scheduled or by_role)


def find_allowed(
    agent: Agent, scenario: Scenario, partners: Sequence[AgencyId]
) -> frozenset[DeviceId]:
    """Find who may be told besides: who receives alerts, or has a role of the script."""
    roles = frozenset(scenario.expected.roles) | ON_CALL
    return frozenset(
        held.device
        for agency in {agent.keyring.agency, *partners}
        for held in agent.directory.devices_of(agency)
        if is_among(held.roles, roles)
    )


async def list_drills(agent: Agent) -> list[Drill]:
    """List the drills that this device runs or ran, the newest last."""
    drills = [read_drill(row) for row in await agent.store.scan(DRILL)]
    return sorted(drills, key=lambda held: (held.began_at, held.drill_id))


async def find_drill(agent: Agent, drill_id: bytes) -> Drill:
    """Find one drill.

    Raises:
        NotFound: This device runs none by that id.
    """
    for drill in await list_drills(agent):
        if drill.drill_id == drill_id:
            return drill
    raise NotFound("A drill by that id on this device", "quietway drill list")


async def end_drill(agent: Agent, drill_id: bytes) -> Drill:
    """End a drill: what has not come in yet is dropped. Ending it again changes nothing.

    Raises:
        NotFound: This device runs none by that id.
    """
    drill = await find_drill(agent, drill_id)
    if drill.ended_at is None:
        drill = replace(drill, ended_at=agent.clock.now())
        await agent.settle(also=[write_drill(drill)])
    return drill


class Injector:
    """Sends what has fallen due of the drills that run here: at each pass, and at its very time."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def look(self) -> list[QuietwayError]:
        """Send what has fallen due; returns what stood in its way, without which it goes on."""
        problems: list[QuietwayError] = []
        async with self._turn:
            for drill in await list_drills(self._agent):
                problems += await _catch_up(self._agent, drill)
        return problems

    def note_begun(self) -> None:
        """Look anew: a drill was begun, or ended."""
        self._changed.set()

    async def run(self) -> None:
        """Look at the very time at which something falls due, until cancelled."""
        while True:
            self._changed.clear()
            with suppress(QuietwayError):
                await self.look()
            await self._wait(due_next(await list_drills(self._agent)))

    async def _wait(self, at: Instant | None) -> None:
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._changed.wait())]
        if at is not None:
            pause = max(0, at - self._agent.clock.now()) / SECOND
            waits.append(asyncio.ensure_future(self._agent.clock.sleep(pause)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def _catch_up(agent: Agent, drill: Drill) -> list[QuietwayError]:
    problems: list[QuietwayError] = []
    while (at := drill.next_at) is not None and at <= agent.clock.now():
        inject = drill.next_inject
        assert inject is not None  # noqa: S101 - its time has come
        try:
            await _send_inject(agent, drill, inject)
        except QuietwayError as problem:
            # A rule stands in its way, as it would in a crisis: the drill goes on without it.
            problems.append(problem)
        number, drill = drill.injected, drill.after_inject()
        await agent.settle(also=[write_drill(drill)])
        agent.tell(
            DrillInject(
                drill_id=drill.drill_id,
                number=number,
                kind=inject.kind,
                code=inject.code,
                words=inject.words,
                at=at,
            )
        )
    return problems


async def _send_inject(agent: Agent, drill: Drill, inject: Inject) -> None:
    if inject.kind == "prompt":
        return
    own = agent.keyring.agency
    # Nobody is sent their own words: where one's own agency leads, whoever runs it reads it out.
    for agency in drill.partners if inject.to == "partners" else {drill.lead} - {own}:
        alias = await find_alias(agent, drill.case, agency)
        await speak(
            agent,
            make_inject(agent, drill, inject, alias, agency),
            to=(agency,),
            conversation=await find_case_conversation(agent, drill.case, agency, drill=True),
            local_id=_name_inject(drill, agency),
        )


def make_inject(
    agent: Agent, drill: Drill, inject: Inject, alias: CaseRef, agency: AgencyId
) -> CaseContent:
    """Make what an inject says to one agency. It carries the flag, whatever else it says."""
    now = agent.clock.now()
    fields: dict[str, object] = {"case_ref": alias, "code": inject.code, "exercise": True}
    match inject.kind:
        case "status":
            return StatusIndicator.model_validate(
                fields
                | {
                    "state": "active",
                    "effective": now,
                    "expires": now + DAY,
                    "confidence": "reported",
                }
            )
        case "barrier":
            return BarrierUpdate.model_validate(
                fields
                | {
                    "nonce": agent.entropy.draw(ID_BYTES),
                    "state": "present",
                    "since": to_text(now)[:_MONTH],
                    "expires": now + DAY,
                }
            )
        case _:
            return UrgentAction.model_validate(
                fields
                | {
                    "nonce": agent.entropy.draw(ID_BYTES),
                    "action_id": _name_inject(drill, agency),
                    "owner": agent.directory.agency_code(agency) or agent.keyring.agency_code,
                    "due_at": now + _ACTION_MS,
                    "state": "open",
                }
            )


def _name_inject(drill: Drill, agency: AgencyId) -> bytes:
    # The drill's id is random, so what differs from it by agency and number is another one.
    parts = (drill.drill_id, agency.value, drill.injected.to_bytes(ID_BYTES, "big"))
    return bytes(one ^ other ^ number for one, other, number in zip(*parts, strict=True))


async def _mark_case(agent: Agent, case: CaseRef) -> None:
    own, mark = agent.keyring.agency, mark_drill(case)
    await write_shared(agent, write_alias(case, own, mark))
    agent.cases.add(case, own, mark)


def due_next(drills: Sequence[Drill]) -> Instant | None:
    """Say when the next inject of any of them is due; None where none is."""
    return min((held.next_at for held in drills if held.next_at is not None), default=None)
