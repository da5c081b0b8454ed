"""What people decide about lanes: to cut off a partner's device, to give it back, to uninvite.

Each decision is a row that all devices of the agency hold alike, so whichever of them uploads the
next week goes by it. It is uploaded at once where the relay can be reached.

Spec: docs/spec/lanes.md, "Bootstrap" and "Cutting off, and giving back".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quietway.engine.codec import write_row
from quietway.errors import ContentRefused, NotFound
from quietway.own.lane_rows import LANE_CUT, list_cut, name_secret, read_granted, read_made
from quietway.own.sharing import write_shared
from quietway.partners import INVITED
from quietway.ports import Put
from quietway_schemas.errors import IdError
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.partners import MadeInvitation
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class PartnerDevice:
    """A device of a partner, as its agency certifies it.

    Attributes:
        device: Which.
        program: The program it belongs to.
        roles: What it may do there.
        lane_since: When the lane that it has now was given to it; 0 while it was not.
        cut_off: Whether a person here has cut it off.
    """

    device: DeviceId
    program: str
    roles: tuple[str, ...]
    lane_since: Instant
    cut_off: bool


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that was made here, and whose lane is open.

    Attributes:
        name: What to call it when it is withdrawn.
        label: What it was called when it was made.
        at: When it was made.
        until: When its lane is over.
    """

    name: str
    label: str
    at: Instant
    until: Instant


async def list_partner_devices(agent: Agent, agency: AgencyId) -> list[PartnerDevice]:
    """List a partner's devices; see `AsyncPartners.devices`."""
    cut, granted = await list_cut(agent), await read_granted(agent)
    name = name_secret(agent.keyring.agency_secret)

    def since(device: DeviceId) -> Instant:
        held = granted.get(device)
        return held.at if held is not None and held.secret == name else 0

    return [
        PartnerDevice(held.device, held.program, held.roles, since(held.device), held.device in cut)
        for held in agent.directory.devices_of(agency)
    ]


async def cut_off(agent: Agent, device: DeviceId | str) -> None:
    """Take a partner's device the right to send here; see `AsyncPartners.cut_off`."""
    named = _read_device(device)
    known = {
        held.device
        for agency in agent.lanes.partners
        for held in agent.directory.devices_of(agency)
    }
    if named not in known:
        raise NotFound(f"The device {named}", "quietway partner devices NAME")
    await _decide(agent, named, cut=True)


async def restore(agent: Agent, device: DeviceId | str) -> None:
    """Give a partner's device that right back; see `AsyncPartners.restore`."""
    named = _read_device(device)
    if named not in await list_cut(agent):
        raise NotFound(f"{named} as cut off", "quietway partner devices NAME")
    await _decide(agent, named, cut=False)


async def list_invitations(agent: Agent) -> list[OpenInvitation]:
    """List the invitations whose lane is open; see `AsyncPartners.invitations`."""
    return [
        OpenInvitation(held.name, held.label, held.at, held.until)
        for held in await _find_open(agent)
    ]


async def withdraw_invitation(agent: Agent, named: str) -> None:
    """Shut the lane of an invitation; see `AsyncPartners.withdraw_invitation`."""
    found = [held for held in await _find_open(agent) if named in {held.name, held.label}]
    if not found:
        raise NotFound("An open invitation by that name", "quietway partner uninvite")
    if len(found) > 1:
        raise ContentRefused("invitation", "is one of several of that label: use its name.")
    row = replace(found[0], gone=True).to_row()
    await write_shared(agent, Put(INVITED, found[0].partner, row))
    await agent.publish_what_is_new()


async def _find_open(agent: Agent) -> list[MadeInvitation]:
    now, name = agent.clock.now(), name_secret(agent.keyring.agency_secret)
    return [held for held in await read_made(agent) if held.lives(now, secret=name)]


async def _decide(agent: Agent, device: DeviceId, *, cut: bool) -> None:
    row = write_row(cut=cut, at=agent.clock.now())
    await write_shared(agent, Put(LANE_CUT, device.value, row))
    await agent.publish_what_is_new()


def _read_device(named: DeviceId | str) -> DeviceId:
    if isinstance(named, DeviceId):
        return named
    try:
        return DeviceId.from_text(named.strip())
    except IdError:
        raise ContentRefused(
            "device", "is no device's id (dev_ and 26 more): `quietway partner devices` lists them."
        ) from None
