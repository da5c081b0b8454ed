"""Whom to phone when an alert reached nobody, and what to say: plain words for a person in a hurry.

The numbers are those that the agency itself published to its partners. What is said on the
telephone is no more than an alert says, and less: who calls, that there is an alert, and what the
agencies call the case between them. No name, no place, no code: a telephone is overheard.

Spec: docs/spec/alerts.md, "The telephone".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.calendars import read_agencies
from quietway_schemas.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway_schemas.content.contact import DirectoryContact
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A person to phone.

    Attributes:
        slot: `primary` or `backup`.
        name: Who.
        role: A code of the list `role`.
        phone: The number, as the agency published it.
    """

    slot: str
    name: str = field(repr=False)
    role: str
    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PhoneScript:
    """Whom to phone, and what to say.

    Attributes:
        agency_code: Whom, as `MERCY`; empty where nobody is known to lead.
        numbers: The primary contact first, then the backups; empty where they published none.
        after_hours: What the agency says to do when nobody is there; empty where it says nothing.
        alias: What the case is called between the two: the one thing of it that is said aloud.
        exercise: Whether it is a drill. Then the first words on the telephone say so.
        lines: What to do, a sentence each, in this order.
    """

    agency_code: str
    numbers: tuple[PhoneNumber, ...]
    after_hours: str = field(repr=False)
    alias: CaseRef = field(repr=False)
    exercise: bool
    lines: tuple[str, ...] = field(repr=False)


async def write_script(
    agent: Agent,
    agency: AgencyId | None,
    case: CaseRef,
    *,
    raised_at: Instant,
    exercise: bool = False,
) -> PhoneScript:
    """Write what to do when an alert reached nobody.

    Args:
        agent: Of this device.
        agency: The one that leads the case; None where that is not known.
        case: By one's own reference.
        raised_at: When the alert was raised.
        exercise: Whether it is a drill.
    """
    contacts, code, alias = None, "", case
    if agency is not None:
        contacts = (await read_agencies(agent)).contacts.get(agency)
        code = agent.directory.agency_code(agency) or str(agency)
        alias = agent.cases.find(case, agency) or case
    numbers = () if contacts is None else _list_numbers(contacts)
    script = PhoneScript(code, numbers, _tell_after_hours(contacts), alias, exercise, ())
    lines = tuple(_write_lines(script, agent.keyring.program, raised_at))
    return PhoneScript(code, numbers, script.after_hours, alias, exercise, lines)


def _list_numbers(contacts: DirectoryContact) -> tuple[PhoneNumber, ...]:
    ranked = sorted(contacts.slots, key=lambda held: held.slot != "primary")
    return tuple(PhoneNumber(held.slot, held.name, held.role, held.phone) for held in ranked)


def _tell_after_hours(contacts: DirectoryContact | None) -> str:
    return "" if contacts is None else contacts.after_hours.text


def _write_lines(script: PhoneScript, program: str, raised_at: Instant) -> Iterator[str]:
    if script.exercise:
        yield "EXERCISE. Begin each call with these words: this is an exercise."
    for number in script.numbers:
        yield f"Call {number.name} of {script.agency_code} ({number.slot}): {number.phone}."
    if not script.numbers:
        whom = script.agency_code or "the partner who told you of the case"
        yield f"No number of {whom} is known here. Use the one on your agency's own list."
    if script.after_hours:
        yield f"If nobody answers: {script.after_hours}"
    at = to_text(raised_at)[11:16]
    yield (
        f'Say: "This is {program}. At {at} UTC I sent an alert to your on-call, and nobody has '
        f"taken it. Between our agencies the case is called {script.alias}. Please look at your "
        'alerts, or tell me who takes it."'
    )
    yield "Say no name and no place, and not what it is about: whoever takes it reads that there."
    yield "Write down who answered, and when. If nobody does, call your own supervisor."
