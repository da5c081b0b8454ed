"""What a colleague's device in other hands proposes: without a holder's approval it is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import SHELTER
from tests.client_sdk.own.linked import NewDevice, link, make_holder, propose, settle
from tests.controls import without

from quietway import Added, DeviceRequest, LinkRefused, WaitsForSecond
from quietway.keyring.publish import approve
from quietway.linking import write_certificate
from quietway.own.proposals import find_certificate
from quietway.own.telling import tell_own
from quietway.testing.sandbox import PASSPHRASE
from quietway_crypto.signing import SigningKey
from quietway_schemas.content.agency import AgencyProposal
from quietway_schemas.directory import Approval
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient

STRANGERS = [SigningKey(bytes([number]) * 32) for number in range(9)]


def wider_roles(client: AsyncClient, *keys: SigningKey) -> AgencyProposal:
    """Propose to make a device a lead, approved by these keys."""
    agent = client._agent
    held = find_certificate(agent, client.device_id)
    assert held is not None
    wide = held.model_copy(update={"roles": ("agency_lead",), "issued": held.issued + 1})
    return _proposal(wide.to_canonical(), [approve(wide.to_canonical(), key) for key in keys])


def _proposal(certificate: bytes, approvals: Iterable[Approval]) -> AgencyProposal:
    ordered = sorted(approvals, key=lambda held: held.key)
    return AgencyProposal(certificate=certificate, approvals=tuple(ordered))


async def test_what_no_holder_approved_is_nobodys_proposal(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    own = tablet._agent.keyring.identity
    await tell_own(tablet._agent, wider_roles(tablet, own))
    await settle(shelter)
    assert await shelter.devices.proposals() == []
    # Control: without asking whose key it is, a device proposes its own rights.
    without(monkeypatch, "quietway.own.proposals:keep_sound", lambda *given: tuple(given[2]))
    await tell_own(tablet._agent, wider_roles(tablet, own))
    await settle(shelter)
    assert [held.device for held in await shelter.devices.proposals()] == [tablet.device_id]


async def test_an_approval_that_does_not_hold_stops_no_device(agencies: Agencies) -> None:
    """What a colleague's device sends must never keep the others from being opened."""
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    ops = shelter._agent.keyring.ops
    assert ops is not None
    good = wider_roles(tablet, ops)
    bad = Approval(key=ops.public, signature=bytes(64))
    await tell_own(tablet._agent, _proposal(good.certificate, [bad]))
    await settle(shelter)
    assert await shelter.devices.proposals() == []
    again = await agencies.reopen(SHELTER)
    assert await again.devices.proposals() == []


async def test_a_proposal_that_is_too_old_to_be_published_is_gone(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    request, offered = await propose(NewDevice(agencies, "phone"), shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    for days in (34, 2):
        assert len(await shelter.devices.proposals()) == 1
        agencies.clock.advance(days * DAY / SECOND)
        await settle(shelter, tablet)
    agencies.clock.advance(6 * DAY / SECOND)
    await settle(shelter, tablet)
    assert await shelter.devices.proposals() == await tablet.devices.proposals() == []


async def test_a_new_device_takes_no_other_ones_name(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids stand in the directory; who asks under one would be put in that device's place."""
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    request = await NewDevice(agencies, "phone").ask()
    posing = DeviceRequest(request.told.model_copy(update={"device_id": tablet.device_id}))
    offered = await shelter.devices.offer(posing, roles=["agency_lead"], passphrase=PASSPHRASE)
    with pytest.raises(LinkRefused, match="device"):
        await shelter.devices.confirm(posing, offered.offer, passphrase=PASSPHRASE)
    # Control: without it the tablet is out, and the stranger is the tablet.
    without(monkeypatch, "quietway.own.proposals:check_name_is_free", lambda *_: None)
    agencies.clock.advance(1)
    await shelter.devices.confirm(posing, offered.offer, passphrase=PASSPHRASE)
    held = find_certificate(shelter._agent, tablet.device_id)
    assert held is not None
    assert held.identity_key == request.told.identity_key
    # Whoever publishes such a thing by other software, the others are told of a new device.
    change = (await shelter.devices.changes())[-1]
    assert change.added == (tablet.device_id,)


async def test_approvals_by_strangers_crowd_nobody_out(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await make_holder(shelter, tablet)
    request, offered = await propose(NewDevice(agencies, "phone"), shelter)
    settled = await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    assert settled == WaitsForSecond(request.device, 1)
    await settle(tablet)
    (proposal,) = await tablet.devices.proposals()
    certificate = write_certificate(request, offered.offer, now=shelter.now())
    assert certificate == proposal.certificate
    crowd = AgencyProposal(
        certificate=certificate,
        approvals=tuple(
            sorted((approve(certificate, key) for key in STRANGERS), key=lambda held: held.key)
        ),
        request=request.told.to_canonical(),
        offer=offered.offer.told.to_canonical(),
    )
    await tell_own(shelter._agent, crowd)
    await settle(tablet)
    settled = await tablet.devices.approve(proposal, passphrase=PASSPHRASE)
    assert settled == Added(request.device)
