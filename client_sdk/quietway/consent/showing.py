"""What counts for a case, by partner, as a caseworker is shown it.

Spec: docs/spec/consent.md, "What counts" and "Pausing and revoking".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.consent.changing import STANCES, list_about
from quietway.consent.deciding import find_circle
from quietway.consents import find_consents
from quietway_schemas.content.consent import ConsentPreferences

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.consents import Side
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class ReleaseShown:
    """A release as it counts now.

    Attributes:
        consent_id: 16 bytes.
        given: `granted`, `paused` or `revoked`.
        categories, purposes, scopes: Codes of `data_category`, `purpose_of_use`, `consent_scope`.
        circumstances: Codes of `circumstance`; None for any.
        opens: From when.
        until: Until when, also where it is paused; None where no terms are known.
        is_over: Whether its time has passed.
    """

    consent_id: bytes
    given: str
    categories: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    circumstances: tuple[str, ...] | None = None
    opens: Instant = 0
    until: Instant | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class PartnerConsent:
    """What counts for a case with one partner.

    Attributes:
        agency: The partner.
        given: What was decided about all of the case: `granted`, `paused` or `revoked`.
        releases: What may be given to it.
        got: What it may give here.
        identified: Whether it was told, or may have been told, who it is.
        held_back: Whether what it said of the case is not shown now.
        not_shown: How many messages that are.
        preferences: How the survivor may be reached, as the partner said.
        preference_names: The names of this agency's own current versions of that.
    """

    agency: AgencyId
    given: str
    releases: tuple[ReleaseShown, ...]
    got: tuple[ReleaseShown, ...]
    identified: bool
    held_back: bool
    not_shown: int
    preferences: tuple[ConsentPreferences, ...] = field(default=(), repr=False)
    preference_names: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def consent_ids(self) -> list[bytes]:
        """The releases of this agency that are not revoked, each once."""
        return [held.consent_id for held in self.releases if held.given != "revoked"]


@dataclass(frozen=True, slots=True)
class CaseConsent:
    """What counts for a case.

    Attributes:
        partners: Of each partner that was told of it, or that told of it.
        status: `sharing_paused` while it is stopped with somebody; None else.
    """

    partners: tuple[PartnerConsent, ...]
    status: str | None

    def find(self, agency: AgencyId) -> PartnerConsent | None:
        """Give what counts with one partner."""
        return next((held for held in self.partners if held.agency == agency), None)


async def show_case(agent: Agent, case: CaseRef) -> CaseConsent:
    """Show what counts for a case."""
    about = await list_about(agent, case)
    partners = []
    for agency in await find_circle(agent, case):
        known = await find_consents(agent.store, case, agency)
        theirs = [held for held in about if held.received and held.agency == agency]
        names = [
            name
            for name, held in known.given.asides.current.items()
            if isinstance(held.content, ConsentPreferences)
        ]
        partners.append(
            PartnerConsent(
                agency=agency,
                given=STANCES[known.given.stance],
                releases=_show_releases(known.given, agent.clock.now()),
                got=_show_releases(known.got, agent.clock.now()),
                identified=known.given.identified,
                held_back=known.held_back,
                not_shown=len(theirs) if known.held_back else 0,
                preferences=() if known.held_back else known.got.preferences,
                preference_names=tuple(sorted(names)),
            )
        )
    stopped = any(held.given != "granted" or held.held_back for held in partners)
    return CaseConsent(tuple(partners), "sharing_paused" if stopped else None)


def _show_releases(side: Side, now: Instant) -> tuple[ReleaseShown, ...]:
    return tuple(
        ReleaseShown(
            consent_id=held.consent_id,
            given=STANCES[held.stance],
            categories=tuple(sorted(held.categories)),
            purposes=tuple(sorted(held.purposes)),
            scopes=tuple(sorted(held.scopes)),
            circumstances=None if held.circumstances is None else tuple(sorted(held.circumstances)),
            opens=held.opens,
            until=held.until,
            is_over=held.is_over(now),
        )
        for held in side.releases
    )
