"""`quietway attachment`: send a file, see which there are, fetch one, take one back.

A file goes as it is, with whatever its program wrote into it; the desk says so before it sends. It
is never opened here, and never written over another.

Spec: docs/reference/desk.md, "quietway attachment".
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Attachment, Client, ContentRefused
from quietway.checking import explain_limits
from quietway.content import CaseRef, IdError
from quietway_desk.screen import (
    Facts,
    Record,
    remark,
    say,
    show_facts,
    show_json,
    transferring,
    warn,
)
from quietway_desk.session import find_partner, needing_relay, opened, talk
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(
    help="Send a file, see which there are, fetch one, take one back.", no_args_is_help=True
)

_STATES: Final = {
    "uploading": "on its way to the relay; it goes on with the next command that asks the relay",
    "available": "at the relay",
    "expired": "not at the relay any more",
}
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB")
_UNIT: Final = 1024

Message = Annotated[
    str, typer.Argument(metavar="MESSAGE", help="As msg_... in `quietway attachment list`.")
]


@app.command("send")
def send_attachment(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="The file."
        ),
    ],
    *,
    to: Annotated[
        list[str], typer.Option("--to", metavar="CODE", help="Which partner; may be repeated.")
    ],
    case: Annotated[
        str | None,
        typer.Option("--case", metavar="REFERENCE", help="Your own reference, as case_..."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="What they see, where not the file's name."),
    ] = None,
) -> None:
    """Send a file. Stopped in between, it goes on with the next command that asks the relay.

    A new file is made of what it shows, and that one is sent: the place in a photograph, authors
    and former versions stay here. What it shows goes: look for names and places first. Codes first:
    no guard catches every description of a place (quietway guard limits).

    Try this:

      quietway attachment send plan.pdf --to MERCY
    """
    case_ref = None if case is None else _read_case(case)
    with opened(context) as client:
        talk(client)
        partners = [find_partner(client, code) for code in to]
        remark(explain_limits(short=True))
        with transferring("Sending") as progress:
            sent = client.attachments.send(
                file, to=partners, name=name, case_ref=case_ref, progress=progress
            )
        if sent.message_id is None:
            say("NOT YET SENT; it goes on with the next command that asks the relay.")
        else:
            say("Sent, and delivered to the relay.")
            remark(f"Its message: {sent.message_id}")
        remark(sent.explain_removed())
        if sent.problem is not None:
            warn(str(sent.problem))


@app.command("list")
def list_attachments(
    context: typer.Context,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show what is here already; don't ask the relay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show the files that came and went, the newest last.

    Try this:

      quietway attachment list
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        held = client.attachments.list()
        if as_json:
            show_json([_record_of(client, one) for one in held])
            return
        for one in held:
            show_facts(one.name, _describe(client, one))
    if not held:
        say("No file has come or gone yet.")


@app.command("fetch")
def fetch_attachment(
    context: typer.Context,
    message: Message,
    *,
    into: Annotated[
        Path,
        typer.Option("--into", metavar="FOLDER", help="Where it shall lie; a folder that exists."),
    ] = Path(),
) -> None:
    """Fetch a file into a folder. Stopped in between, it goes on when it is fetched again.

    It is written when all of it is verified, over nothing, and it is not opened.

    Try this:

      quietway attachment fetch msg_... --into Downloads
    """
    with (
        opened(context) as client,
        needing_relay("The file is not fetched to its end"),
        transferring("Fetching") as progress,
    ):
        fetched = client.attachments.fetch(message, into, progress=progress)
    say(f"Fetched: {fetched.path}")
    remark("It comes from outside. Open it as carefully as a file of an e-mail.")


@app.command("withdraw")
def withdraw_attachment(context: typer.Context, message: Message) -> None:
    """Have the relay drop a file that you sent. Who has fetched it keeps it.

    Try this:

      quietway attachment withdraw msg_...
    """
    with opened(context) as client, needing_relay("The file is not taken back"):
        client.attachments.withdraw(message)
    say("Taken back. Nobody fetches it from now on.")


def _read_case(text: str) -> CaseRef:
    try:
        return CaseRef.from_text(text)
    except IdError:
        raise ContentRefused("--case", "is not a case reference, as case_...") from None


def _describe(client: Client, held: Attachment) -> Facts:
    facts: Facts = [
        ("Message", str(held.message_id or "none yet")),
        ("From", _name(client, held.agency)),
        ("Size", show_size(held.length)),
        ("Kind", held.media_type),
        ("Sent", show_instant(held.at)),
        ("State", _STATES[held.state]),
    ]
    if held.to:
        facts.insert(2, ("To", ", ".join(_name(client, agency) for agency in held.to)))
    if held.expires:
        facts.append(("Kept until", show_instant(held.expires)))
    return facts


def show_size(length: int) -> str:
    """Write a length in bytes as people read it, as `1.4 MiB`."""
    size, unit = float(length), 0
    while size >= _UNIT and unit < len(_UNITS) - 1:
        size, unit = size / _UNIT, unit + 1
    return f"{length} bytes" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def _name(client: Client, agency: object) -> str:
    if agency == client.agency_id:
        return "this agency"
    found = [held.agency_code for held in client.partners.list() if held.agency_id == agency]
    return found[0] if found else str(agency)


def _record_of(client: Client, held: Attachment) -> Record:
    return {
        "message_id": str(held.message_id or ""),
        "conversation": str(held.conversation),
        "agency": _name(client, held.agency),
        "to": [_name(client, agency) for agency in held.to],
        "name": held.name,
        "media_type": held.media_type,
        "length": held.length,
        "at": write_instant(held.at),
        "expires": write_instant(held.expires) if held.expires else "",
        "state": held.state,
    }
