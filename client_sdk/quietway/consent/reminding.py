"""Reminders: releases that end, changes, rights, and what a survivor is to be told of.

Content-free: a reminder carries a case for the program and a sentence that names nobody. Nothing is
sent because of it; whether and how a survivor is called is a person's decision, by safe channels.

Spec: docs/spec/consent.md, "Reminders".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from quietway.consent.disclosures import GROUND, list_disclosures
from quietway.consents import CONSENT, read_consents
from quietway.errors import ContentRefused
from quietway.policy.absolute import Stance
from quietway_schemas.content.consent import Release
from quietway_schemas.ids import AgencyId, CaseRef
from quietway_schemas.instants import DAY
from quietway_schemas.locale import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway.consents import Side
    from quietway_schemas.instants import Instant

SOON_MS: Final = 7 * DAY
NOW_MS: Final = DAY
RIGHTS_EVERY_MS: Final = 30 * DAY
_CHANGED_FOR_MS: Final = 7 * DAY
_ID_BYTES: Final = 16
Why = Literal["ends_tomorrow", "ends_soon", "ended", "told_by_law", "changed", "rights"]
_ORDER: Final[tuple[Why, ...]] = (
    "ends_tomorrow",
    "ended",
    "told_by_law",
    "ends_soon",
    "changed",
    "rights",
)
_TOUCHPOINTS: Final = {
    "first_contact": ("who_knows", "safe_contact", "rights", "language"),
    "before_referral": ("which_agency", "which_information", "until_when", "may_refuse"),
    "before_huddle": ("who_takes_part", "which_information", "still_wants"),
    "at_closure": ("end_releases", "delete", "safe_contact"),
}


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder.

    Attributes:
        why: `ends_tomorrow`, `ended`, `told_by_law`, `ends_soon`, `changed` or `rights`.
        case: Of which case, by one's own reference.
        agency: Of which partner it is about.
        due: When it is about: the end, the change, the disclosure.
        text: What to do, in a sentence that names nobody.
    """

    why: Why
    case: CaseRef = field(repr=False)
    agency: AgencyId
    due: Instant
    text: str


async def list_reminders(agent: Agent, language: str = "en") -> list[Reminder]:
    """List what is due, most urgent first."""
    now = agent.clock.now()
    found: list[Reminder] = []
    for row in await agent.store.scan(CONSENT):
        case, agency = CaseRef(row.key[:_ID_BYTES]), AgencyId(row.key[_ID_BYTES:])
        for why, due in _find_due(read_consents(row.value).given, now):
            found.append(_remind(why, case, agency, due, language))
    by_law = {CaseRef(row.key[:_ID_BYTES]) for row in await agent.store.scan(GROUND)}
    for case in sorted(by_law):
        found += [
            _remind("told_by_law", case, held.agency, held.at, language)
            for held in await list_disclosures(agent, case)
            if held.notice_due
        ]
    return sorted(found, key=lambda held: (_ORDER.index(held.why), held.due))


def check_touchpoint(name: str, language: str = "en") -> tuple[str, ...]:
    """Give the questions of a touchpoint; see `AsyncConsent.touchpoint`."""
    if name not in _TOUCHPOINTS:
        raise ContentRefused("touchpoint", f"is none of {', '.join(sorted(_TOUCHPOINTS))}.")
    return tuple(say(f"consent.ask_{question}", language) for question in _TOUCHPOINTS[name])


def _find_due(side: Side, now: Instant) -> Iterator[tuple[Why, Instant]]:
    if side.stance is not Stance.GRANTED:
        return
    live = [held for held in side.releases if held.stance is Stance.GRANTED and held.until]
    for held in live:
        until = held.until or 0
        if until <= now < until + SOON_MS:
            yield "ended", until
        elif now < until <= now + NOW_MS:
            yield "ends_tomorrow", until
        elif now < until <= now + SOON_MS:
            yield "ends_soon", until
    said = [held.content for held in side.decisions.current.values()]
    since = max((held.effective_at for held in said if isinstance(held, Release)), default=0)
    if not any(held.is_live(now) for held in live):
        return
    if now - since < _CHANGED_FOR_MS:
        yield "changed", since
    elif (now - since) % RIGHTS_EVERY_MS < _CHANGED_FOR_MS:
        yield "rights", since


def _remind(why: Why, case: CaseRef, agency: AgencyId, due: Instant, language: str) -> Reminder:
    return Reminder(why, case, agency, due, say(f"consent.remind_{why}", language))
