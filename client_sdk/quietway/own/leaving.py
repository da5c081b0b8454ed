"""A machine that is wiped says so, as far as it can, and then destroys what it holds.

An ops holder's device takes itself out of the manifest; another asks to be. Either way the keys go
first, so that a wipe that is cut off leaves nothing that opens. Without the network the wipe is the
same, and says that nobody knows of it yet.

Spec: docs/spec/keys.md, "Devices that leave" and "Messages within an agency".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import write_row
from quietway.events import DeviceLeaving
from quietway.own.taken import Taken
from quietway.ports import Put

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.own.taken import Told

LEAVING: Final = "leaving"


async def take_leaving(agent: Agent, told: Told) -> Taken:
    """Note that a device was wiped; an ops holder retires it."""
    del agent
    row = Put(LEAVING, told.device.value, write_row(at=told.at))
    return Taken((row,), events=(DeviceLeaving(told.device, told.at),))
