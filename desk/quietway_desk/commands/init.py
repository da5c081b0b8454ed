"""`quietway init`: found an agency's first device on this machine.

Spec: docs/reference/desk.md, "quietway init".
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from quietway import Client
from quietway_desk.asking import ask_code, ask_text, check_code
from quietway_desk.passphrase import choose_passphrase
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import say, show_facts, working
from quietway_desk.session import settings_of


def init(
    context: typer.Context,
    relay: Annotated[
        str, typer.Option("--relay", metavar="URL", help="The relay's address, from its operator.")
    ],
    agency: Annotated[
        str, typer.Option("--agency", metavar="CODE", help="Your agency's code, as HARBOR.")
    ],
    program: Annotated[
        str, typer.Option("--program", metavar="CODE", help="Your program's code: HARBOR-SHELTER.")
    ],
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help="What you do there; may be given repeatedly."),
    ] = None,
    enrolment_file: Annotated[
        Path | None,
        typer.Option(
            "--enrolment-file", metavar="FILE", help="A file with the operator's one-time code."
        ),
    ] = None,
) -> None:
    """Found your agency on this machine: make its keys, and announce it at the relay.

    You need the relay's address and a one-time code from its operator. The keys are made here and
    stay here, under a passphrase that nobody else has. There is no way in without it.

    Try this:

      quietway init --relay https://relay.example.org --agency HARBOR --program HARBOR-SHELTER
    """
    for named in role or ():
        check_code("role")(named)
    roles = tuple(role or [ask_code(None, "--role", "role", "What do you do there?")])
    code = _read_enrolment(enrolment_file)
    passphrase = choose_passphrase(settings_of(context).passphrase_descriptor)
    with (
        working("Making keys ..."),
        Client.found(
            passphrase=passphrase,
            relay=relay,
            enrolment_code=code,
            agency_code=agency,
            program=program,
            roles=roles,
        ) as client,
    ):
        _show_founded(client)


def _read_enrolment(file: Path | None) -> str:
    if file is None:
        return ask_text(None, "--enrolment-file", "The operator's one-time code").strip()
    try:
        return (sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")).strip()
    except (OSError, ValueError):
        raise UsageRefused("The file with the one-time code could not be read.") from None


def _show_founded(client: Client) -> None:
    show_facts(
        f"{client.program} is founded.",
        [
            ("Agency", str(client.agency_id)),
            ("Fingerprint", client.fingerprint),
            ("Store", str(client.home)),
            ("Relay", client.relay_url),
        ],
    )
    say(
        "Read the fingerprint to your partners by phone, at a number you already had. "
        "Next: quietway partner invite LABEL"
    )
