"""Indicators: what agencies count alike of their work together, counted here and told to nobody.

What is counted stands in the dictionary, in the list `indicator`: so two agencies that name the
same version of it mean the same by a number. Drills are never counted.

Spec: docs/spec/cases.md, "Indicators".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING, Final

from quietway.views.referrals import fold_referrals
from quietway_schemas.codebook.lists import DICTIONARY_VERSION
from quietway_schemas.content.contact import ContactLog
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway.views.referrals import Referral
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

_OTHERS_IN_CONFERENCE: Final = 2


@dataclass(frozen=True, slots=True)
class Indicators:
    """What was counted for one period.

    Attributes:
        version: Of the dictionary that says what is counted.
        start: From when, milliseconds since 1970-01-01T00:00:00Z.
        end: Until when; this instant is not in it any more.
        values: By code of the list `indicator`; None where there is nothing to take a median of.
    """

    version: str
    start: Instant
    end: Instant
    values: Mapping[str, int | None]


def fold_indicators(
    messages: Iterable[StoredMessage], *, me: AgencyId, my_code: str, start: Instant, end: Instant
) -> Indicators:
    """Count for a period.

    Args:
        messages: All that this device may read.
        me: One's own agency.
        my_code: Its code.
        start: From when a contact was made, or a referral. What became of a referral counts
            whenever it was said.
        end: Until when.
    """
    kept = list(messages)
    contacts = _gather_contacts(kept, me, start, end)
    made = [held for held in fold_referrals(kept, me=me) if _is_made(held, start, end)]
    waits = [wait for held in made if (wait := _measure(held)) is not None]
    return Indicators(
        version=DICTIONARY_VERSION,
        start=start,
        end=end,
        values={
            "coordination_contacts": len(contacts),
            "case_conferences": sum(
                case is not None and len(parties - {my_code}) >= _OTHERS_IN_CONFERENCE
                for (case, _), parties in contacts.items()
            ),
            "referrals_made": len(made),
            "referrals_acknowledged": len(waits),
            "referrals_completed": sum(held.state == "completed" for held in made),
            "median_minutes_to_acknowledgement": median_low(waits) // MINUTE if waits else None,
        },
    )


def _gather_contacts(
    messages: Iterable[StoredMessage], me: AgencyId, start: Instant, end: Instant
) -> dict[tuple[CaseRef | None, Instant], set[str]]:
    """Gather who was in each logged contact: with several agencies it is logged with each."""
    contacts: dict[tuple[CaseRef | None, Instant], set[str]] = defaultdict(set)
    for held in messages:
        content = held.content
        if not isinstance(content, ContactLog) or content.exercise or held.agency != me:
            continue
        if start <= content.at < end:
            contacts[content.case_ref, content.at].update(content.parties)
    return contacts


def _is_made(referral: Referral, start: Instant, end: Instant) -> bool:
    at = referral.history[0].at
    return referral.direction == "out" and not referral.packet.exercise and start <= at < end


def _measure(referral: Referral) -> int | None:
    """Measure the milliseconds until another agency first answered; None where none did."""
    asked, *answers = referral.history
    others = (held.at for held in answers if held.counted and held.agency != asked.agency)
    first = next(others, None)
    # A clock that is behind answers before it was asked.
    return None if first is None else max(0, first - asked.at)
