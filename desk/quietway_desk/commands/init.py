"""`quietway init`: found an agency's first device on this machine.

Spec: docs/reference/desk.md, "quietway init".
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Client, RelayRefused, RelayUnreachable, has_store
from quietway_desk.asking import ask_code, ask_text, check_code
from quietway_desk.passphrase import choose_passphrase, read_passphrase
from quietway_desk.refusals import NotFounded, UsageRefused
from quietway_desk.screen import remark, say, show_facts, working
from quietway_desk.session import settings_of

_CODE_REFUSED: Final = (
    "The relay did not take the one-time code: it is mistyped, was used, or is older than 72 "
    "hours. Ask the relay's operator for a new one, then run the same command again; if it asks "
    "for a passphrase, it is the one you just chose."
)
_NOT_REACHED: Final = (
    "The relay could not be reached, so your agency is not founded yet. Check its address and the "
    "network, then run the same command again."
)

EXAMPLE: Final = """
Try this:

  \b
  quietway init --relay https://relay.example.org --agency HARBOR \\
      --program HARBOR-SHELTER
"""


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
    """
    for named in role or ():
        check_code("role")(named)
    roles = tuple(role or [ask_code(None, "--role", "role", "What do you do there?")])
    if program.strip().upper().partition("-")[0] != agency.strip().upper():
        raise UsageRefused(
            "--program begins with your agency's code and a hyphen, as in HARBOR-SHELTER."
        )
    code = _read_enrolment(enrolment_file)
    passphrase = _take_passphrase(settings_of(context).passphrase_descriptor)
    with _saying_how_to_go_on(), working("Making keys ..."):
        founded = Client.found(
            passphrase=passphrase,
            system_keyring=True,
            relay=relay,
            enrolment_code=code,
            agency_code=agency.strip().upper(),
            program=program.strip().upper(),
            roles=roles,
        )
    with founded as client:
        _show_founded(client)


def _take_passphrase(descriptor: int | None) -> str:
    if not has_store():
        return choose_passphrase(descriptor)
    remark("A store was begun here before. With its passphrase, founding goes on from there.")
    return read_passphrase(descriptor)


@contextmanager
def _saying_how_to_go_on() -> Iterator[None]:
    try:
        yield
    except RelayUnreachable:
        raise NotFounded(_NOT_REACHED) from None
    except RelayRefused as refused:
        if refused.code != "not_authenticated":
            raise
        raise NotFounded(_CODE_REFUSED) from None


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
            ("In words", client.fingerprint_words),
            ("Store", str(client.home)),
            ("Relay", client.relay_url),
        ],
    )
    say(
        "Read these words to your partners by phone, at a number you already had. "
        "Next: quietway agency words, so that the root goes to paper. Then: quietway partner "
        "invite LABEL"
    )
