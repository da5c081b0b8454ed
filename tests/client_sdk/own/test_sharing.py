"""What all devices of an agency hold alike: partners, invitations, aliases, the agency's secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, WHOLE_REFERRAL, invite
from tests.client_sdk.own.linked import NewDevice, give_snapshot, link, propose, settle
from tests.controls import without

from quietway import DeadLettered, NotFound, SecretAwaited
from quietway.content import CaseRef
from quietway.own.sharing import SHARED_AT, write_shared
from quietway.own.standing import Standing
from quietway.own.telling import tell_own
from quietway.partners import PARTNER, Invitation, PartnerRecord
from quietway.ports import Put
from quietway.records import WITHIN
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.content.agency import AgencyShared, SharedRow
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Event

CASE = CaseRef(b"one case of ours")


def listen(client: AsyncClient) -> list[Event]:
    told: list[Event] = []
    client._agent.listeners.append(told.append)
    return told


async def test_a_partner_of_one_device_is_a_partner_of_all(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    hospital = await agencies.found(HOSPITAL)
    await invite(hospital, tablet)
    await settle(tablet, shelter)
    (partner,) = await shelter.partners.list()
    assert partner.agency_id == hospital.agency_id
    assert partner.programs == (HOSPITAL,)


async def test_an_invitation_of_one_device_lets_its_partner_write_to_all(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    hospital = await agencies.found(HOSPITAL)
    await invite(tablet, hospital)
    await invite(hospital, tablet)
    await settle(tablet, shelter, hospital)
    # In the next weeks either device may publish the lanes: both know the partner.
    for _ in range(2):
        agencies.clock.advance(5 * DAY / 1_000)
        await settle(shelter, tablet, hospital)
        sent = await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
        assert sent.problem is None
    await settle(shelter, tablet)
    assert len(await tablet.referrals.list()) == len(await shelter.referrals.list()) == 2


async def test_a_device_that_heard_of_nothing_is_told_once_more(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    device = NewDevice(agencies, "tablet")
    request, offered = await propose(device, shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    tablet = await device.join(offered.offer, offered.words)
    with pytest.raises(SecretAwaited):
        await tablet.partners.invite("Nobody yet")
    with pytest.raises(SecretAwaited):
        await tablet.devices.share(shelter.device_id)
    with pytest.raises(NotFound):
        await shelter.devices.share(hospital.device_id)
    await settle(shelter, tablet)
    await shelter.devices.share(tablet.device_id)
    await settle(tablet, shelter)
    assert [partner.agency_id for partner in await tablet.partners.list()] == [hospital.agency_id]
    assert (await tablet.partners.invite("City legal aid")).agency_id == shelter.agency_id


async def test_one_case_has_one_alias_whichever_device_speaks_of_it(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    await settle(hospital)
    await shelter.status.set("safety_plan_active", to="MERCY", case_ref=CASE)
    await settle(tablet)
    await tablet.status.set("order_served", to="MERCY", case_ref=CASE)
    await settle(hospital, shelter, tablet)
    aliases = {line.case_ref for line in await hospital.status.board()}
    assert len(aliases) == 1
    assert CASE not in aliases
    for device in (shelter, tablet):
        assert {line.case_ref for line in await device.status.board()} == {CASE}


async def test_until_the_agencys_secret_is_here_a_device_publishes_no_lanes(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _partner_gets_through(agencies, "tablet")
    # Control: a device that publishes lanes of a secret that it made up shuts every partner out.
    without(monkeypatch, "quietway.own.standing:Standing.restore", lambda _: Standing())
    assert not await _partner_gets_through(agencies, "phone")


async def _partner_gets_through(agencies: Agencies, name: str) -> bool:
    """Link a device that never hears of the secret, and let a partner write in the next week."""
    code = name.upper()
    host = await agencies.found(f"{code}-DESK")
    partner = await agencies.found(f"{code}X-DESK")
    await invite(host, partner)
    await settle(host, partner)
    device = NewDevice(agencies, name)
    request, offered = await propose(device, host)
    await host.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    agencies.clock.advance(1)
    await device.join(offered.offer, offered.words)
    sent = await partner.messages.send("Hello", to=code)
    return sent.state == "stored_at_relay"


async def test_of_two_writings_of_a_row_the_later_counts(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    agency = hospital.agency_id
    record = shelter._agent.lanes.partners[agency]
    for label, seconds in (("Mercy, new", 10), ("Mercy, old", -5)):
        agencies.clock.advance(seconds)
        row = PartnerRecord(record.invitation, label).to_row()
        await write_shared(shelter._agent, Put(PARTNER, agency.value, row))
        agencies.clock.advance(-min(0, seconds))
    await tablet.sync()
    assert [partner.label for partner in await tablet.partners.list()] == ["Mercy, new"]


async def test_another_root_key_for_a_known_partner_is_refused_from_a_colleague_too(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    police = await agencies.found(POLICE)
    told = listen(tablet)
    held = shelter._agent.lanes.partners[hospital.agency_id].invitation
    forged = Invitation(
        relay=held.relay,
        agency_id=held.agency_id,
        agency_code=held.agency_code,
        root_key=police._agent.root_key,
        partner=held.partner,
        lane=held.lane,
    )
    agencies.clock.advance(60)
    row = SharedRow(
        kind="partner",
        key=held.agency_id.value,
        value=PartnerRecord(forged, "Mercy").to_row(),
        at=agencies.clock.now(),
    )
    await tell_own(shelter._agent, AgencyShared(rows=(row,)))
    await tablet.sync()
    assert [event.reason for event in told if isinstance(event, DeadLettered)] == ["bad_content"]
    kept = tablet._agent.directory.pinned()[hospital.agency_id]
    assert kept == held.root_key != police._agent.root_key


async def test_what_was_not_taken_in_before_a_crash_is_taken_in_after_it(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    hospital = await agencies.found(HOSPITAL)
    await invite(hospital, shelter)

    async def is_cut_off(_: object) -> None:
        """Acknowledged, and then the machine is off."""

    with monkeypatch.context() as cut:
        without(cut, "quietway.agent:take_in", is_cut_off)
        await settle(shelter, tablet)
        assert await tablet.partners.list() == []
        assert await agencies.stores["tablet"].scan(WITHIN)
    await tablet.aclose()
    again = await agencies.reopen("tablet")
    assert [partner.agency_id for partner in await again.partners.list()] == [hospital.agency_id]
    assert await agencies.stores["tablet"].scan(WITHIN) == ()


async def test_what_devices_tell_each_other_is_shown_to_nobody(agencies: Agencies) -> None:
    shelter, _hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    for client in (shelter, tablet):
        assert await client.inbox() == await client.outbox() == []
        assert (await client.sync()).waiting == 0
    secret = shelter._agent.keyring.agency_secret
    assert tablet._agent.keyring.agency_secret == secret
    rows = [
        row.value
        for kind in ("message", "within", "outbox", "parcel")
        for store in (agencies.stores[SHELTER], agencies.stores["tablet"])
        for row in await store.scan(kind)
    ]
    assert not any(b"agency.shared" in value for value in rows)
    assert await agencies.stores["tablet"].scan(SHARED_AT)
