"""A new secret of the agency, after one of its devices was revoked: that device knew the old one.

Whoever published the revocation draws it at once; any other device does where that one seems to
have died in between. What was drawn is on the disk, with all that follows from it and the messages
that tell the others, before anything goes by it. So whatever is cut off is gone on with.

Rules: the old secret is kept nowhere; of what was made of it, only partners' devices' own lanes,
for a grace. Until a revocation is answered by a new secret, this device opens no lanes.

Spec: docs/spec/lanes.md, "Rotation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import write_row
from quietway.own.lane_rows import LANE_ROTATED, keep_old_lanes, name_secret
from quietway.own.naming_key import keep_naming_key
from quietway.own.sharing import read_secret_time, write_secret
from quietway.own.standing import ROTATING, STANDING
from quietway.ports import Delete, Put
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway_schemas.directory import Departed
    from quietway_schemas.ids import DeviceId

ROTATES_AFTER_MS: Final = 10 * MINUTE
"""So long whoever published a revocation has for it, before another device does it."""
_SECRET_BYTES: Final = 32


async def list_unanswered(agent: Agent) -> list[Departed]:
    """List the agency's revoked devices that knew the present secret."""
    revoked = [
        gone for gone in agent.directory.departed(agent.keyring.agency) if gone.how == "revoked"
    ]
    if not revoked:
        return []
    answered = {row.key for row in await agent.store.scan(LANE_ROTATED)}
    return [gone for gone in revoked if gone.device_id.value not in answered]


async def rotate_where_due(agent: Agent, *, at_once: bool = False) -> None:
    """Draw a new secret where a device was revoked that knew this one.

    Args:
        agent: Of this device.
        at_once: Whether this device published the revocation. Others wait for it a while.

    Raises:
        StorageFull: Nothing was changed.
    """
    async with agent.taking_in:
        await go_on_rotating(agent)
        unanswered = await list_unanswered(agent)
        own = agent.publisher.own_manifest
        certified = own is not None and own.manifest.find(agent.keyring.device) is not None
        if not unanswered or not certified or agent.standing.awaits_secret:
            return
        due = min(gone.at for gone in unanswered) + ROTATES_AFTER_MS
        if at_once or due <= agent.clock.now():
            await _rotate(agent, unanswered)


async def go_on_rotating(agent: Agent) -> None:
    """Take the secret that lies ready, as far as that was not done.

    Raises:
        StorageFull: It was taken, and is taken once more.
    """
    secret = await agent.store.read(STANDING, ROTATING)
    if secret is None:
        return
    await keep_naming_key(agent)
    agent.keyring.take_agency_secret(secret)
    await agent.settle(also=[Delete(STANDING, ROTATING)])


def answer(devices: Iterable[DeviceId], secret: bytes) -> list[Put]:
    """Give the rows that say by which secret revocations were answered."""
    name = name_secret(secret)
    return [Put(LANE_ROTATED, device.value, write_row(secret=name)) for device in devices]


async def _rotate(agent: Agent, unanswered: list[Departed]) -> None:
    secret = agent.entropy.draw(_SECRET_BYTES)
    # Later than the one before, also where another device's clock was ahead.
    at = max(agent.clock.now(), await read_secret_time(agent) + 1)
    answered = answer((gone.device_id for gone in unanswered), secret)
    kept = await keep_old_lanes(agent)
    await write_secret(agent, secret, *answered, at=at, also=kept)
    await go_on_rotating(agent)
