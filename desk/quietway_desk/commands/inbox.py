"""`quietway inbox`: fetch what came, and show it.

Spec: docs/reference/desk.md, "quietway inbox".
"""

from typing import Annotated

import typer

from quietway_desk.screen import say, show_json
from quietway_desk.session import opened, talk
from quietway_desk.words import record_of, show_received


def inbox(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Show only the newest so many.")
    ] = None,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show what is here already; don't ask the relay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Fetch what partner agencies sent, and show it, the newest last.

    Try this:

      quietway inbox --limit 5

      quietway inbox --json
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        received = client.inbox(limit)
    if as_json:
        show_json([record_of(message) for message in received])
        return
    for message in received:
        show_received(message)
    if not received:
        say("Nothing has come yet.")
