"""`client.drills`: exercises with the same machinery as a crisis, in a namespace of their own.

Spec: docs/spec/drills.md; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.debriefing.reviewing import record_word
from quietway.drilling.library import find_scenario, list_scenarios
from quietway.drilling.measuring import gather_facts
from quietway.drilling.running import (
    ID_BYTES,
    end_drill,
    find_drill,
    list_drills,
    start_drill,
)
from quietway.drilling.scores import keep_score, list_scores
from quietway.drilling.scoring import score_drill
from quietway.errors import NotFound
from quietway.huddling.reading import list_crises
from quietway.partners import Partner
from quietway.speaking import find_agencies
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.drilling.drill import Drill
    from quietway.drilling.scenario import Scenario
    from quietway.drilling.scoring import DrillScore
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.crises import Crisis
    from quietway_schemas.content.debrief import AgencyDrillScore, ExposureRisk


class AsyncDrills:
    """Drills: scenarios, run with partners, scored, and thought about."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def scenarios(self) -> tuple[Scenario, ...]:
        """List the scenarios of the library; `quietway.drilling.read_scenario` reads another."""
        return list_scenarios()

    async def start(
        self, scenario: Scenario | str, partners: Addressee | Iterable[Addressee] = ()
    ) -> Drill:
        """Begin a drill: call the people on call at the agency that is to lead. EXERCISE.

        Injects come in by themselves in their time, while this device is connected.

        Args:
            scenario: One that was read, or the name of one of the library.
            partners: Who takes part besides this agency; the first of them is called, and is to
                lead. Where none is named, one's own agency is.

        Raises:
            NotFound: There is no such scenario in the library.
            NobodyToCall: Nobody there may be called. Nothing was said to anybody.
            QuietwayError: As `client.messages.send`.
        """
        held = find_scenario(scenario) if isinstance(scenario, str) else scenario
        named = partners if isinstance(partners, AgencyId | Partner | str) else tuple(partners)
        agencies = find_agencies(self._agent, named) if named else ()
        drill, _ = await start_drill(self._agent, held, agencies)
        self._agent.injector.note_begun()
        await self._agent.injector.look()
        return await find_drill(self._agent, drill.drill_id)

    async def list(self) -> builtins.list[Drill]:
        """List the drills that this device runs or ran, the newest last."""
        return await list_drills(self._agent)

    async def show(self, drill_id: bytes | str) -> Drill:
        """Show a drill: its scenario, its alert, and what comes in next.

        Raises:
            NotFound: This device runs none by that id.
        """
        return await find_drill(self._agent, _read_id(drill_id))

    async def event(self, drill_id: bytes | str) -> Crisis:
        """Show the event that came out of a drill.

        Raises:
            NotFound: This device runs no such drill, or nobody has activated an event yet.
        """
        drill = await self.show(drill_id)
        found = await self._find_event(drill)
        if found is None:
            raise NotFound("An event of this drill")
        return found

    async def score(self, drill_id: bytes | str) -> DrillScore:
        """Say what a drill has come to until now. Nothing is kept, and nobody is told.

        Raises:
            NotFound: This device runs none by that id.
        """
        drill = await self.show(drill_id)
        event = await self._find_event(drill)
        said = () if event is None else event.said
        return score_drill(drill.scenario, await gather_facts(self._agent, drill, said))

    async def end(self, drill_id: bytes | str) -> DrillScore:
        """End a drill: what has not come in yet is dropped, and the score is kept.

        The agency's other devices are told the score; no partner is.

        Raises:
            NotFound: This device runs none by that id.
        """
        drill = await end_drill(self._agent, _read_id(drill_id))
        self._agent.injector.note_begun()
        score = await self.score(drill_id)
        await keep_score(self._agent, drill, score)
        return score

    async def scores(self) -> builtins.list[AgencyDrillScore]:
        """List the scores of this agency's drills that are kept here, oldest first."""
        return await list_scores(self._agent)

    async def reflect(
        self,
        drill_id: bytes | str,
        *,
        worked_well: Iterable[str] = (),
        barriers: Iterable[str] = (),
        timing: Iterable[str] = (),
        data_gaps: Iterable[str] = (),
        exposure_risks: Iterable[ExposureRisk] = (),
        texts: Mapping[str, str] | None = None,
    ) -> Sent:
        """Answer a drill's questions: this agency's word in the review of its event.

        `Scenario.questions` asks them, each with the section that its answer belongs to.

        Raises:
            NotFound: As `event`.
            ContentRefused: The event is not closed yet, or a code breaks a rule.
        """
        return await record_word(
            self._agent,
            await self.event(drill_id),
            worked_well=worked_well,
            barriers=barriers,
            timing=timing,
            data_gaps=data_gaps,
            exposure_risks=exposure_risks,
            texts=texts,
        )

    async def _find_event(self, drill: Drill) -> Crisis | None:
        for event in await list_crises(self._agent):
            if event.exercise and (
                event.activation.alert_id == drill.alert_id or event.case == drill.case
            ):
                return event
        return None


def _read_id(named: bytes | str) -> bytes:
    try:
        found = bytes.fromhex(named) if isinstance(named, str) else named
    except ValueError:
        found = b""
    if len(found) != ID_BYTES:
        raise NotFound("A drill by that id on this device", "quietway drill list")
    return found
