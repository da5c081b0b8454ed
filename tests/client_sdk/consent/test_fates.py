"""What became of what was disclosed: a survivor's report never says told where nobody was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE
from tests.controls import without

from quietway.engine.outbox import SHOWN_FOR_MS
from quietway.fates import tell_fate
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient

NEVER_TOLD = "the agency was never told"


async def _tell(client: AsyncClient) -> tuple[list[str], str]:
    told = [held.became for held in await client.consent.disclosures(CASE)]
    return told, (await client.consent.disclosure_report(CASE)).text


async def _pause_before_it_is_fetched(agencies: Agencies) -> AsyncClient:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    assert (await _tell(shelter))[0] == ["sent"]
    await shelter.consent.pause(CASE)
    return shelter


@pytest.mark.requirement("B21")
async def test_what_was_taken_back_in_time_is_reported_as_never_told(agencies: Agencies) -> None:
    """B21: the report says of each disclosure what became of it."""
    shelter = await _pause_before_it_is_fetched(agencies)
    told, text = await _tell(shelter)
    assert told == ["taken_back"]
    assert NEVER_TOLD in text
    spanish = await shelter.consent.disclosure_report(CASE, "es")
    assert "nunca se le informó" in spanish.text


async def test_it_is_known_after_the_outbox_forgot(agencies: Agencies) -> None:
    shelter = await _pause_before_it_is_fetched(agencies)
    await _let_the_outbox_forget(agencies, shelter)
    assert (await _tell(shelter))[0] == ["taken_back"]


async def test_without_its_row_it_would_be_told_as_sent(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control: nothing but the outbox knows it, and the outbox forgets.
    without(monkeypatch, "quietway.settling:note_fates", lambda *_: [])
    shelter = await _pause_before_it_is_fetched(agencies)
    await _let_the_outbox_forget(agencies, shelter)
    assert (await _tell(shelter))[0] == ["sent"]


async def test_what_was_fetched_before_is_reported_as_told(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await hospital.sync()
    await shelter.consent.pause(CASE)
    told, text = await _tell(shelter)
    assert told == ["fetched"]
    assert NEVER_TOLD not in text
    assert "could not be taken back" in text


async def test_what_waits_says_so_and_what_the_relay_did_not_answer_is_not_told_as_taken_back(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    agencies.relay.offline = True
    await shelter.referrals.send("MERCY", **{**WHOLE, "purpose_text": "Another place."})
    assert (await _tell(shelter))[0] == ["sent", "waiting"]
    await shelter.consent.pause(CASE)
    told, text = await _tell(shelter)
    assert "taken_back" not in told
    assert NEVER_TOLD not in text
    agencies.relay.offline = False
    agencies.clock.advance(600)
    await shelter.sync()
    # Of the second an answer may have got lost, as far as anybody can know.
    assert (await _tell(shelter))[0] == ["taken_back", "uncertain"]


async def test_what_was_too_late_was_never_told_where_nothing_was_ever_sealed(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.referrals.send("MERCY", **WHOLE)
    entry = shelter._agent.state.outbox[sent.local_id]
    unsealed = replace(entry, deliveries=(), expired=True)
    assert tell_fate(unsealed, hospital.agency_id) == "never_sent"


async def _let_the_outbox_forget(agencies: Agencies, client: AsyncClient) -> None:
    deadline = max(held.deadline for held in client._agent.state.outbox.values())
    agencies.clock.advance((deadline + SHOWN_FOR_MS + DAY - agencies.clock.now()) // 1_000)
    await client.sync()
    assert not any(held.kind == "referral.packet" for held in client._agent.state.outbox.values())
