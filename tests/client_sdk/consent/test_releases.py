"""Releases: asked for before anything is sealed, for one agency, and never oral."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.consent.worlds import CASE, NAMED, SIGNED, WHOLE, list_kinds, release
from tests.controls import without

from quietway import ContentRefused, NotPermitted
from quietway.policy.rulings import Ruling
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


@pytest.mark.requirement("A07", "B04")
async def test_a_name_goes_to_the_one_agency_that_a_release_names_and_says_on_which(
    agencies: Agencies,
) -> None:
    """A07, B04: whom, what and why is the survivor's to say, and asked before each sharing."""
    shelter, hospital, _ = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    with pytest.raises(NotPermitted) as refused:
        await shelter.referrals.send("MERCY", **NAMED)
    assert refused.value.ruling.rule == "P61"
    given = await release(shelter)
    sent = await shelter.referrals.send("MERCY", **NAMED)
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("CITYPD", **NAMED)
    assert sent.state == "stored_at_relay"
    await hospital.sync()
    (packet,) = [
        held.content for held in await hospital.inbox() if held.content.type == "referral.packet"
    ]
    assert getattr(packet, "consent_id", None) == given.consent_id
    (disclosed,) = await shelter.consent.disclosures(CASE)
    assert (disclosed.rule, disclosed.consent_id) == ("P50", given.consent_id)


async def test_what_is_not_asked_about_goes_out(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control: without the question a name is sealed.
    def allow(*_: object) -> Ruling:
        return Ruling(allowed=True, rule="P50")

    without(monkeypatch, "quietway.consent.asking:rule", allow)
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **NAMED)
    await hospital.sync()
    assert await list_kinds(hospital) == ["referral.packet"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        pytest.param({"form": "oral"}, "form", id="V17"),
        pytest.param({"signed_by": "respondent"}, "signed_by", id="V18"),
        pytest.param({"informed": SIGNED["informed"][1:]}, "informed", id="not informed"),
        pytest.param({"categories": []}, "data_categories", id="nothing"),
    ],
)
@pytest.mark.requirement("A02")
async def test_a_release_that_breaks_a_rule_is_none(
    agencies: Agencies, changed: dict[str, Any], field: str
) -> None:
    """A02: a release is written, signed by the survivor, and she was told all five items."""
    (shelter, _) = await agencies.found_partners(SHELTER, HOSPITAL)
    with pytest.raises(ContentRefused) as refused:
        await release(shelter, **changed)
    assert refused.value.field == field
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **NAMED)


@pytest.mark.requirement("A14")
async def test_a_release_ends_by_itself_and_a_window_before_it(agencies: Agencies) -> None:
    """A14: what is disclosed for a time is over by itself, with nobody doing anything."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    now = agencies.clock.now()
    with pytest.raises(ContentRefused, match="expires"):
        await release(shelter, expires=now + 91 * DAY)  # V19
    given = await release(shelter, categories=["services", "status"], expires=now + 20 * DAY)
    assert given.consent_id is not None
    await shelter.consent.window(
        CASE,
        "MERCY",
        given.consent_id,
        categories=["identity", "narrative"],
        closes=now + 2 * DAY,
    )
    await shelter.referrals.send("MERCY", **NAMED)
    agencies.clock.advance(2 * 86_400)
    await shelter.sync()
    with pytest.raises(NotPermitted) as refused:
        await shelter.referrals.send("MERCY", **NAMED)
    assert refused.value.ruling.missing == ("identity", "narrative")


@pytest.mark.requirement("A35")
async def test_an_amendment_counts_at_once_and_an_old_grant_revives_nothing(
    agencies: Agencies,
) -> None:
    """A35: a changed release counts at once; what it replaced never comes back."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    given = await release(shelter)
    assert given.consent_id is not None
    narrower = ["services", "status"]
    await shelter.consent.amend(CASE, "MERCY", given.consent_id, data_categories=narrower)
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **NAMED)
    # Once told who it is, an agency is told nothing more of it without a release.
    with pytest.raises(NotPermitted):
        await shelter.referrals.send("MERCY", **WHOLE)


async def test_two_recipients_of_one_case_hold_no_word_of_consent_in_common(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    for to in ("MERCY", "CITYPD"):
        await release(shelter, to)
    await shelter.consent.pause(CASE)
    for to in ("MERCY", "CITYPD"):
        await shelter.consent.resume(CASE, to)
    await shelter.consent.revoke(CASE)
    agencies.clock.advance(600)
    for client in (shelter, hospital, police):
        await client.sync()
    held = [await list_ids(client) for client in (hospital, police)]
    assert len(held[0]) == len(held[1]) > 10
    assert held[0].isdisjoint(held[1])


async def list_ids(client: AsyncClient) -> set[object]:
    """List every id, nonce and hash in what a client was told of consent, and where it was told."""
    found: set[object] = set()
    for received in await client.inbox():
        content = received.content
        found |= {received.conversation, received.message_id}
        for name in ("case_ref", "consent_id", "nonce", "order_id", "supersedes"):
            value = getattr(content, name, None)
            found |= set(value) if isinstance(value, tuple) else {value} - {None}
    return found
