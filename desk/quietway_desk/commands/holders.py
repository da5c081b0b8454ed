"""`quietway agency ops`: whose devices may vouch for others.

Each holder's key is made where it stays; its public line travels. Only the root says who may vouch,
so adding and removing ask for its words where it lies on paper.

Spec: docs/reference/desk.md, "Ops holders".
"""

import base64
from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Client
from quietway_desk.commands.custodians import read_root_words
from quietway_desk.confirming import type_to_confirm
from quietway_desk.exchange import Drawn, Photo, Written, show_line, take_line
from quietway_desk.files import check_new
from quietway_desk.refusals import NotListed
from quietway_desk.screen import remark, say, show_facts, show_json, warn
from quietway_desk.session import hand_over, opened, opened_by_owner, talk
from quietway_desk.times import show_instant, write_instant

PREFIX: Final = "quietway-ops:"
NAME_CHARACTERS: Final = 8

app = typer.Typer(help="Say whose devices may vouch for others.", no_args_is_help=True)
Approvals = Annotated[
    int,
    typer.Option(
        "--approvals",
        metavar="NUMBER",
        min=1,
        max=8,
        help="How many holders a new device takes from now on.",
    ),
]


@app.command("request")
def request(context: typer.Context, file: Written = None, *, qr: Drawn = False) -> None:
    """On the device that is to vouch: make an ops key, and show its line.

    The line is no secret. Hand it over so that the other side knows that it is yours.

    Try this:

      quietway agency ops request --file maria.ops
    """
    if file is not None:
        check_new(file)
    with opened_by_owner(context) as (client, passphrase):
        line = client.agency.ask_for_ops_key(passphrase=passphrase)
    show_line(line, file, qr=qr)
    remark(f"This key is called {_call_key(line)}.")
    remark("Give it to whoever has the root: quietway agency ops add FILE")


@app.command("add")
def add(
    context: typer.Context,
    asked: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The line of the other device.")
    ] = None,
    approvals: Approvals = 2,
    photo: Photo = None,
) -> None:
    """Let another device vouch too, by the root's signature. Two holders are advised, or more.

    Try this:

      quietway agency ops add maria.ops --approvals 2
    """
    line = take_line(asked, photo, begins=PREFIX)
    with opened_by_owner(context) as (client, passphrase):
        talk(client)
        words = read_root_words(client)
        client.agency.admit_ops_key(
            line, passphrase=passphrase, approvals=approvals, root_words=words
        )
        hand_over(client)
        _tell(client)


@app.command("remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="KEY", help="As `agency ops list` calls the key.")],
) -> None:
    """Take an ops key off the list, by the root's signature. Its device stays what else it is.

    Where the key is in other hands, revoke first what it let in: the root vouches for the rest.

    Try this:

      quietway agency ops remove 5f3a90c1
    """
    with opened_by_owner(context) as (client, passphrase):
        talk(client)
        line = _find_key(client, name)
        type_to_confirm("Type the key's name to take it off the list", _call_key(line))
        words = read_root_words(client)
        client.agency.dismiss_ops_key(line, passphrase=passphrase, root_words=words)
        hand_over(client)
        _tell(client)
    warn("The root vouches now for what that key let in alone: quietway agency review")


@app.command("list")
def list_keys(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the keys that may vouch, until when, and how many of them it takes.

    Try this:

      quietway agency ops list
    """
    with opened(context) as client:
        talk(client)
        keys = client.agency.ops_keys()
        if not as_json:
            _tell(client)
    if as_json:
        show_json(
            [
                {"name": _call_key(line), "line": line, "expires": write_instant(expires)}
                for line, expires in keys.items()
            ]
        )
        return
    for line, expires in keys.items():
        show_facts(_call_key(line), [("Until", show_instant(expires))])


def _find_key(client: Client, name: str) -> str:
    wanted = name.strip().casefold()
    for line in client.agency.ops_keys():
        if wanted in {_call_key(line).casefold(), line.casefold()}:
            return line
    raise NotListed(f"An ops key called {name}", "quietway agency ops list")


def _call_key(line: str) -> str:
    # As a line, a key differs from others in capitals too, which nobody reads out.
    return base64.urlsafe_b64decode(line.removeprefix(PREFIX) + "=").hex()[:NAME_CHARACTERS]


def _tell(client: Client) -> None:
    standing = client.agency.standing()
    say(f"Ops holders: {standing.holders}. A new device takes {standing.approvals} of them.")
