"""`quietway outbox`: what was written here, and how far it has come.

Spec: docs/reference/desk.md, "quietway outbox".
"""

from typing import Annotated

import typer

from quietway_desk.screen import say, show_json
from quietway_desk.session import opened
from quietway_desk.times import show_instant, write_instant
from quietway_desk.words import KINDS, OUTBOX_STATES


def outbox(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List what was written on this device and whether it is on its way.

    Try this:

      quietway outbox
    """
    with opened(context) as client:
        entries = client.outbox()
        names = {partner.agency_id: partner.agency_code for partner in client.partners.list()}
    if as_json:
        show_json(
            [
                {
                    "local_id": entry.local_id.hex(),
                    "kind": entry.kind,
                    "to": [str(agency) for agency in entry.to],
                    "state": entry.state,
                    "at": write_instant(entry.at),
                }
                for entry in entries
            ]
        )
        return
    for entry in entries:
        to = ", ".join(names.get(agency, str(agency)) for agency in entry.to)
        state = OUTBOX_STATES.get(entry.state, entry.state)
        say(f"{show_instant(entry.at)}  {KINDS.get(entry.kind, entry.kind)} to {to}: {state}")
    if not entries:
        say("Nothing waits here.")
