"""What a survivor and a caseworker are shown: the report, the preview, reminders, questions."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, NAMED, WHOLE, release
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway import ContentRefused, NotPermitted
from quietway.consent.disclosures import (
    DISCLOSURE,
    MOST_IN_ROW,
    list_disclosures,
    note_disclosure,
)
from quietway.policy.question import Question
from quietway.policy.rulings import Ruling
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.agent import Agent
    from quietway.consent.disclosures import Disclosure
    from quietway.content import CaseRef


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [name for name, _ in attrs if name in {"href", "src", "onclick"}]


@pytest.mark.requirement("B21", "B04")
async def test_a_report_says_who_was_told_what_why_and_who_deleted_it(agencies: Agencies) -> None:
    """B21, B04: every disclosure has its reason and its ground, in words a survivor can read."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await release(shelter)
    await shelter.referrals.send("MERCY", **NAMED)
    await settle(agencies, shelter, hospital)
    await shelter.consent.revoke(CASE)
    await settle(agencies, shelter, hospital)
    report = await shelter.consent.disclosure_report(CASE)
    assert [section.heading for section in report.sections][:1] == ["MERCY"]
    lines = "\n".join(report.sections[0].lines)
    assert "it did not say who you are" in lines
    assert "you signed a release for it" in lines
    assert "ended sharing" in lines
    assert "1 of its 1 devices confirmed" in lines
    assert not report.awaits_translator
    for secret in ("A place from tonight", "Okafor", str(CASE), str(hospital.agency_id)):
        assert secret not in report.text + report.html


async def test_an_agency_that_a_refusal_kept_out_stands_in_no_report(agencies: Agencies) -> None:
    shelter, _, _ = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.referrals.send("MERCY", **WHOLE)
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("CITYPD", **NAMED)
    report = await shelter.consent.disclosure_report(CASE)
    assert "MERCY" in report.text
    assert "CITYPD" not in report.text


async def test_a_report_prints_without_loading_anything_and_says_what_awaits_a_translator(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    report = await shelter.consent.disclosure_report(CASE, "es")
    assert report.awaits_translator
    assert "pendiente de traducción" in report.text
    assert "no decía quién es usted" in report.html
    tags = Tags()
    tags.feed(report.html)
    assert not tags.tags & {"script", "link", "img", "iframe"}
    assert tags.links == []


@pytest.mark.requirement("A48", "A08")
async def test_before_it_is_said_a_person_sees_who_would_be_told_and_in_which_roles(
    agencies: Agencies,
) -> None:
    """A48, A08: who would be told, in which roles, and why not, before anything is sent."""
    shelter, _, _ = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await release(shelter)
    await shelter.referrals.send("MERCY", **NAMED)
    told = {
        held.agency_code: held
        for held in await shelter.consent.who_would_be_told(CASE, "referral.packet")
    }
    assert told["MERCY"].allowed
    assert told["MERCY"].roles == ("shelter_staff",)
    await shelter.consent.pause(CASE, "MERCY")
    told = {
        held.agency_code: held
        for held in await shelter.consent.who_would_be_told(CASE, "referral.packet", language="es")
    }
    assert not told["MERCY"].allowed
    assert told["MERCY"].roles == ()
    assert told["MERCY"].why == told["MERCY"].ruling.explain("es")
    assert told["CITYPD"].allowed
    with pytest.raises(ContentRefused):
        await shelter.consent.who_would_be_told(CASE, "no.such_type")


@pytest.mark.requirement("A36")
async def test_reminders_come_before_the_end_after_a_change_and_now_and_then(
    agencies: Agencies,
) -> None:
    """A36: before a release ends, after it changed, and periodically; no case detail in words."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)

    async def whys() -> list[str]:
        return [held.why for held in await shelter.consent.reminders()]

    await release(shelter, expires=agencies.clock.now() + 60 * DAY)
    assert await whys() == ["changed"]
    seen = []
    for days in (10, 21, 22, 6, 2):
        agencies.clock.advance(days * 86_400)
        seen.append(await whys())
    assert seen == [[], ["rights"], ["ends_soon"], ["ends_tomorrow"], ["ended"]]
    (reminder,) = await shelter.consent.reminders("es")
    assert str(CASE) not in reminder.text + repr(reminder)


@pytest.mark.requirement("A37")
async def test_a_touchpoint_has_its_questions_and_a_survivor_one_page(agencies: Agencies) -> None:
    """A37: consent is verified at touchpoints, and a survivor takes one page along."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter)
    for name in ("first_contact", "before_referral", "before_huddle", "at_closure"):
        assert await shelter.consent.touchpoint(name) != await shelter.consent.touchpoint(
            name, "es"
        )
    with pytest.raises(ContentRefused):
        await shelter.consent.touchpoint("whenever")
    page = await shelter.consent.summary(CASE)
    assert "You allowed it to be told about" in page.text
    assert len(page.text) < 3_000


@pytest.mark.requirement("B21")
async def test_an_order_of_a_court_is_recorded_as_what_it_is_and_she_is_to_be_told(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B21: another lawful basis needs its reference, and the survivor is told of it."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    ordered = {**NAMED, "disclosure_basis": "court_order"}
    with pytest.raises(NotPermitted) as refused:
        await shelter.referrals.send("MERCY", **ordered)
    assert refused.value.ruling.rule == "P16"
    await shelter.consent.record_basis(CASE, "MERCY", "court_order", reference="24-FL-118")
    await shelter.referrals.send("MERCY", **ordered)
    (held,) = await shelter.consent.disclosures(CASE)
    assert (held.basis, held.reference, held.rule) == ("court_order", "24-FL-118", "P31")
    assert "a court ordered it (24-FL-118)" in (await shelter.consent.disclosure_report(CASE)).text
    assert [held.why for held in await shelter.consent.reminders()] == ["told_by_law"]
    agencies.clock.advance(40 * 86_400)
    # As long as the report has it, for she may not have been told yet.
    assert await _list_what_was_told_by_law(shelter) == ["reminders", "due"]
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **WHOLE)
    # The control: what is older than a month is not looked at.
    since = agencies.clock.now() - 30 * 86_400_000

    async def list_lately(agent: Agent, case: CaseRef) -> list[Disclosure]:
        return [held for held in await list_disclosures(agent, case) if held.at >= since]

    without(monkeypatch, "quietway.consent.reminding:list_disclosures", list_lately)
    assert await _list_what_was_told_by_law(shelter) == []


async def _list_what_was_told_by_law(client: AsyncClient) -> list[str]:
    found = [("reminders", held.why) for held in await client.consent.reminders()]
    found += [("due", held.kind) for held in await client.due.list()]
    return [where for where, why in found if why == "told_by_law"]


@pytest.mark.requirement("A19")
async def test_how_she_may_be_reached_takes_a_release_and_arrives(agencies: Agencies) -> None:
    """A19: safe and unsafe channels are told to who may know of them, and to nobody else."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    with pytest.raises(NotPermitted):
        await shelter.consent.preferences(CASE, "MERCY", unsafe_channels=["voicemail"])
    await release(shelter, categories=["contact", "services"])
    await shelter.consent.preferences(CASE, "MERCY", safe_channels=["secure_app"])
    await shelter.consent.preferences(CASE, "MERCY", unsafe_channels=["voicemail"])
    await settle(agencies, shelter, hospital)
    there = (await hospital.inbox())[-1].content.case_ref  # type: ignore[attr-defined]
    (partner,) = (await hospital.consent.show(there)).partners
    assert [held.unsafe_channels for held in partner.preferences] == [("voicemail",)]


@pytest.mark.requirement("A20")
async def test_a_release_for_a_circumstance_covers_nothing_else(agencies: Agencies) -> None:
    """A20: what sets a sharing off is named, and the release holds for that alone."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter, circumstances=["court_event"])
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **NAMED)
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **NAMED, circumstance="medical_emergency")
    await shelter.referrals.send("MERCY", **NAMED, circumstance="court_event")


async def test_of_a_long_conversation_nothing_is_left_out_and_no_row_grows(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agent = shelter._agent
    question = Question(
        recipient=hospital.agency_id,
        kind="message.text",
        now=agencies.clock.now(),
        categories=frozenset({"narrative"}),
        purpose="safety_coordination",
    )
    ruling = Ruling(allowed=True, rule="P41", basis="non_identifying")
    for _ in range(2 * MOST_IN_ROW + 5):
        await agent.settle(also=await note_disclosure(agent, CASE, question, ruling, b""))
    assert len(await shelter.consent.disclosures(CASE)) == 2 * MOST_IN_ROW + 5
    longest = max(len(row.value) for row in await agent.store.scan(DISCLOSURE))
    assert longest < MOST_IN_ROW * 300
