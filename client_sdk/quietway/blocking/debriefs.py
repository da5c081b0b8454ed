"""The blocking faces of reviews and of drills.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping

    from quietway.blocking.loop import Loop
    from quietway.drilling.drill import Drill
    from quietway.drilling.scenario import Scenario
    from quietway.drilling.scoring import DrillScore
    from quietway.faces.drills import AsyncDrills
    from quietway.faces.reviews import AsyncReviews
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.crises import Crisis
    from quietway.views.reviews import EventReview
    from quietway_schemas.content.debrief import AgencyDrillScore, ExposureRisk
    from quietway_schemas.instants import Instant


class Reviews:
    """Reviews: what each agency says of an event, what is to change, and how that stands."""

    def __init__(self, face: AsyncReviews, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def list(self, *, exercise: bool = False) -> builtins.list[EventReview]:
        """List the reviews of events that are over; see `AsyncReviews.list`."""
        return self._loop.run(self._face.list, exercise=exercise)

    def show(self, event_id: bytes | str) -> EventReview:
        """Show the review of one event; see `AsyncReviews.show`."""
        return self._loop.run(self._face.show, event_id)

    def record(
        self,
        event_id: bytes | str,
        *,
        worked_well: Iterable[str] = (),
        barriers: Iterable[str] = (),
        timing: Iterable[str] = (),
        data_gaps: Iterable[str] = (),
        exposure_risks: Iterable[ExposureRisk] = (),
        texts: Mapping[str, str] | None = None,
    ) -> Sent:
        """Say this agency's word on an event; see `AsyncReviews.record`."""
        return self._loop.run(
            self._face.record,
            event_id,
            worked_well=worked_well,
            barriers=barriers,
            timing=timing,
            data_gaps=data_gaps,
            exposure_risks=exposure_risks,
            texts=texts,
        )

    def follow(
        self,
        event_id: bytes | str,
        code: str,
        *,
        to: Addressee,
        action: str = "call_lead",
        due_at: Instant | None = None,
        text: str = "A review found a risk of exposure.",
    ) -> Sent:
        """Act on a risk of exposure that this agency named; see `AsyncReviews.follow`."""
        return self._loop.run(
            self._face.follow, event_id, code, to=to, action=action, due_at=due_at, text=text
        )

    def add_item(
        self,
        event_id: bytes | str,
        category: str,
        *,
        owner: Addressee | None = None,
        due: Instant,
        text: str | None = None,
    ) -> bytes:
        """Say what is to change, whose it is, and until when; see `AsyncReviews.add_item`."""
        return self._loop.run(
            self._face.add_item, event_id, category, owner=owner, due=due, text=text
        )

    def update_item(
        self, item_id: bytes | str, state: str, *, reason_code: str | None = None
    ) -> Sent:
        """Say how an item of this agency stands; see `AsyncReviews.update_item`."""
        return self._loop.run(self._face.update_item, item_id, state, reason_code=reason_code)


class Drills:
    """Drills: scenarios, run with partners, scored, and thought about."""

    def __init__(self, face: AsyncDrills, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def scenarios(self) -> tuple[Scenario, ...]:
        """List the scenarios of the library; see `AsyncDrills.scenarios`."""
        return self._face.scenarios()

    def start(
        self, scenario: Scenario | str, partners: Addressee | Iterable[Addressee] = ()
    ) -> Drill:
        """Begin a drill. EXERCISE. See `AsyncDrills.start`."""
        return self._loop.run(self._face.start, scenario, partners)

    def list(self) -> builtins.list[Drill]:
        """List the drills that this device runs or ran; see `AsyncDrills.list`."""
        return self._loop.run(self._face.list)

    def show(self, drill_id: bytes | str) -> Drill:
        """Show a drill; see `AsyncDrills.show`."""
        return self._loop.run(self._face.show, drill_id)

    def event(self, drill_id: bytes | str) -> Crisis:
        """Show the event that came out of a drill; see `AsyncDrills.event`."""
        return self._loop.run(self._face.event, drill_id)

    def score(self, drill_id: bytes | str) -> DrillScore:
        """Say what a drill has come to until now; see `AsyncDrills.score`."""
        return self._loop.run(self._face.score, drill_id)

    def end(self, drill_id: bytes | str) -> DrillScore:
        """End a drill, and keep its score; see `AsyncDrills.end`."""
        return self._loop.run(self._face.end, drill_id)

    def scores(self) -> builtins.list[AgencyDrillScore]:
        """List the scores that are kept here; see `AsyncDrills.scores`."""
        return self._loop.run(self._face.scores)

    def reflect(
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
        """Answer a drill's questions; see `AsyncDrills.reflect`."""
        return self._loop.run(
            self._face.reflect,
            drill_id,
            worked_well=worked_well,
            barriers=barriers,
            timing=timing,
            data_gaps=data_gaps,
            exposure_risks=exposure_risks,
            texts=texts,
        )
