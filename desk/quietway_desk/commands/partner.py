"""`quietway partner`: who this agency works with, and how two agencies come to know one another.

Spec: docs/reference/desk.md, "quietway partner".
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Client, Invitation, Partner, PartnerDevice, StandingReport
from quietway.content import DeviceId
from quietway_desk import options
from quietway_desk.asking import ask_text
from quietway_desk.files import check_new, write_new
from quietway_desk.naming import find_named
from quietway_desk.qr import draw_qr, is_picture, read_qr, write_qr
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, say, show_facts, show_json, warn
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(
    help="Invite partner agencies, accept their invitations, verify and list them.",
    no_args_is_help=True,
)
STANCES: Final = {
    "granted": "yes",
    "paused": "PAUSED; nothing is sent to them, and they can send nothing here",
    "ended": "ENDED; nothing is sent to them, and they can send nothing here",
}
Named = Annotated[str, typer.Argument(metavar="NAME", help="The partner, as in the list.")]
NamedDevice = Annotated[
    str,
    typer.Argument(metavar="DEVICE", help="As in `partner devices`; its first 8 characters do."),
]
Reason = Annotated[
    str | None,
    options.code_option("--reason", "reason", "Why, for your own agency; they are not told."),
]
_BEGINS: Final = "quietway-invitation:"
_SHARED_AGAIN: Final = "shared with again; what waited for them goes out"
_REMOVED: Final = "REMOVED by the relay's operator; nothing goes to them any more"
_WHOLE_ID: Final = 30  # dev_ and 26 characters


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


@app.command("pause")
def pause(context: typer.Context, name: Named, reason: Reason = None) -> None:
    """Share nothing with a partner, from now on, until you resume it.

    One step, and at once. What they have not fetched is taken back and waits here; they can send
    you nothing. They are not told. What they have already, they keep.

    Try this:

      quietway partner pause MERCY
    """
    with opened(context) as client:
        partner = find_partner(client, name)
        _tell(partner, client.partners.pause(partner, reason))


@app.command("resume")
def resume(
    context: typer.Context,
    name: Named,
    *,
    ended: Annotated[
        bool, typer.Option("--ended", help="Resume it although sharing was ended.")
    ] = False,
) -> None:
    """Share with a partner again; what waits for them goes out.

    Try this:

      quietway partner resume MERCY
    """
    with opened(context) as client:
        partner = find_partner(client, name)
        report = client.partners.resume(partner, ended=ended)
        talk(client)
        _tell(partner, report)


@app.command("end")
def end(context: typer.Context, name: Named, reason: Reason = None) -> None:
    """Share nothing with a partner any more. As pausing; but resuming it has to be meant.

    Try this:

      quietway partner end MERCY
    """
    with opened(context) as client:
        partner = find_partner(client, name)
        _tell(partner, client.partners.end(partner, reason))


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
                    "stance": partner.stance,
                    "removed": partner.removed,
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
                ("Sharing", _REMOVED if partner.removed else STANCES[partner.stance]),
                ("Fingerprint", partner.fingerprint),
                ("In words", partner.words),
            ],
        )
    if not partners:
        say("No partners yet. Next: quietway partner invite LABEL, or quietway partner add FILE")


def _tell(partner: Partner, report: StandingReport) -> None:
    told = _SHARED_AGAIN if report.stance == "granted" else STANCES[report.stance]
    say(f"{partner.agency_code}: {told}.")
    if report.stance != "granted":
        if report.taken_back:
            say(f"Taken back before they fetched it: {_count(report.taken_back)}.")
        if report.fetched:
            warn(f"They had fetched already: {_count(report.fetched)}. That can't be taken back.")
        if report.waiting:
            say(f"Messages that wait here for them: {report.waiting}.")
    if report.problem is not None:
        warn(f"It counts on this device from now on. {report.problem}")


def _count(copies: int) -> str:
    return "1 copy" if copies == 1 else f"{copies} copies"


@app.command("uninvite")
def uninvite(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="The invitation; without one, those that are open are listed."
        ),
    ] = None,
) -> None:
    """Take an invitation back: its file opens nothing from then on.

    An invitation opens your mailboxes for 14 days. A partner whose devices have written to you, or
    were switched on since, no longer needs it.

    Try this:

      quietway partner uninvite "Mercy Hospital"
    """
    with opened(context) as client:
        if name is None:
            _show_invitations(client)
            return
        talk(client)
        client.partners.withdraw_invitation(name)
    say("It is taken back. What was sent with it before stays.")


@app.command("devices")
def list_devices(
    context: typer.Context,
    name: Named,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List a partner's devices, and which of them may send to you.

    Try this:

      quietway partner devices MERCY
    """
    with opened(context) as client:
        devices = client.partners.devices(find_partner(client, name))
    if as_json:
        show_json(
            [
                {
                    "device": str(held.device),
                    "program": held.program,
                    "roles": list(held.roles),
                    "lane_since": write_instant(held.lane_since) if held.lane_since else None,
                    "cut_off": held.cut_off,
                }
                for held in devices
            ]
        )
        return
    for held in devices:
        show_facts(
            str(held.device),
            [("Program", held.program), ("Roles", ", ".join(held.roles)), ("May send", _may(held))],
        )
    if not devices:
        say("None is known yet. Run quietway inbox, then this again.")


@app.command("cut-off")
def cut_off(
    context: typer.Context,
    device: NamedDevice,
) -> None:
    """Take one device of a partner the right to send to you.

    For a partner's machine that is lost or misused, before its agency takes it away. Call them:
    until they do, what you write to them still goes to it.

    Try this:

      quietway partner cut-off k4mpwnxb
    """
    with opened(context) as client:
        talk(client)
        client.partners.cut_off(_find_device(client, device))
        open_still = client.partners.invitations()
    say("Its own right to send to you is gone.")
    if open_still:
        remark("It may know its agency's invitation, if that is open: quietway partner uninvite")
    remark("What you write to its agency still goes to it, until they take it away. Call them.")


@app.command("restore")
def restore(
    context: typer.Context,
    device: NamedDevice,
) -> None:
    """Give a device that was cut off the right to send to you back.

    Try this:

      quietway partner restore k4mpwnxb
    """
    with opened(context) as client:
        talk(client)
        client.partners.restore(_find_device(client, device))
    say("It may send to you again.")


def _find_device(client: Client, name: str) -> DeviceId | str:
    # Whoever types all of it may mean a device that its agency does not list any more.
    if len(name.strip()) >= _WHOLE_ID:
        return name
    partners = client.partners.list()
    known = [held for partner in partners for held in client.partners.devices(partner)]
    return find_named(name, known, "quietway partner devices NAME").device


def _show_invitations(client: Client) -> None:
    held = client.partners.invitations()
    for invitation in held:
        show_facts(
            invitation.label,
            [
                ("Name", invitation.name),
                ("Made", show_instant(invitation.at)),
                ("Open until", show_instant(invitation.until)),
            ],
        )
    if not held:
        say("No invitation is open.")


def _may(held: PartnerDevice) -> str:
    if held.cut_off:
        return "no: it was cut off here"
    if not held.lane_since:
        return "with an invitation only: its own right is on its way"
    return f"yes, since {show_instant(held.lane_since)}"


def _show_own(client: Client) -> None:
    show_facts(
        f"{client.program}: read these out, by phone",
        [("In words", client.fingerprint_words), ("Fingerprint", client.fingerprint)],
    )


def _show_verified(partner: Partner) -> str:
    at = partner.verified_at
    return (
        f"not yet: quietway partner verify {partner.agency_code}"
        if at is None
        else f"by phone, {show_instant(at)}"
    )


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
