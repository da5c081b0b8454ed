"""`quietway partner`: who this agency works with, and how two agencies come to know one another.

Spec: docs/reference/desk.md, "quietway partner".
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from quietway import Invitation
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, say, show_facts, show_json
from quietway_desk.session import opened, talk

app = typer.Typer(
    help="Invite partner agencies, accept their invitations, and list them.", no_args_is_help=True
)


@app.command("invite")
def invite(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="What you call this partner, as 'Mercy Hospital'.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Write the invitation here; must not exist."),
    ] = None,
) -> None:
    """Make an invitation for one partner agency.

    Hand it over in person, or by a channel you both trust: whoever holds it can send to you. Each
    partner gets one of their own.

    Try this:

      quietway partner invite "Mercy Hospital" --file mercy.invitation
    """
    with opened(context) as client:
        talk(client)
        text = client.partners.invite(label).to_text()
    if file is None:
        say(text)
        return
    _write_new(file, text + "\n")
    remark(f"Written to {file}. Hand it to {label}, and compare fingerprints by phone.")


@app.command("add")
def add(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="The partner's invitation file; - for standard input.")
    ],
    label: Annotated[
        str | None, typer.Option("--label", metavar="TEXT", help="What you call this partner.")
    ] = None,
) -> None:
    """Accept a partner's invitation, so that you can write to them.

    Try this:

      quietway partner add harbor.invitation
    """
    invitation = Invitation.from_text(_read(file).strip())
    with opened(context) as client:
        partner = client.partners.add(invitation, label=label)
        talk(client)
    say(f"{partner.agency_code} is a partner now.")
    say(f"Fingerprint: {partner.fingerprint}")
    remark("Before the first referral, compare it with them by phone, at a number you had already.")


@app.command("list")
def list_partners(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List your partners and their programs.

    Try this:

      quietway partner list --json
    """
    with opened(context) as client:
        partners = client.partners.list()
    if as_json:
        show_json(
            [
                {
                    "agency_id": str(partner.agency_id),
                    "agency_code": partner.agency_code,
                    "label": partner.label,
                    "fingerprint": partner.fingerprint,
                    "programs": list(partner.programs),
                }
                for partner in partners
            ]
        )
        return
    for partner in partners:
        show_facts(
            partner.agency_code,
            [
                ("Called", partner.label),
                ("Programs", ", ".join(partner.programs) or "not known yet"),
                ("Agency", str(partner.agency_id)),
                ("Fingerprint", partner.fingerprint),
            ],
        )
    if not partners:
        say("No partners yet. Next: quietway partner invite LABEL, or quietway partner add FILE")


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, ValueError):
        raise UsageRefused("The invitation could not be read. Check the file's name.") from None


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as made:
            file.chmod(0o600)
            made.write(text)
    except OSError:
        raise UsageRefused(
            "The invitation was not written: choose a file that does not exist yet."
        ) from None
