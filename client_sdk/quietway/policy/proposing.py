"""What to do now to reach an agency: the way, whom, and until when an answer may take. Pure.

Spec: docs/spec/contacts.md, "Ways to reach somebody".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.policy.channels import list_tiers
from quietway.policy.windows import find_window

if TYPE_CHECKING:
    from quietway.policy.calendar import BusinessCalendar
    from quietway_schemas.content.contact import (
        AfterHours,
        ContactSlot,
        DirectoryContact,
        ResponseWindows,
    )
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class ChannelProposal:
    """How to reach an agency now.

    Attributes:
        tiers: Ways of the list `channel_tier`, the first one first.
        contacts: Whom to reach: the primary contact, then the backups; empty where it named none.
        after_hours: What the agency does now, where nobody is there now; None where somebody is, or
            it has not said.
        is_open: Whether somebody is there now, by its calendar.
        answer_due: Until when it answers, if it is asked now.
    """

    tiers: tuple[str, ...]
    contacts: tuple[ContactSlot, ...] = field(repr=False)
    after_hours: AfterHours | None = field(repr=False)
    is_open: bool
    answer_due: Instant

    @property
    def tier(self) -> str:
        """The way to take first."""
        return self.tiers[0]


def propose(
    purpose_code: str,
    time_sensitivity: str,
    *,
    contacts: DirectoryContact | None,
    calendar: BusinessCalendar,
    promised: ResponseWindows | None,
    now: Instant,
) -> ChannelProposal:
    """Propose how to reach an agency.

    Args:
        purpose_code: What for, of that list.
        time_sensitivity: How soon, of that list.
        contacts: Whom it named; None where it has not.
        calendar: When it works.
        promised: How soon it says that it answers; None for the usual.
        now: Milliseconds since 1970-01-01T00:00:00Z.

    Raises:
        UnknownCodeError: There is no such purpose or urgency.
    """
    tiers = list_tiers(purpose_code, time_sensitivity)
    slots = () if contacts is None else contacts.slots
    is_open = calendar.is_open(now)
    return ChannelProposal(
        tiers=tiers,
        contacts=tuple(sorted(slots, key=lambda held: held.slot != "primary")),
        after_hours=None if is_open or contacts is None else contacts.after_hours,
        is_open=is_open,
        answer_due=find_window("message", time_sensitivity, promised).due(now, calendar),
    )
