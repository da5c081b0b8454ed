"""Whose calendar counts: the recipient's where it is known, else this agency's, else a plain one.

An agency says its zone and holidays in its profile. One that this device can't read (a zone of a
newer table) is passed over, so that nobody's profile keeps another agency from working.

Spec: docs/spec/referrals.md, "Business calendars".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused
from quietway.policy.calendar import BusinessCalendar
from quietway.views.agencies import find_newest
from quietway_schemas.content.contact import AgencyProfile, DirectoryContact, ResponseWindows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.agent import Agent
    from quietway.views.due import CalendarSource
    from quietway_schemas.ids import AgencyId

PLAIN: Final = BusinessCalendar()
"""Monday to Friday in UTC, without holidays: what is assumed where nobody has said anything."""


@dataclass(frozen=True, slots=True)
class AgencyBook:
    """What agencies say of themselves, by agency; this one's own too.

    Attributes:
        me: This device's agency.
        profiles: The newest profile of each.
        contacts: The newest contacts of each.
    """

    me: AgencyId
    profiles: Mapping[AgencyId, AgencyProfile]
    contacts: Mapping[AgencyId, DirectoryContact]

    def find_calendar(self, agency: AgencyId) -> tuple[BusinessCalendar, CalendarSource]:
        """Give the calendar to count with for an agency, and whose it is."""
        theirs = _read_calendar(self.profiles.get(agency))
        if theirs is not None:
            return theirs, "theirs"
        own = _read_calendar(self.profiles.get(self.me))
        return (PLAIN, "assumed") if own is None else (own, "own")

    def find_windows(self, agency: AgencyId) -> ResponseWindows:
        """Give how soon an agency says that it answers; the usual where it says nothing."""
        profile = self.profiles.get(agency)
        return ResponseWindows() if profile is None else profile.windows


async def read_agencies(agent: Agent) -> AgencyBook:
    """Read what agencies say of themselves."""
    messages = await agent.ledger.standing()
    return AgencyBook(
        agent.keyring.agency,
        profiles={
            agency: content
            for agency, message in find_newest(messages, AgencyProfile).items()
            if isinstance(content := message.content, AgencyProfile)
        },
        contacts={
            agency: content
            for agency, message in find_newest(messages, DirectoryContact).items()
            if isinstance(content := message.content, DirectoryContact)
        },
    )


def _read_calendar(profile: AgencyProfile | None) -> BusinessCalendar | None:
    if profile is None:
        return None
    country = profile.country if profile.holidays else None
    subdivision = profile.subdivision if country is not None else None
    try:
        return BusinessCalendar(profile.time_zone, country, subdivision)
    except ContentRefused:
        return None
