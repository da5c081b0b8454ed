"""The data-use policy: read before anything is said about a case, on each device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE
from tests.client_sdk.own.linked import link
from tests.controls import without

from quietway import ContentRefused, DataUseUnread, OpsKeyMissing

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

POLICY = b"What we are told we use to help, and for nothing else."


@pytest.mark.requirement("A02")
async def test_nothing_is_said_about_a_case_before_the_policy_was_acknowledged(
    agencies: Agencies,
) -> None:
    """A02: documented data-use policies, with version and hash, acknowledged before sending."""
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.consent.adopt_data_use("2026-1", POLICY)
    with pytest.raises(DataUseUnread, match="2026-1"):
        await shelter.referrals.send("MERCY", **WHOLE)
    with pytest.raises(ContentRefused):
        await shelter.consent.acknowledge_data_use(POLICY + b" Perhaps.")
    assert (await shelter.consent.pause(CASE, "MERCY"))[0].given == "paused"
    other = {name: value for name, value in WHOLE.items() if name != "case_ref"}
    with pytest.raises(DataUseUnread):
        await shelter.referrals.send("MERCY", **other)
    await shelter.consent.acknowledge_data_use(POLICY)
    assert (await shelter.referrals.send("MERCY", **other)).state == "stored_at_relay"
    await shelter.consent.adopt_data_use("2026-2", POLICY + b" Really.")
    with pytest.raises(DataUseUnread):
        await shelter.referrals.send("MERCY", **other)


async def test_without_the_question_it_would_go_out(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask_nobody(*_: object) -> None:
        return None

    without(monkeypatch, "quietway.speaking:check_data_use", ask_nobody)
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.consent.adopt_data_use("2026-1", POLICY)
    assert (await shelter.referrals.send("MERCY", **WHOLE)).state == "stored_at_relay"


async def test_each_device_of_the_agency_acknowledges_for_itself(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.consent.adopt_data_use("2026-1", POLICY)
    await shelter.consent.acknowledge_data_use(POLICY)
    desk = await link(agencies, shelter, "desk")
    await desk.sync()
    held = await desk.consent.data_use()
    assert held is not None
    assert (held.version, held.acknowledged) == ("2026-1", 0)
    with pytest.raises(OpsKeyMissing):
        await desk.consent.adopt_data_use("2026-2", POLICY)
