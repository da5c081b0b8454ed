"""`quietway listen` and `quietway lock`: a device without its passphrase.

A locked device learns that something came, and nothing of what. It goes on deleting keys whose time
has passed.

Spec: docs/reference/desk.md, "A locked device".
"""

import asyncio
from contextlib import aclosing
from typing import Final

import typer

from quietway import AsyncLockedDevice, LockedDevice
from quietway_desk.alarms import ring
from quietway_desk.screen import remark, say

NEWS: Final = "Something came."


def listen(context: typer.Context) -> None:
    """Tell when something came, without the passphrase, until Ctrl-C. Nothing is opened.

    It rings the terminal's bell, also when an alert of yours may have reached nobody. For a machine
    that stands where others come by, and for whoever is on call: whether it is an alert shows when
    the device is unlocked.

    Try this:

      quietway listen
    """
    del context
    asyncio.run(_listen())


async def _listen() -> None:
    device = await AsyncLockedDevice.open()
    remark("Listening, locked. Ctrl-C ends it. To read: quietway inbox")
    await asyncio.gather(_tell_news(device), _tell_alarms(device))


async def _tell_news(device: AsyncLockedDevice) -> None:
    is_first = True
    async with aclosing(device.wakes()) as told:
        async for _ in told:
            ring()
            # What came while nothing listened may be an alert, too: rather once too often.
            say("Something may have come before. Look: quietway inbox" if is_first else NEWS)
            is_first = False


async def _tell_alarms(device: AsyncLockedDevice) -> None:
    async with aclosing(device.alarms()) as alarms:
        async for _ in alarms:
            ring()
            say("AN ALERT OF YOURS MAY HAVE REACHED NOBODY. Look now: quietway alert list")


def lock(context: typer.Context) -> None:
    """Delete the keys whose time has passed on a device that nobody unlocks, without a passphrase.

    A device that is in use does this by itself. Each command of the desk is locked again when it
    ends; nothing stays open behind it.

    Try this:

      quietway lock
    """
    del context
    with LockedDevice.open() as device:
        erased = device.erase_due(device.believed_now())
    say(f"Keys deleted: {erased}.")
