"""`quietway conversation`: what was said in one place, in order, with what is missing.

Spec: docs/reference/desk.md, "quietway conversation".
"""

from typing import Annotated

import typer

from quietway import Said
from quietway_desk.screen import say, show_json
from quietway_desk.session import opened, talk
from quietway_desk.times import show_instant, write_instant
from quietway_desk.told import record_of_entry, show_entry

app = typer.Typer(
    help="Show conversations, with what is missing, and switch receipts.", no_args_is_help=True
)

Reference = Annotated[
    str, typer.Argument(metavar="CONVERSATION", help="As cnv_... in the list of conversations.")
]


@app.command("list")
def list_conversations(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the conversations, the one that was last spoken in last.

    Try this:

      quietway conversation list
    """
    with opened(context) as client:
        found = client.messages.conversations()
        names = {partner.agency_id: partner.agency_code for partner in client.partners.list()}
    if as_json:
        show_json(
            [
                {
                    "conversation": str(held.conversation),
                    "agencies": [str(agency) for agency in held.agencies],
                    "messages": held.messages,
                    "gaps": held.gaps,
                    "last_at": write_instant(held.last_at),
                    "receipts": held.receipts,
                }
                for held in found
            ]
        )
        return
    for held in found:
        who = ", ".join(names.get(agency, str(agency)) for agency in held.agencies)
        notes = ["1 message" if held.messages == 1 else f"{held.messages} messages"]
        notes += ["something is missing"] * bool(held.gaps)
        notes += ["no receipts"] * (not held.receipts)
        say(f"{show_instant(held.last_at)}  {held.conversation}  with {who}: {'; '.join(notes)}")
    if not found:
        say("Nothing has been said yet.")


@app.command("show")
def show_conversation(
    context: typer.Context,
    reference: Reference,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show what is here already; don't ask the relay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show what was said in one conversation, in order, with what is missing or disputed.

    Try this:

      quietway conversation show cnv_...
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        entries = client.messages.conversation(reference)
        names = {partner.agency_id: partner.agency_code for partner in client.partners.list()}
        if not as_json:
            client.messages.mark_opened(*(held for held in entries if isinstance(held, Said)))
    if as_json:
        show_json([record_of_entry(entry) for entry in entries])
        return
    for entry in entries:
        show_entry(entry, names)


@app.command("receipts")
def switch_receipts(
    context: typer.Context,
    reference: Reference,
    *,
    on: Annotated[bool, typer.Option("--on/--off", help="Give receipts there, or none.")],
) -> None:
    """Switch receipts for one conversation off, or on again.

    Without them its senders learn neither that what they said is stored here nor that it was seen.

    Try this:

      quietway conversation receipts cnv_... --off
    """
    with opened(context) as client:
        client.messages.receipts(reference, on=on)
    say("Receipts are given there." if on else "No receipts are given there from now on.")
