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
    Event,
    GapSeen,
    Received,
    SentStored,
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


def _show_event(event: Event) -> None:
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
        case ConnectionLost():
            remark("The relay is out of reach. Trying again; what you write is kept.")
        case ConnectionBack():
            remark("Connected again.")
        case _:
            assert_never(event)
