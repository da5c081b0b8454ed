"""What a case is called with a partner does not follow the agency's secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.own.lane_world import secret_of
from tests.client_sdk.own.linked import give_snapshot, link, settle
from tests.controls import without

from quietway.content import CaseRef
from quietway_crypto.encoding import TAG_CASE_ALIAS
from quietway_crypto.kdf import hmac_tagged
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.agent import Agent

CASE, LATER = CaseRef(b"\x07" * 16), CaseRef(b"\x08" * 16)


async def _tell_on_both_sides_of_a_rotation(agencies: Agencies) -> set[CaseRef | None]:
    """Two devices tell of a case first, one of them with a newer secret; the names they give."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    desk = await link(agencies, shelter, "desk")
    phone = await link(agencies, shelter, "phone")
    await give_snapshot(shelter, desk)
    await settle(shelter, desk, hospital)
    old = secret_of(desk).reveal()
    await shelter.devices.revoke(phone.device_id)
    assert secret_of(shelter).reveal() != old
    for client in (shelter, desk):
        await _tell(client, CASE)
    names = {_name(client, hospital, CASE) for client in (shelter, desk)}
    assert len({secret_of(held).reveal() for held in (shelter, desk)}) == 2
    return names


async def _tell(client: AsyncClient, case: CaseRef) -> None:
    await client.status.set("shelter_need_open", to="MERCY", case_ref=case)


def _name(client: AsyncClient, hospital: AsyncClient, case: CaseRef) -> CaseRef | None:
    return client._agent.cases.find(case, hospital.agency_id)


@pytest.mark.requirement("A21")
async def test_two_devices_call_a_case_the_same_though_one_has_a_newer_secret(
    agencies: Agencies,
) -> None:
    """A21: a revocation reaches what was said under one name, so there must not be two."""
    assert len(await _tell_on_both_sides_of_a_rotation(agencies) - {None}) == 1


async def test_control_a_name_that_follows_the_secret_is_given_twice(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def follow(agent: Agent) -> Secret:
        return agent.keyring.agency_secret

    without(monkeypatch, "quietway.naming:find_naming_key", follow)
    assert len(await _tell_on_both_sides_of_a_rotation(agencies) - {None}) == 2


async def _tell_from_a_device_that_was_linked_after(agencies: Agencies) -> set[CaseRef | None]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    phone = await link(agencies, shelter, "phone")
    await shelter.devices.revoke(phone.device_id)
    await settle(shelter, hospital)
    desk = await link(agencies, shelter, "desk")
    await give_snapshot(shelter, desk)
    for client in (shelter, desk):
        await _tell(client, LATER)
    return {_name(client, hospital, LATER) for client in (shelter, desk)}


async def test_a_device_linked_after_a_rotation_gives_the_same_names(agencies: Agencies) -> None:
    assert len(await _tell_from_a_device_that_was_linked_after(agencies) - {None}) == 1


async def test_control_a_linked_device_that_is_not_told_the_key_gives_other_names(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tell_the_secret(agent: Agent) -> Secret:
        return Secret(hmac_tagged(agent.keyring.agency_secret, TAG_CASE_ALIAS, b""))

    # What it is told comes from the secret of now, as if the first one's key had not been kept.
    without(monkeypatch, "quietway.own.sharing:find_naming_key", tell_the_secret)
    assert len(await _tell_from_a_device_that_was_linked_after(agencies) - {None}) == 2
