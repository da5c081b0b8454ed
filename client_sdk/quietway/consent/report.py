"""The report for a survivor: who was told what kind of thing, when, why, and what was undone.

A fold of disclosures, of what colleagues said, of consents and of attestations, in plain words. It
names agencies by their codes, and no device, person or reference.

Spec: docs/spec/consent.md, "The report".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from quietway.consent.changing import list_about
from quietway.consent.disclosures import Disclosure, list_disclosures
from quietway.consent.page import Page, Section, make_page, name_code, name_codes, name_day
from quietway.consent.rollback import list_orders
from quietway.consent.showing import show_case
from quietway.policy.categories import categories_of, identifies, purpose_of
from quietway_schemas.locale import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quietway.agent import Agent
    from quietway.consent.rollback import Order
    from quietway.consent.showing import PartnerConsent, ReleaseShown
    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef

DisclosureReport: TypeAlias = Page
_RIGHTS: Final = ("consent.right_stop", "consent.right_see", "consent.right_services")
_GROUNDS: Final = frozenset(
    {"court_order", "non_identifying", "statutory_mandate", "survivor_release"}
)


async def make_report(agent: Agent, case: CaseRef, language: str = "en") -> DisclosureReport:
    """Make the report; see `AsyncConsent.disclosure_report`."""
    said = await gather_disclosures(agent, case)
    orders = await list_orders(agent, case)
    shown = (await show_case(agent, case)).partners
    agencies = {
        *(held.agency for held in said),
        *(held.agency for held in shown),
        *(held.agency for held in orders),
    }
    sections = [
        Section(
            name_agency(agent, agency),
            (
                *_tell_said([held for held in said if held.agency == agency], language),
                *(
                    line
                    for held in shown
                    if held.agency == agency
                    for line in tell_partner(held, language)
                ),
                *_tell_orders([held for held in orders if held.agency == agency], language),
            ),
        )
        for agency in sorted(agencies)
    ]
    # An agency that was told nothing, and of which nothing was decided, is none of her concern.
    sections = [held for held in sections if held.lines]
    if not sections:
        sections = [Section(say("consent.nobody", language), ())]
    return make_page(language, "consent.report_title", [*sections, tell_rights(language)])


async def make_summary(agent: Agent, case: CaseRef, language: str = "en") -> Page:
    """Make one page on what is released now, for a survivor to take along."""
    shown = (await show_case(agent, case)).partners
    sections = [
        Section(name_agency(agent, held.agency), tuple(tell_partner(held, language)))
        for held in shown
    ]
    return make_page(language, "consent.summary_title", [*sections, tell_rights(language)])


async def gather_disclosures(agent: Agent, case: CaseRef) -> list[Disclosure]:
    """Gather what this device disclosed, and what colleagues said in messages that are kept."""
    of_colleagues = [
        disclosure
        for held in await list_about(agent, case)
        if held.received and held.agency == agent.keyring.agency
        for disclosure in _describe(held, case)
    ]
    own = await list_disclosures(agent, case)
    return sorted([*own, *of_colleagues], key=lambda held: (held.at, held.agency))


def tell_partner(held: PartnerConsent, language: str) -> Iterator[str]:
    """Say in sentences what is released to a partner, and what was stopped."""
    if held.given != "granted":
        yield say(f"consent.all_{held.given}", language)
    for release in held.releases:
        yield _tell_release(release, language)


def tell_rights(language: str) -> Section:
    """Say what a survivor may do at any time."""
    heading = say("consent.rights", language)
    return Section(heading, tuple(say(name, language) for name in _RIGHTS))


def name_agency(agent: Agent, agency: AgencyId) -> str:
    """Name an agency by its code."""
    return agent.directory.agency_code(agency) or str(agency)


def _describe(held: StoredMessage, case: CaseRef) -> Iterator[Disclosure]:
    content = held.content
    for agency in held.to:
        yield Disclosure(
            case=case,
            agency=agency,
            at=held.said_at,
            kind=content.type,
            categories=tuple(sorted(categories_of(content))),
            purpose=purpose_of(content),
            basis=getattr(content, "disclosure_basis", None) or "non_identifying",
            rule="",
            consent_id=getattr(content, "consent_id", None),
            agreement_id=getattr(content, "agreement_id", None),
            identifying=identifies(content),
        )


def _tell_said(said: Iterable[Disclosure], language: str) -> Iterator[str]:
    for held in said:
        what = name_codes("data_category", held.categories, language)
        ground = held.basis if held.basis in _GROUNDS else "non_identifying"
        told = say(
            "consent.told",
            language,
            day=name_day(held.at),
            what=what or "-",
            purpose=name_code("purpose_of_use", held.purpose, language),
            ground=say(f"consent.ground_{ground}", language, reference=held.reference or "-"),
        )
        yield f"{told} {say(f'consent.fate_{held.became}', language)}" if held.became else told


def _tell_release(release: ReleaseShown, language: str) -> str:
    if release.given != "granted" or release.until is None:
        return say(f"consent.release_{release.given}", language)
    name = "consent.release_over" if release.is_over else "consent.release_granted"
    return say(
        name,
        language,
        what=name_codes("data_category", release.categories, language),
        purpose=name_codes("purpose_of_use", release.purposes, language),
        day=name_day(release.until),
    )


def _tell_orders(orders: Iterable[Order], language: str) -> Iterator[str]:
    for order in orders:
        attested = [held for held in order.holders if held.state == "attested"]
        kept = sum(held.method == "held_legal" for held in attested)
        yield say(
            "consent.order",
            language,
            day=name_day(order.at),
            attested=len(attested) - kept,
            holders=len(order.holders),
        )
        if kept:
            yield say("consent.order_held", language, kept=kept)
