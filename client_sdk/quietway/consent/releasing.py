"""Releasing: what a survivor signs, amends, takes up again, or opens for a short time.

Rules: a release is said whole each time. What was paused without any release is lifted without one;
what was revoked comes back by nothing but a release that she signs anew.

Spec: docs/spec/consent.md, "What counts".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.consent.deciding import (
    NONCE_BYTES,
    ConsentReport,
    Place,
    check_may_grant,
    decide,
    find_release,
    find_told,
    name_undone,
    name_whole_pauses,
)
from quietway.consent.stopping import find_place
from quietway.consents import find_consents
from quietway.errors import ContentRefused
from quietway.naming import find_alias
from quietway.policy.absolute import Stance
from quietway_schemas.content.consent import (
    USUAL_RELEASE_MS,
    ConsentAmend,
    ConsentGrant,
    ConsentLift,
    ConsentResume,
    ConsentWindow,
    InformedItems,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from quietway.agent import Agent
    from quietway.consents import Consents
    from quietway_schemas.content.consent import Release
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

_ITEMS: Final = tuple(InformedItems.model_fields)
"""What a survivor is told before she signs: all of it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a survivor signs; fields as of `AsyncConsent.grant`."""

    categories: Iterable[str]
    purposes: Iterable[str]
    scopes: Iterable[str]
    circumstances: Iterable[str]
    form: str
    signed_by: str
    language: str
    interpreter_used: bool
    witness: bool
    not_before: Instant | None
    expires: Instant | None


async def grant_release(
    agent: Agent,
    case: CaseRef,
    agency: AgencyId,
    terms: Terms,
    *,
    informed: Collection[str],
    again: bool,
) -> ConsentReport:
    """Record a release that was signed; see `AsyncConsent.grant`."""
    missing = [item for item in _ITEMS if item not in informed]
    if missing:
        raise ContentRefused("informed", f"lacks {', '.join(missing)}: tell her, then record.")
    place, now = Place(case, agency, await find_alias(agent, case, agency)), agent.clock.now()
    start = now if terms.not_before is None else terms.not_before
    consent_id = agent.entropy.draw(NONCE_BYTES)

    def make(known: Consents) -> ConsentGrant:
        check_may_grant(known, None, again=again)
        return ConsentGrant(
            case_ref=place.alias,
            consent_id=consent_id,
            recipient=place.agency,
            scopes=sort_codes(terms.scopes),
            data_categories=sort_codes(terms.categories),
            purposes=sort_codes(terms.purposes),
            circumstances=sort_codes(terms.circumstances),
            form=terms.form,
            informed_items=InformedItems(**dict.fromkeys(_ITEMS, True)),
            not_before=start,
            expires=start + USUAL_RELEASE_MS if terms.expires is None else terms.expires,
            signed_by=terms.signed_by,
            language=terms.language,
            interpreter_used=terms.interpreter_used,
            witness=terms.witness,
            effective_at=now,
            nonce=agent.entropy.draw(NONCE_BYTES),
            supersedes=name_undone(known, consent_id),
        )

    return await decide(agent, place, make)


async def say_release(
    agent: Agent,
    kind: type[ConsentAmend | ConsentResume],
    case: CaseRef,
    agency: AgencyId,
    consent_id: bytes,
    *,
    changed: Mapping[str, object],
    again: bool,
) -> ConsentReport:
    """Say a release anew, whole, with what is changed of it."""
    place = Place(case, agency, await find_alias(agent, case, agency))

    def make(known: Consents) -> Release:
        check_may_grant(known, consent_id, again=again)
        terms = find_release(known, consent_id)
        fields = {name: getattr(terms, name) for name in type(terms).model_fields}
        fields |= {name: _as_field(value) for name, value in changed.items()}
        fields |= {
            "type": kind.model_fields["type"].default,
            "effective_at": agent.clock.now(),
            "nonce": agent.entropy.draw(NONCE_BYTES),
            "supersedes": name_undone(known, consent_id),
        }
        return kind(**fields)

    return await decide(agent, place, make)


async def lift_pause(agent: Agent, case: CaseRef, agency: AgencyId) -> ConsentReport:
    """Go on with what was paused with a partner, where there is no release to resume.

    Raises:
        ContentRefused: Nothing of that kind is paused, or it was revoked: record a release.
    """
    known = await find_consents(agent.store, case, agency)
    if known.given.stance is not Stance.PAUSED:
        raise ContentRefused("case", "has no release to resume: record one with `grant`.")
    told = agency in await find_told(agent, case)
    place = await find_place(agent, case, agency, told=told)

    def make(known: Consents) -> ConsentLift:
        return ConsentLift(
            case_ref=place.alias,
            effective_at=agent.clock.now(),
            method="oral",
            nonce=agent.entropy.draw(NONCE_BYTES),
            supersedes=name_whole_pauses(known),
        )

    return await decide(agent, place, make, tell=told)


async def open_window(
    agent: Agent,
    case: CaseRef,
    agency: AgencyId,
    consent_id: bytes,
    *,
    categories: Iterable[str],
    opens: Instant | None,
    closes: Instant,
    circumstance: str | None,
) -> ConsentReport:
    """Let a partner be told more for a short time; see `AsyncConsent.window`."""
    place = Place(case, agency, await find_alias(agent, case, agency))
    start = agent.clock.now() if opens is None else opens

    def make(known: Consents) -> ConsentWindow:
        find_release(known, consent_id)
        return ConsentWindow(
            case_ref=place.alias,
            consent_id=consent_id,
            opens=start,
            closes=closes,
            added_categories=sort_codes(categories),
            circumstance=circumstance,
            nonce=agent.entropy.draw(NONCE_BYTES),
        )

    return await decide(agent, place, make)


def sort_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """Sort codes, each once, as content has them."""
    return tuple(sorted(set(codes)))


def _as_field(value: object) -> object:
    return sort_codes(value) if isinstance(value, list | set | frozenset | tuple) else value
