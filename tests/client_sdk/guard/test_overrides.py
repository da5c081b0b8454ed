"""A person's word that what is held may go: for these texts, with a reason, recorded, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway import AccessEntry, LocationFound
from quietway.errors import ContentRefused, NotFound
from quietway.guard.deciding import ALONE_COUNTDOWN_MS, COUNTDOWN_MS
from quietway.guard.lists import NO_LISTS, Lists
from quietway.guarding.overrides import OVERRIDE_LASTS_MS
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway_schemas.ids import DeviceId

BLOCKED: Final = "It is the car with VIN 1M8GDM9AXKP042788."
HELD: Final = "She left in a car, plate 7ABC123."
URGENT: Final = {**WHOLE_REFERRAL, "purpose_text": HELD, "time_sensitivity": "urgent"}


async def refuse(client: AsyncClient, text: str = HELD) -> LocationFound:
    with pytest.raises(LocationFound) as refused:
        await client.messages.send(text, to="MERCY")
    return refused.value


async def refuse_urgent(client: AsyncClient, text: str = HELD) -> LocationFound:
    with pytest.raises(LocationFound) as refused:
        await client.referrals.send("MERCY", **{**URGENT, "purpose_text": text})
    return refused.value


async def refuse_calm(client: AsyncClient, text: str = HELD) -> LocationFound:
    with pytest.raises(LocationFound) as refused:
        await client.referrals.send("MERCY", **{**WHOLE_REFERRAL, "purpose_text": text})
    return refused.value


async def test_a_reason_lets_exactly_these_texts_pass(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    refusal = await refuse(shelter)
    override = await shelter.guard.override(refusal, "rule_mistaken")
    assert (override.digest, override.needs_second, override.goes_at) == (
        refusal.digest,
        False,
        None,
    )
    assert (await refuse(shelter, HELD + " Really.")).needs == "reason"
    sent = await shelter.messages.send(HELD, to="MERCY")
    assert sent.found == ()
    await settle(hospital)
    assert len(await hospital.inbox()) == 1


@pytest.mark.requirement("A26")
async def test_what_is_blocked_has_no_override(agencies: Agencies) -> None:
    """A26: a reason changes nothing where a rule allows none."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    refusal = await refuse(shelter, BLOCKED)
    with pytest.raises(ContentRefused, match="other words"):
        await shelter.guard.override(refusal, "life_at_risk")
    assert (await refuse(shelter, BLOCKED)).needs == "other_words"


async def test_an_override_needs_a_reason_of_the_list_and_ends(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    refusal = await refuse(shelter)
    with pytest.raises(ContentRefused, match="reason"):
        await shelter.guard.override(refusal, "because")
    await shelter.guard.override(refusal, "rule_mistaken")
    agencies.clock.advance(OVERRIDE_LASTS_MS // SECOND)
    assert (await refuse(shelter)).needs == "reason"
    # Another run of the program knows of no refusal, and so of no override.
    await shelter.aclose()
    shelter = await agencies.reopen(SHELTER)
    with pytest.raises(ContentRefused, match="another run"):
        await shelter.guard.override(refusal, "rule_mistaken")


@pytest.mark.requirement("A54")
async def test_in_a_crisis_a_colleague_confirms_at_another_device(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A54: reason, countdown and a second person; the control shows that it is asked for."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await settle(hospital, shelter, tablet)
    override = await shelter.guard.override(await refuse_urgent(shelter), "life_at_risk")
    assert override.needs_second
    assert override.goes_at == agencies.clock.now() + COUNTDOWN_MS
    await settle(shelter, tablet)
    (request,) = await tablet.guard.requests()
    assert (request.digest, request.device, request.kind, request.reason) == (
        override.digest,
        shelter.device_id,
        "referral.packet",
        "life_at_risk",
    )
    assert request.rules == ("vehicle.plate",)
    assert "7ABC123" not in repr(request)
    agencies.clock.advance(COUNTDOWN_MS // SECOND)
    # Nobody confirms for themselves: the device that asks has nothing to confirm.
    assert await shelter.guard.requests() == []
    with pytest.raises(NotFound):
        await shelter.guard.confirm(request)
    assert (await refuse_urgent(shelter)).needs == "second_person"
    await tablet.guard.confirm(request)
    assert await tablet.guard.requests() == []
    await settle(tablet, shelter)
    await shelter.referrals.send("MERCY", **URGENT)
    (record,) = (await shelter.guard.overrides()).records
    assert record.second == tablet.device_id
    # Control: where no second person is found although nobody is asked, one would do alone.
    await settle(hospital, shelter, tablet)
    without(monkeypatch, "quietway.guarding.asking:list_colleagues", lambda _: ())
    other = {**URGENT, "purpose_text": HELD + " Again."}
    with pytest.raises(LocationFound) as refused:
        await shelter.referrals.send("MERCY", **other)
    await shelter.guard.override(refused.value, "life_at_risk")
    agencies.clock.advance(ALONE_COUNTDOWN_MS // SECOND)
    await shelter.referrals.send("MERCY", **other)


@pytest.mark.requirement("A54")
async def test_in_a_crisis_the_countdown_lets_its_sender_stop(agencies: Agencies) -> None:
    """A54: before it is over nothing goes, also where a colleague was quick, or there is none."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    override = await shelter.guard.override(await refuse_urgent(shelter), "life_at_risk")
    assert not override.needs_second
    assert override.goes_at == agencies.clock.now() + ALONE_COUNTDOWN_MS
    agencies.clock.advance(ALONE_COUNTDOWN_MS // SECOND - 1)
    waiting = await refuse_urgent(shelter)
    assert (waiting.needs, waiting.goes_at) == ("wait", override.goes_at)
    agencies.clock.advance(1)
    await shelter.referrals.send("MERCY", **URGENT)


async def test_a_confirmation_counts_for_its_digest_and_from_a_certified_colleague_alone(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await settle(hospital, shelter, tablet)
    await shelter.guard.override(await refuse_urgent(shelter), "life_at_risk")
    await settle(shelter, tablet)
    (request,) = await tablet.guard.requests()
    await tablet.guard.confirm(request)
    await settle(tablet, shelter)
    agencies.clock.advance(COUNTDOWN_MS // SECOND)
    # Other words are asked about anew.
    with pytest.raises(LocationFound) as refused:
        await shelter.referrals.send("MERCY", **{**URGENT, "purpose_text": HELD + " And more."})
    assert refused.value.needs == "reason"
    # A device that left since confirms nothing.
    await shelter.devices.retire(tablet.device_id)
    assert (await refuse_urgent(shelter)).needs != "reason"
    assert (await refuse_urgent(shelter)).needs in {"second_person", "wait"}


@pytest.mark.requirement("A54")
async def test_a_confirmation_counts_for_the_override_that_it_is_about(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A54: a colleague's word of an hour ago is none about what is overridden now."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await settle(hospital, shelter, tablet)
    await shelter.guard.override(await refuse_urgent(shelter), "life_at_risk")
    await settle(shelter, tablet)
    await tablet.guard.confirm((await tablet.guard.requests())[0])
    await settle(tablet, shelter)
    agencies.clock.advance(OVERRIDE_LASTS_MS // SECOND)
    await shelter.guard.override(await refuse_urgent(shelter), "rule_mistaken")
    agencies.clock.advance(COUNTDOWN_MS // SECOND)
    assert (await refuse_urgent(shelter)).needs == "second_person"
    # Control: where the age of a word does not matter, the old one lets it pass.

    async def find_any(*_: object) -> DeviceId:
        return tablet.device_id

    without(monkeypatch, "quietway.guarding.overrides:find_second", find_any)
    await shelter.referrals.send("MERCY", **URGENT)


@pytest.mark.requirement("A54")
async def test_what_became_urgent_since_takes_a_second_person(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A54: the same words were refused before as no crisis; now a colleague is asked."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await settle(hospital, shelter, tablet)
    await shelter.guard.override(await refuse_calm(shelter), "rule_mistaken")
    with monkeypatch.context() as off:
        # Control: without the comparison a colleague is awaited whom nobody asked.
        without(off, "quietway.guarding.overrides:Refused.covers", lambda *_, **__: True)
        assert (await refuse_urgent(shelter)).needs == "second_person"
        assert await asked(shelter, tablet) == 0
    other = HELD + " Again."
    await shelter.guard.override(await refuse_calm(shelter, other), "rule_mistaken")
    urgent = await refuse_urgent(shelter, other)
    assert urgent.needs == "reason"
    assert (await shelter.guard.override(urgent, "life_at_risk")).needs_second
    assert await asked(shelter, tablet) == 1


async def asked(shelter: AsyncClient, tablet: AsyncClient) -> int:
    await settle(shelter, tablet)
    return len(await tablet.guard.requests())


async def test_an_override_covers_what_was_refused_and_no_more(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts are the same; the agency's lists let less pass than when the reason was given."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    guarding, text = shelter._agent.guarding, f"{HELD} Call 617-555-0134."
    guarding.lists = Lists(allowed=("617-555-0134",))
    await shelter.guard.override(await refuse(shelter, text), "rule_mistaken")
    guarding.lists = NO_LISTS
    with monkeypatch.context() as off:
        # Control: without the comparison the reason for one stands for both.
        without(off, "quietway.guarding.overrides:Refused.covers", lambda *_, **__: True)
        await shelter.messages.send(text, to="MERCY")
    again = await refuse(shelter, text)
    assert (again.needs, len(again.findings)) == ("reason", 2)
    # And where a list lets it be held that blocked it before, a reason is heard again.
    guarding.lists = Lists(denied=("Harbor House",))
    blocked = await refuse(shelter, f"{HELD} Harbor House.")
    guarding.lists = NO_LISTS
    held = await refuse(shelter, f"{HELD} Harbor House.")
    assert (blocked.needs, held.needs) == ("other_words", "reason")
    await shelter.guard.override(held, "rule_mistaken")


@pytest.mark.requirement("A18")
async def test_an_override_stands_in_the_access_log_and_says_nothing_of_the_text(
    agencies: Agencies,
) -> None:
    """A18: what was let out all the same can be taught from: rule, reason, message."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    auditor = await link(agencies, shelter, "auditor", roles=("auditor",))
    await settle(hospital, shelter, auditor)
    await shelter.guard.override(await refuse(shelter), "office_contact")
    sent = await shelter.messages.send(HELD, to="MERCY")
    await settle(shelter, auditor)
    _, log = await auditor.access.log()
    (entry,) = log.entries
    assert isinstance(entry, AccessEntry)
    assert (entry.action, entry.rules, entry.reason, entry.second) == (
        "override",
        ("vehicle.plate",),
        "office_contact",
        None,
    )
    assert entry.message_ids == (sent.message_id,)
    assert log.findings == ()
    assert "7ABC123" not in repr(log)
    # It is no look at the message, and is told once.
    await settle(shelter, auditor)
    assert len((await auditor.access.log())[1].entries) == 1
    assert sent.message_id is not None
    assert (await auditor.access.who_looked(messages=[sent.message_id])).looks == ()


async def test_what_could_not_go_yet_has_its_line_once_it_went(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.guard.override(await refuse(shelter), "rule_mistaken")
    agencies.relay.offline = True
    await shelter.messages.send(HELD, to="MERCY")
    (record,) = (await shelter.guard.overrides()).records
    assert (record.message_id, record.rules, record.reason) == (
        None,
        ("vehicle.plate",),
        "rule_mistaken",
    )
    agencies.relay.offline = False
    await settle(shelter)
    (record,) = (await shelter.guard.overrides()).records
    assert record.message_id is not None


async def test_each_rule_has_a_rate(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    for number in range(3):
        refusal = await refuse(shelter, f"{HELD} {number}")
        assert (await refuse(shelter, f"{HELD} {number}")).digest == refusal.digest
    await shelter.guard.override(refusal, "rule_mistaken")
    await shelter.messages.send(f"{HELD} 2", to="MERCY")
    await refuse(shelter, BLOCKED)
    report = await shelter.guard.overrides()
    assert [(rate.rule, rate.held, rate.overridden) for rate in report.rates] == [
        ("vehicle.plate", 3, 1),
        ("vehicle.vin", 1, 0),
    ]
    assert round(report.rates[0].rate, 2) == 0.33
    assert report.rates[1].rate == 0
