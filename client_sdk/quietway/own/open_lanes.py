"""Which lanes into this agency are open: one pure function of what a device knows.

Whatever changes the set (a partner's device came or went, a person cut one off, an invitation is
over, the secret is another) changes what this returns, and so what is uploaded next.

Spec: docs/spec/lanes.md, "Which lanes are open".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.own.lane_rows import (
    LANE_KEPT,
    KeptLane,
    list_cut,
    name_secret,
    read_granted,
    read_made,
)
from quietway.ports import Delete
from quietway_crypto.lanes import derive_lane
from quietway_crypto.secret import Secret
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.keyring.trust import Directory
    from quietway_schemas.instants import Instant

MOST_LANES: Final = 1_024
"""Twice as many hashes fit into one week."""
NOBODY_PAUSED: Final[frozenset[AgencyId]] = frozenset()
_PRESENT, _INVITATION, _OLD = b"d", b"i", b"o"


@dataclass(frozen=True, slots=True)
class OpenLane:
    """A lane that is open.

    Attributes:
        name: What it is of, for telling two sets apart.
        lane: 32 bytes.
    """

    name: bytes
    lane: Secret = field(repr=False)


def wanted_lanes(
    *,
    secret: Secret,
    agency: AgencyId,
    partners: Iterable[AgencyId],
    directory: Directory,
    invitations: Iterable[bytes] = (),
    cut: frozenset[DeviceId] = frozenset(),
    paused: frozenset[AgencyId] = NOBODY_PAUSED,
    kept: Mapping[DeviceId, Secret] | None = None,
) -> tuple[OpenLane, ...]:
    """Say which lanes are open.

    Args:
        secret: The agency's, of which lanes are made.
        agency: The agency itself, each of whose certified devices has a lane.
        partners: The agencies whose devices have one each.
        directory: Says which devices these are.
        invitations: The 16 bytes of each invitation that lives.
        cut: Devices of partners that have none, whatever their agency says.
        paused: Agencies whose devices have none for now.
        kept: Old lanes that are open for a grace, of devices that may have one.

    Returns:
        The agency's own first, then partners' devices, invitations and old lanes, each by its
        bytes; at most 1,024.
    """
    own = directory.manifest(agency)
    mine = () if own is None else own.manifest.certificates
    theirs = {
        held.device
        for partner in partners
        if partner not in paused
        for held in directory.devices_of(partner)
    } - cut

    def derive(kind: bytes, names: Iterable[bytes]) -> list[OpenLane]:
        return [
            OpenLane(kind + name, Secret(derive_lane(secret, name))) for name in sorted(set(names))
        ]

    lanes = derive(_PRESENT, (held.device_id.value for held in mine))
    lanes += derive(_PRESENT, (held.value for held in theirs))
    lanes += derive(_INVITATION, invitations)
    old = sorted((kept or {}).items(), key=lambda item: item[0].value)
    lanes += [OpenLane(_OLD + held.value, lane) for held, lane in old if held in theirs]
    return tuple(lanes[:MOST_LANES])


def name_set(secret: Secret, lanes: Iterable[OpenLane]) -> str:
    """Name a set of lanes: another name is another set, or another secret."""
    names = b"".join(sorted(lane.name for lane in lanes))
    return hashlib.sha256(name_secret(secret) + names).hexdigest()


async def gather_lanes(agent: Agent, *, now: Instant) -> tuple[OpenLane, ...]:
    """Say which lanes are open by what this device knows now."""
    keyring = agent.keyring
    secret = keyring.agency_secret
    name = name_secret(secret)
    made = await read_made(agent)
    return wanted_lanes(
        secret=secret,
        agency=keyring.agency,
        partners=agent.lanes.partners,
        directory=agent.directory,
        invitations=[
            held.partner
            for held in made
            if held.lives(now, secret=name) and not agent.is_shut_invitation(held.label, held.at)
        ],
        cut=await list_cut(agent),
        paused=agent.standings.shut_out(),
        kept=await _drop_what_is_over(agent, now),
    )


async def _drop_what_is_over(agent: Agent, now: Instant) -> dict[DeviceId, Secret]:
    """Let go of old lanes whose grace is over, or whose device has its new one; give the others."""
    rows = await agent.store.scan(LANE_KEPT)
    if not rows:
        return {}
    name, granted = name_secret(agent.keyring.agency_secret), await read_granted(agent)
    left: dict[DeviceId, Secret] = {}
    for row in rows:
        device, kept = DeviceId(row.key), KeptLane.from_row(row)
        has_new = device in granted and granted[device].secret == name
        if now < kept.until and not has_new:
            left[device] = kept.lane
    gone = [Delete(LANE_KEPT, row.key) for row in rows if DeviceId(row.key) not in left]
    if gone:
        await agent.settle(also=gone)
    return left
