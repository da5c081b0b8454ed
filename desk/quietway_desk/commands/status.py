"""`quietway status`: say where things stand, in codes that locate nobody, and see what others said.

Spec: docs/reference/desk.md, "quietway status".
"""

from typing import Annotated

import typer

from quietway.codes import label_of
from quietway_desk.asking import check_code
from quietway_desk.screen import say, show_facts, show_json
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.times import show_instant
from quietway_desk.words import record_of_status, tell_sent

DAY_MS = 86_400_000

app = typer.Typer(help="Say where things stand, and see what partners said.", no_args_is_help=True)


@app.command("set")
def set_status(
    context: typer.Context,
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            callback=check_code("status_indicator"),
            help="The indicator, as safety_plan_active.",
        ),
    ],
    to: Annotated[
        list[str], typer.Option("--to", metavar="CODE", help="Which partner; may be repeated.")
    ],
    state: Annotated[
        str, typer.Option("--state", callback=check_code("status_state"), help="Its state.")
    ] = "active",
    confidence: Annotated[
        str,
        typer.Option(
            "--confidence", callback=check_code("status_confidence"), help="How sure it is."
        ),
    ] = "reported",
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=30, help="How long it stands; else what is usual."),
    ] = None,
) -> None:
    """Say where things stand, to the partners you name. It ends by itself.

    Try this:

      quietway status set safety_plan_active --to MERCY

      quietway status set advocate_assigned --to MERCY --to CITYPD --days 7
    """
    with opened(context) as client:
        expires = None if days is None else client.now() + days * DAY_MS
        partners = [find_partner(client, name) for name in to]
        sent = client.status.set(
            code, to=partners, state=state, confidence=confidence, expires=expires
        )
        talk(client)
        tell_sent(client, sent)


@app.command("board")
def show_board(
    context: typer.Context,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show what is here already; don't ask the relay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show where things stand now, by everyone's newest word.

    Try this:

      quietway status board
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        entries = client.status.board()
    if as_json:
        show_json([record_of_status(entry) for entry in entries])
        return
    for entry in entries:
        show_facts(
            f"{label_of('status_indicator', entry.code)}: {label_of('status_state', entry.state)}",
            [
                ("Said by", entry.program or "this agency"),
                ("Until", show_instant(entry.expires)),
            ],
        )
    if not entries:
        say("Nothing stands on the board.")
