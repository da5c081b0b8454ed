"""`quietway watch`: stay connected, and show what comes as it comes.

Spec: docs/reference/desk.md, "quietway watch".
"""

from typing import assert_never

import typer

from quietway import (
    Client,
    ConnectionBack,
    ConnectionLost,
    DeadLettered,
    DeviceLeaving,
    DeviceProposed,
    ErasingPaused,
    Event,
    GapSeen,
    OwnDevicesChanged,
    Quarantined,
    Received,
    SentStored,
    SnapshotOffered,
    SnapshotTaken,
)
from quietway_desk.screen import remark, warn
from quietway_desk.session import opened, talk
from quietway_desk.words import show_received


def watch(context: typer.Context) -> None:
    """Stay connected and show what comes, until Ctrl-C.

    What you wrote while the relay could not be reached goes out by itself.

    Try this:

      quietway watch
    """
    with opened(context) as client:
        talk(client)
        remark("Watching. Ctrl-C ends it; nothing is lost.")
        _show_events(client)


def _show_events(client: Client) -> None:
    for event in client.events():
        _show_event(event)


def _show_event(event: Event) -> None:  # noqa: C901, PLR0912 - one case for each event, and nothing else
    match event:
        case Received():
            show_received(event)
        case SentStored():
            remark("Delivered to the relay.")
        case GapSeen():
            warn("Something from a partner is missing here. It may still come; if not, ask them.")
        case DeadLettered():
            warn(
                "A message could not be opened and was put aside. Ask the sender to send it again."
            )
        case Quarantined():
            warn(
                "Something came that a device signed which its agency no longer vouches for. It "
                "was kept aside and is not shown. Tell that agency."
            )
        case OwnDevicesChanged():
            warn(
                f"The devices of your agency changed: {len(event.added)} came, "
                f"{len(event.departed)} left. If nobody told you of that, ask at once."
            )
        case DeviceProposed():
            warn(
                "An admin of your agency asks for a second approval of a device. Approve it only "
                "after you have compared the words with its user."
            )
        case DeviceLeaving():
            warn("A device of your agency was wiped. An admin has to retire it.")
        case SnapshotOffered():
            remark("A snapshot of your cases is offered to a new device. Admins approve it.")
        case SnapshotTaken():
            if event.problem:
                warn(event.problem)
            else:
                remark("What your agency knows of its cases is here now.")
        case ConnectionLost():
            remark("The relay is out of reach. Trying again; what you write is kept.")
        case ConnectionBack():
            remark("Connected again.")
        case ErasingPaused():
            warn(event.problem)
        case _:
            assert_never(event)
