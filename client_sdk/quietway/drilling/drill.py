"""A drill as it is kept: one row of the device that runs it, written before anything is sent.

Spec: docs/spec/drills.md, "A drill".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from quietway.drilling.scenario import read_scenario
from quietway.engine.codec import Fields, write_row
from quietway.ports import Put
from quietway_schemas.ids import AgencyId, CaseRef, DeviceId
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from quietway.drilling.scenario import Inject, Scenario
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

DRILL: Final = "drill"
DRILL_SCORE: Final = "drill_score"


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill that this device runs.

    Attributes:
        drill_id: 16 bytes.
        scenario: What is run.
        case: That was drawn for it; it is in no list.
        began_at: Milliseconds since 1970-01-01T00:00:00Z.
        lead: The agency whose people on call were alerted; one's own, or a partner.
        alert_id: Of that alert, 16 bytes.
        partners: Every other agency of the drill that takes part, sorted; the lead's too.
        injected: How many injects have been sent or told.
        ended_at: When it was ended; None while it runs.
        expected: The devices that were to be told first.
        allowed: The devices that may be told besides.
    """

    drill_id: bytes
    scenario: Scenario
    case: CaseRef
    began_at: Instant
    lead: AgencyId
    alert_id: bytes
    partners: tuple[AgencyId, ...] = ()
    injected: int = 0
    ended_at: Instant | None = None
    expected: frozenset[DeviceId] = field(default=frozenset(), repr=False)
    allowed: frozenset[DeviceId] = field(default=frozenset(), repr=False)
    exercise: Literal[True] = True

    @property
    def next_inject(self) -> Inject | None:
        """What comes in next; None where nothing does."""
        if self.ended_at is not None or self.injected >= len(self.scenario.injects):
            return None
        return self.scenario.injects[self.injected]

    @property
    def next_at(self) -> Instant | None:
        """When that is due."""
        following = self.next_inject
        return None if following is None else self.began_at + following.at_s * SECOND

    def after_inject(self) -> Drill:
        """Give the drill with one more inject sent."""
        return replace(self, injected=self.injected + 1)


def write_drill(drill: Drill) -> Put:
    """Turn a drill into its row."""
    row = write_row(
        scenario=drill.scenario.raw,
        case=str(drill.case),
        began_at=drill.began_at,
        lead=str(drill.lead),
        alert=drill.alert_id,
        partners=[str(agency) for agency in drill.partners],
        injected=drill.injected,
        ended_at=drill.ended_at or 0,
        expected=sorted(str(device) for device in drill.expected),
        allowed=sorted(str(device) for device in drill.allowed),
    )
    return Put(DRILL, drill.drill_id, row)


def read_drill(row: Row) -> Drill:
    """Read a row back.

    Raises:
        SchemaError, ContentRefused: It is not what this room writes.
    """
    held = Fields(row.value)
    return Drill(
        drill_id=row.key,
        scenario=read_scenario(held.raw("scenario")),
        case=CaseRef.from_text(held.text("case")),
        began_at=held.number("began_at"),
        lead=AgencyId.from_text(held.text("lead")),
        alert_id=held.raw("alert"),
        partners=tuple(AgencyId.from_text(text) for text in held.texts("partners")),
        injected=held.number("injected"),
        ended_at=held.number("ended_at") or None,
        expected=_read_devices(held, "expected"),
        allowed=_read_devices(held, "allowed"),
    )


def _read_devices(held: Fields, name: str) -> frozenset[DeviceId]:
    return frozenset(DeviceId.from_text(text) for text in held.texts(name))
