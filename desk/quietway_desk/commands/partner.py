"""`quietway partner`: who this agency works with, and how two agencies come to know one another.

Spec: docs/reference/desk.md, "quietway partner".
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Client, Invitation, Partner
from quietway_desk.asking import ask_text
from quietway_desk.files import check_new, write_new
from quietway_desk.qr import draw_qr, is_picture, read_qr, write_qr
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, say, show_facts, show_json
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(
    help="Invite partner agencies, accept their invitations, verify and list them.",
    no_args_is_help=True,
)
_BEGINS: Final = "quietway-invitation:"
_NOT_YET: Final = "not yet: quietway partner verify"


@app.command("invite")
def invite(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="What you call this partner, as 'Mercy Hospital'.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Write the invitation here; must not exist. A .png or .svg becomes a QR code.",
        ),
    ] = None,
    *,
    qr: Annotated[
        bool, typer.Option("--qr", help="Draw it as a QR code, for the other side's camera.")
    ] = False,
) -> None:
    """Make an invitation for one partner agency.

    Hand it over in person, or by a channel you both trust: whoever holds it can send to you. Each
    partner gets one of their own.

    Try this:

      quietway partner invite "Mercy Hospital" --file mercy.invitation
    """
    if file is not None:
        check_new(file)
    with opened(context) as client:
        talk(client)
        text = client.partners.invite(label).to_text()
    if qr:
        say(draw_qr(text))
    if file is None:
        if not qr:
            say(text)
        return
    if is_picture(file):
        write_qr(text, file)
    else:
        write_new(file, f"{text}\n".encode())
    remark(f"Written to {file}. Hand it to {label}, and compare fingerprints by phone.")


@app.command("add")
def add(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The partner's invitation file; - for standard input.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", metavar="TEXT", help="What you call this partner.")
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option("--photo", metavar="FILE", help="A photograph of their QR code instead."),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(
            "--words", metavar="TEXT", help="Their eight words, compared before it is accepted."
        ),
    ] = None,
) -> None:
    """Accept a partner's invitation, so that you can write to them.

    Try this:

      quietway partner add harbor.invitation
    """
    invitation = Invitation.from_text(_read_either(file, photo))
    with opened(context) as client:
        partner = client.partners.add(invitation, label=label, spoken=words)
        talk(client)
    say(f"{partner.agency_code} is a partner now.")
    if partner.verified_at is None:
        remark(
            "Before the first referral, call them at a number you had already. Let them read out "
            f"their eight words, and type: quietway partner verify {partner.agency_code}"
        )


@app.command("verify")
def verify(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="The partner; without one, your own words are shown to read out."),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option("--words", metavar="TEXT", help="Their eight words, as they read them out."),
    ] = None,
) -> None:
    """Compare a partner's fingerprint with the words that they read out by phone.

    Call someone you know there, at a number you had already. They read, you type. If the words
    differ, stop and send them nothing.

    Try this:

      quietway partner verify MERCY
    """
    with opened(context) as client:
        if name is None:
            _show_own(client)
            return
        partner = find_partner(client, name)
        heard = ask_text(words, "--words", f"The eight words that {partner.agency_code} reads out")
        client.partners.verify(partner, heard)
    say(f"{partner.agency_code} is verified: these are their words.")
    remark("Now read yours to them: quietway partner verify")


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
                    "words": partner.words,
                    "verified_at": _write_verified(partner),
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
                ("Verified", _show_verified(partner)),
                ("Fingerprint", partner.fingerprint),
                ("In words", partner.words),
            ],
        )
    if not partners:
        say("No partners yet. Next: quietway partner invite LABEL, or quietway partner add FILE")


def _show_own(client: Client) -> None:
    show_facts(
        f"{client.program}: read these out, by phone",
        [("In words", client.fingerprint_words), ("Fingerprint", client.fingerprint)],
    )


def _show_verified(partner: Partner) -> str:
    at = partner.verified_at
    return _NOT_YET if at is None else f"by phone, {show_instant(at)}"


def _write_verified(partner: Partner) -> str:
    return "" if partner.verified_at is None else write_instant(partner.verified_at)


def _read_either(file: Path | None, photo: Path | None) -> str:
    if (file is None) == (photo is None):
        raise UsageRefused("Name the invitation's file, or --photo FILE with its QR code.")
    return read_qr(photo, begins=_BEGINS) if photo is not None else _read(file or Path("-"))


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, ValueError):
        raise UsageRefused("The invitation could not be read. Check the file's name.") from None
