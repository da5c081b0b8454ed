"""`quietway listen` and `quietway lock`: a device without its passphrase.

A locked device learns that something came, and nothing of what. It goes on deleting keys whose time
has passed.

Spec: docs/reference/desk.md, "A locked device".
"""

import typer

from quietway import LockedDevice
from quietway_desk.screen import remark, say


def listen(context: typer.Context) -> None:
    """Tell when something came, without the passphrase, until Ctrl-C. Nothing is opened.

    For a machine that stands where others come by, and for whoever is on call.

    Try this:

      quietway listen
    """
    del context
    with LockedDevice.open() as device:
        remark("Listening, locked. Ctrl-C ends it. To read: quietway inbox")
        known = -1
        for latest in device.listen():
            if known >= 0 and latest > known:
                say("Something came.")
            known = max(known, latest)


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
