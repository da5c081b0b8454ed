"""Linking a device, as its people see it: asked, answered, compared, approved, joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.own.linked import (
    STAFF,
    NewDevice,
    give_snapshot,
    link,
    make_holder,
    propose,
    settle,
)
from tests.controls import without

from quietway import (
    Added,
    ContentRefused,
    DeviceRequest,
    LinkRefused,
    NotAgencyOwned,
    NotYetApproved,
    OpsKeyMissing,
    SnapshotAwaited,
    StoreExists,
    WaitsForSecond,
    WrongPassphrase,
)
from quietway.testing.sandbox import PASSPHRASE

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies


async def test_a_second_device_is_linked_and_reads_what_comes(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    assert tablet.agency_id == shelter.agency_id
    assert tablet.fingerprint == shelter.fingerprint
    assert [held.agency_id for held in await tablet.partners.list()] == [hospital.agency_id]
    await hospital.sync()
    sent = await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    for device in (shelter, tablet):
        await device.sync()
        assert [held.ref for held in await device.referrals.list()] == [sent.referral_ref]


async def test_a_referral_is_answered_from_the_second_device(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await shelter.sync()
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    await tablet.referrals.acknowledge(sent.referral_ref)
    await settle(hospital, shelter)
    for device in (shelter, tablet, hospital):
        assert (await device.referrals.find(sent.referral_ref)).state == "accepted"
    (told,) = [held for held in await shelter.inbox() if held.by_colleague]
    assert told.sender_agency == shelter.agency_id
    assert told.sent_to == (hospital.agency_id,)


async def test_what_a_colleague_sent_to_a_partner_can_be_followed_up_here(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    await settle(hospital)
    sent = await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    await tablet.sync()
    (referral,) = await tablet.referrals.list()
    assert (referral.direction, referral.agencies) == ("out", (hospital.agency_id,))
    await tablet.referrals.cancel(sent.referral_ref, reason_code="duplicate")
    await settle(hospital, shelter)
    for device in (hospital, shelter):
        assert (await device.referrals.find(sent.referral_ref)).state == "cancelled"


async def test_a_device_that_nobody_approved_does_not_join(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    device = NewDevice(agencies, "tablet")
    request, offered = await propose(device, shelter)
    with pytest.raises(NotYetApproved):
        await device.join(offered.offer, offered.words)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    joined = await device.join(offered.offer, " ".join(offered.words).upper())
    assert joined.device_id == request.device


async def test_other_words_join_nothing(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    device = NewDevice(agencies, "tablet")
    request, offered = await propose(device, shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    for words in (offered.words[::-1], offered.words[:3], "", "abandon " * 4):
        with pytest.raises(LinkRefused, match="words"):
            await device.join(offered.offer, words)
    assert not (agencies.folder / "tablet" / "keyring").exists()


async def test_a_device_that_is_switched_off_meanwhile_asks_the_same(agencies: Agencies) -> None:
    device = NewDevice(agencies, "tablet")
    request = await device.ask()
    assert await device.ask() == request
    assert DeviceRequest.from_text(f"  {request.to_text()}\n") == request
    # Whose machine it is, is part of what is asked.
    assert await device.ask(agency_owned=False) != request


async def test_where_a_device_is_none_is_linked(agencies: Agencies) -> None:
    await agencies.found(SHELTER)
    with pytest.raises(StoreExists):
        await NewDevice(agencies, SHELTER).ask()


async def test_a_device_of_one_agency_does_not_join_another(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    device = NewDevice(agencies, "tablet")
    request, offered = await propose(device, shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    tablet = await device.join(offered.offer, offered.words)
    await tablet.aclose()
    other = await hospital.devices.offer(request.to_text(), roles=STAFF, passphrase=PASSPHRASE)
    with pytest.raises(StoreExists):
        await device.join(other.offer, other.words)
    # The same offer once more goes on where it was cut off.
    again = await device.join(offered.offer, offered.words)
    await again.aclose()
    # Control: without it a person is told that they joined, and works for the other agency.
    without(monkeypatch, "quietway.joining:check_goes_on", lambda *_: None)
    joined = await device.join(other.offer, other.words)
    assert joined.agency_id == shelter.agency_id


@pytest.mark.requirement("A04")
async def test_a_private_machine_is_let_in_only_where_that_is_said(agencies: Agencies) -> None:
    """A04: separate devices for cooperation: an agency-owned flag, and a policy that holds."""
    shelter = await agencies.found(SHELTER)
    request = await NewDevice(agencies, "phone").ask(agency_owned=False)
    with pytest.raises(NotAgencyOwned):
        await shelter.devices.offer(request, roles=["liaison"], passphrase=PASSPHRASE)
    offered = await shelter.devices.offer(
        request, roles=["liaison"], passphrase=PASSPHRASE, private_machine=True
    )
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    (phone,) = [held for held in await shelter.devices.list() if not held.this_one]
    assert (phone.device, phone.agency_owned, phone.roles) == (request.device, False, ("liaison",))


async def test_only_an_ops_holder_answers(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    request = await NewDevice(agencies, "phone").ask()
    with pytest.raises(OpsKeyMissing):
        await tablet.devices.offer(request, roles=["liaison"], passphrase=PASSPHRASE)
    with pytest.raises(OpsKeyMissing):
        await tablet.devices.revoke(shelter.device_id)


async def test_every_decision_asks_for_the_passphrase_again(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    device = NewDevice(agencies, "tablet")
    request, offered = await propose(device, shelter)
    with pytest.raises(WrongPassphrase):
        await shelter.devices.offer(request, roles=["liaison"], passphrase="another passphrase")
    with pytest.raises(WrongPassphrase):
        await shelter.devices.confirm(request, offered.offer, passphrase="another passphrase")
    with pytest.raises(WrongPassphrase):
        await shelter.devices.set_roles(
            shelter.device_id, ["liaison"], passphrase="another passphrase"
        )
    assert [held.device for held in await shelter.devices.list()] == [shelter.device_id]


@pytest.mark.parametrize(
    "text", ["", "quietway-device:", "quietway-device:e30", "quietway-device:!!", "quietway-offer:"]
)
async def test_what_is_no_request_is_refused_with_its_name(agencies: Agencies, text: str) -> None:
    shelter = await agencies.found(SHELTER)
    with pytest.raises(ContentRefused) as refused:
        await shelter.devices.offer(text, roles=["liaison"], passphrase=PASSPHRASE)
    assert refused.value.field == "request"


async def test_a_linked_device_speaks_of_no_case_before_it_knows_them(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await settle(hospital)
    with pytest.raises(SnapshotAwaited):
        await tablet.messages.send("Hello", to="MERCY")
    assert await tablet.outbox() == []
    await give_snapshot(shelter, tablet)
    assert (await tablet.messages.send("Hello", to="MERCY")).problem is None


async def test_a_second_holder_agrees_where_the_agency_asks_for_two(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    device = NewDevice(agencies, "phone")
    request, offered = await propose(device, shelter)
    settled = await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    assert settled == WaitsForSecond(request.device, 1)
    with pytest.raises(NotYetApproved):
        await device.join(offered.offer, offered.words)
    await tablet.sync()
    (proposal,) = await tablet.devices.proposals()
    assert proposal.words() == offered.words
    assert (proposal.program, proposal.roles, proposal.is_new) == (SHELTER, STAFF, True)
    settled = await tablet.devices.approve(proposal, passphrase=PASSPHRASE)
    assert settled == Added(request.device)
    phone = await device.join(offered.offer, offered.words)
    await settle(shelter, tablet, phone)
    assert await shelter.devices.proposals() == await tablet.devices.proposals() == []
    for client in (shelter, tablet, phone):
        assert len(await client.devices.list()) == 3


async def test_a_holder_who_agrees_twice_counts_once(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    await make_holder(shelter, await link(agencies, shelter, "tablet"))
    request, offered = await propose(NewDevice(agencies, "phone"), shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    (proposal,) = await shelter.devices.proposals()
    again = await shelter.devices.approve(proposal, passphrase=PASSPHRASE)
    assert again == WaitsForSecond(request.device, 1)


async def test_a_proposal_that_is_declined_is_gone_here(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    request, offered = await propose(NewDevice(agencies, "phone"), shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    await tablet.sync()
    (proposal,) = await tablet.devices.proposals()
    await tablet.devices.decline(proposal)
    assert await tablet.devices.proposals() == []
    assert len(await shelter.devices.proposals()) == 1


@pytest.mark.requirement("A60")
async def test_other_roles_take_as_many_approvals_and_decide_what_is_received(
    agencies: Agencies,
) -> None:
    """A60: access reflects current roles: a role change is a new certificate, at once."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    waits = await shelter.devices.set_roles(tablet.device_id, ["auditor"], passphrase=PASSPHRASE)
    assert waits == WaitsForSecond(tablet.device_id, 1)
    await tablet.sync()
    (proposal,) = await tablet.devices.proposals()
    assert (proposal.is_new, proposal.words()) == (False, ())
    assert await tablet.devices.approve(proposal, passphrase=PASSPHRASE) == Added(tablet.device_id)
    await settle(shelter, tablet, hospital)
    sent = await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await settle(shelter, tablet)
    assert [held.ref for held in await shelter.referrals.list()] == [sent.referral_ref]
    assert await tablet.referrals.list() == []
