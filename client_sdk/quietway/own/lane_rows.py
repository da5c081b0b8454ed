"""What the agency's devices note about lanes: who was granted one, who was cut off, what is kept.

`lane_cut`, `lane_granted` and `lane_rotated` are rows that all devices of the agency hold alike.
`lane_kept` (old lanes, for a grace) and `granting` (grants on their way) are this device's own. No
row of a partner's device holds its present lane: that is derived when it is wanted.

Spec: docs/spec/lanes.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.partners import INVITED, MadeInvitation
from quietway.ports import Put
from quietway_crypto.lanes import derive_lane
from quietway_crypto.secret import Secret
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

LANE_CUT: Final = "lane_cut"
LANE_GRANTED: Final = "lane_granted"
LANE_ROTATED: Final = "lane_rotated"
LANE_KEPT: Final = "lane_kept"
GRANTING: Final = "granting"
KEPT_MS: Final = 7 * DAY
NAME_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Granted:
    """That a partner's device was granted its lane.

    Attributes:
        secret: The name of the agency's secret that the lane is made of.
        key: The first bytes of the identity key that the device had.
        at: When the relay had it on disk.
    """

    secret: bytes
    key: bytes
    at: Instant

    def to_row(self) -> bytes:
        """Write it for the store."""
        return write_row(secret=self.secret, key=self.key, at=self.at)

    @classmethod
    def from_row(cls, row: Row) -> Granted:
        """Read it back."""
        held = Fields(row.value)
        return cls(held.raw("secret"), held.raw("key"), held.number("at"))


@dataclass(frozen=True, slots=True)
class KeptLane:
    """A partner device's lane under the secret before, kept until it has the new one."""

    lane: Secret = field(repr=False)
    until: Instant

    @classmethod
    def from_row(cls, row: Row) -> KeptLane:
        """Read it back."""
        held = Fields(row.value)
        return cls(Secret(held.raw("lane")), held.number("until"))


def name_secret(secret: bytes | Secret) -> bytes:
    """Name an agency's secret, in 8 bytes that say nothing of it."""
    return derive_lane(secret, b"")[:NAME_BYTES]


async def list_cut(agent: Agent) -> frozenset[DeviceId]:
    """List the partners' devices that a person here has cut off."""
    rows = await agent.store.scan(LANE_CUT)
    return frozenset(DeviceId(row.key) for row in rows if Fields(row.value).truth("cut"))


async def read_granted(agent: Agent) -> dict[DeviceId, Granted]:
    """Read which partners' devices were granted a lane."""
    return {
        DeviceId(row.key): Granted.from_row(row) for row in await agent.store.scan(LANE_GRANTED)
    }


async def read_made(agent: Agent) -> list[MadeInvitation]:
    """Read the invitations that were made here, oldest first."""
    return [MadeInvitation.from_row(row) for row in await agent.store.scan(INVITED)]


async def keep_old_lanes(agent: Agent) -> list[Put]:
    """Give the rows that keep, of the present secret, what partners' devices were granted."""
    secret, until = agent.keyring.agency_secret, agent.clock.now() + KEPT_MS
    name = name_secret(secret)
    return [
        Put(
            LANE_KEPT,
            device.value,
            write_row(lane=derive_lane(secret, device.value), until=until),
        )
        for device, granted in (await read_granted(agent)).items()
        if granted.secret == name
    ]
