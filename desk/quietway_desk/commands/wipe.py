"""`quietway wipe`: destroy everything that this device holds.

Spec: docs/reference/desk.md, "quietway wipe".
"""

from typing import Annotated, Final

import typer

from quietway_desk.confirming import type_to_confirm
from quietway_desk.naming import call_device
from quietway_desk.screen import remark, say, warn
from quietway_desk.session import opened

TOLD: Final = {
    "retired": "The agency's list says that it is retired.",
    "colleagues": "Your ops holders were asked to retire it.",
    "nobody": "Nobody was told: have an ops holder retire it.",
}


def wipe(
    context: typer.Context,
    *,
    silent: Annotated[bool, typer.Option("--silent", help="Tell nobody in the agency.")] = False,
) -> None:
    """Destroy everything that this device holds: before it is given back, sold, or taken.

    It can't be undone. What others have of your messages stays with them, and a backup stays what
    it is. For a device that is already out of your hands, see: quietway device revoke

    Try this:

      quietway wipe
    """
    with opened(context) as client:
        waiting = [held for held in client.outbox() if held.state != "stored_at_relay"]
        if waiting:
            warn(f"Not yet sent, and lost with it: {len(waiting)}.")
        called = call_device(client.device_id)
        remark(f"This device is called {called}.")
        type_to_confirm("Type its name to destroy all that it holds", called)
        wiped = client.wipe(announce=not silent)
    say("Wiped. Nothing of it opens any more.")
    say(TOLD[wiped.told])
    if wiped.problem is not None:
        warn(str(wiped.problem))
