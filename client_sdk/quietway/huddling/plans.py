"""The row of a sequence: whom this device calls to an event, and how far that is.

It is written before the first is told, so that a device that was cut off goes on where it was.

Spec: docs/spec/crises.md, "Activation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from quietway.crisis.sequence import Step
from quietway.engine.codec import Fields, write_row
from quietway.ports import Put
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from quietway.crisis.sequence import StepState
    from quietway.ports import Row, Store

EVENT_PLAN: Final = "event_plan"
_SEPARATOR: Final = " "


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom this device calls.

    Attributes:
        event_id: 16 bytes.
        steps: Whom, in order.
        basis: The law or the order by which those are told who have no release; empty for none.
        fallback: Who leads next where the lead does not answer, in order.
    """

    event_id: bytes
    steps: tuple[Step, ...]
    basis: str = ""
    fallback: tuple[AgencyId, ...] = ()

    def write(self) -> Put:
        """Write it for the store."""
        row = write_row(
            basis=self.basis,
            fallback=[str(agency) for agency in self.fallback],
            steps=[_write_step(step) for step in self.steps],
        )
        return Put(EVENT_PLAN, self.event_id, row)


async def read_plan(store: Store, event_id: bytes) -> Plan | None:
    """Read the sequence of an event; None where this device calls nobody to it."""
    raw = await store.read(EVENT_PLAN, event_id)
    return None if raw is None else _read(event_id, raw)


async def list_plans(store: Store) -> list[Plan]:
    """List every sequence of this device."""
    rows: list[Row] = list(await store.scan(EVENT_PLAN))
    return [_read(row.key, row.value) for row in rows]


def _read(event_id: bytes, raw: bytes) -> Plan:
    held = Fields(raw)
    return Plan(
        event_id,
        tuple(_read_step(text) for text in held.texts("steps")),
        held.text("basis"),
        tuple(AgencyId.from_text(text) for text in held.texts("fallback")),
    )


def _write_step(step: Step) -> str:
    told = "-" if step.told_at is None else str(step.told_at)
    return _SEPARATOR.join((str(step.agency), str(step.within_ms), step.state, told, step.rule))


def _read_step(text: str) -> Step:
    agency, within, state, told, rule = text.split(_SEPARATOR)
    return Step(
        AgencyId.from_text(agency),
        int(within),
        cast("StepState", state),
        None if told == "-" else int(told),
        rule,
    )
