"""`quietway inbox`: fetch what came, and show it.

Spec: docs/reference/desk.md, "quietway inbox".
"""

from typing import Annotated

import typer

from quietway_desk.screen import say, show_json
from quietway_desk.session import note_access, opened, talk
from quietway_desk.told import find_gaps, tell_gap
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

    What is shown counts as seen: its senders are told so within some hours, unless receipts are
    switched off for its conversation.

    Try this:

      quietway inbox --limit 5

      quietway inbox --json
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        received = client.inbox(limit)
        gaps = find_gaps(client, received)
        if not as_json:
            client.messages.mark_opened(*received)
        note_access(client, "open", messages=[message.message_id for message in received])
    if as_json:
        show_json([record_of(message) for message in received])
        return
    for message in received:
        gap = gaps.get(message.message_id)
        if gap is not None:
            say(tell_gap(gap))
        show_received(message, gap_told=gap is not None)
    if not received:
        say("Nothing has come yet.")
