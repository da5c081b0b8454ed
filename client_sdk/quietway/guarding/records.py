"""What is kept of overrides: that one was used, by which rules, why, and with whom. Never the text.

A record is written in the commit of the message that it let pass. It becomes a line of the access
log with the first synchronisation after that message has its id. Beside it each rule has
a count of what it held back, so that a rule that is overridden too often shows.

Spec: docs/spec/guard.md, "Overrides"; docs/spec/access-log.md.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import NotFound, QuietwayError, StorageFull
from quietway.ports import Delete, Put
from quietway.records import MESSAGE
from quietway_schemas.content.access import MOST_RULES
from quietway_schemas.ids import DeviceId, MessageId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.guard.deciding import Decision
    from quietway.own.accesses import AccessLines
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

OVERRIDE: Final = "override"
"""Overrides that were used on this device, by the local id of the message."""
HELD: Final = "guard_held"
"""How often each rule held something back, by its id."""
DRILL_REFUSAL: Final = "drill_refusal"
"""When something was refused in a drill: it is in the drill's score, and in no rule's count."""
KEPT_MS: Final = 365 * DAY


@dataclass(frozen=True, slots=True)
class OverrideRecord:
    """One override that was used on this device.

    Attributes:
        at: When, in milliseconds since 1970-01-01T00:00:00Z.
        kind: The content's type.
        rules: The rules that had held it.
        reason: A code of the list `guard_reason`.
        second: The device that confirmed it, in a crisis; else None.
        message_id: What went by it, once that was sealed.
    """

    at: Instant
    kind: str
    rules: tuple[str, ...]
    reason: str
    second: DeviceId | None
    message_id: MessageId | None


@dataclass(frozen=True, slots=True)
class RuleRate:
    """How often a rule held something back here, and how often a person let it go all the same.

    Attributes:
        rule: Which.
        held: Texts that it held back or refused, each counted once.
        overridden: Overrides among them.
    """

    rule: str
    held: int
    overridden: int

    @property
    def rate(self) -> float:
        """The part that was overridden, from 0 to 1."""
        return min(1.0, self.overridden / self.held) if self.held else 0.0


@dataclass(frozen=True, slots=True)
class OverrideReport:
    """What was overridden on this device.

    Attributes:
        records: Oldest first.
        rates: One for each rule that held something, sorted by rule.
    """

    records: tuple[OverrideRecord, ...]
    rates: tuple[RuleRate, ...]


def write_records(
    agent: Agent, decision: Decision, kind: str, local_ids: Iterable[bytes]
) -> list[Put]:
    """Give the rows that belong into the commit of what an override lets pass."""
    given = decision.overriding
    if given is None:
        return []
    row = write_row(
        at=agent.clock.now(),
        kind=kind,
        rules=list(decision.rules[:MOST_RULES]),
        reason=given.reason,
        second="" if given.second is None else str(given.second),
    )
    return [Put(OVERRIDE, local_id, row) for local_id in local_ids]


async def count_held(agent: Agent, decision: Decision) -> None:
    """Count a refusal for each rule that stands in the way."""
    with suppress(StorageFull):  # A refusal is said also where there is no room to count it.
        async with agent.guarding.counting:
            counts = [
                (rule, Fields(await agent.store.read(HELD, rule.encode()) or b"{}").number("held"))
                for rule in decision.rules
            ]
            await agent.settle(
                also=[Put(HELD, rule.encode(), write_row(held=held + 1)) for rule, held in counts]
            )


async def count_drilled(agent: Agent) -> None:
    """Note that something was refused in a drill, and nothing of what it was."""
    with suppress(StorageFull):  # As above.
        key = agent.clock.now().to_bytes(8, "big") + agent.entropy.draw(8)
        await agent.settle(also=[Put(DRILL_REFUSAL, key, write_row())])


async def report_overrides(agent: Agent) -> OverrideReport:
    """List the overrides of this device, and how often each rule was overridden."""
    rows = await agent.store.scan(OVERRIDE)
    records = sorted((_read(row) for row in rows), key=lambda held: held.at)
    held = {
        row.key.decode(): Fields(row.value).number("held") for row in await agent.store.scan(HELD)
    }
    used = [rule for record in records for rule in record.rules]
    rates = (RuleRate(rule, held.get(rule, 0), used.count(rule)) for rule in {*held, *used})
    return OverrideReport(tuple(records), tuple(sorted(rates, key=lambda rate: rate.rule)))


async def tell_auditors(agent: Agent, lines: AccessLines) -> list[QuietwayError]:
    """Write the line of each override whose message has its id now, and drop what is over.

    Returns:
        What is in the way.
    """
    try:
        for row in await agent.store.scan(OVERRIDE):
            await _tell_one(agent, lines, row)
    except (NotFound, StorageFull) as problem:
        return [problem]
    return []


async def _tell_one(agent: Agent, lines: AccessLines, row: Row) -> None:
    record = _read(row)
    if record.at + KEPT_MS <= agent.clock.now():
        await agent.settle(also=[Delete(OVERRIDE, row.key)])
    elif record.message_id is None:
        name = await _find_name(agent, row.key)
        if name is not None:
            held = Fields(row.value)
            told = write_row(
                at=record.at,
                kind=record.kind,
                rules=list(record.rules),
                reason=record.reason,
                second=held.text("second"),
                message=name.value,
            )
            await lines.note_override(record, name, also=[Put(OVERRIDE, row.key, told)])


async def _find_name(agent: Agent, local_id: bytes) -> MessageId | None:
    message = await agent.store.read(MESSAGE, local_id)
    raw = b"" if message is None else Fields(message).raw("message")
    return MessageId(raw) if raw else None


def _read(row: Row) -> OverrideRecord:
    held = Fields(row.value)
    second, message = held.text("second"), held.raw("message")
    return OverrideRecord(
        at=held.number("at"),
        kind=held.text("kind"),
        rules=held.texts("rules"),
        reason=held.text("reason"),
        second=DeviceId.from_text(second) if second else None,
        message_id=MessageId(message) if message else None,
    )
