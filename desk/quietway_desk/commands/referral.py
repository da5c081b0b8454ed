"""`quietway referral`: bring referrals from another system, and take them there again.

A file of another system gives service and urgency; all else is asked for. An export is a file in
clear, and is said to be one.

Spec: docs/reference/desk.md, "quietway referral".
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from quietway import Referral
from quietway.interop import write_csv, write_json, write_task, write_tasks
from quietway_desk import options
from quietway_desk.drafts import Draft, send_draft
from quietway_desk.files import STANDARD_OUTPUT, check_target, take_file, write_whole
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import pour, remark, warn
from quietway_desk.session import note_access, opened

app = typer.Typer(
    help="Bring a referral from another system, and take referrals there.", no_args_is_help=True
)


class Format(StrEnum):
    """What an export may be written as."""

    FHIR = "fhir"
    JSON = "json"
    CSV = "csv"


@app.command("import")
def import_referral(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A FHIR R4 ServiceRequest or Task, as JSON.")
    ],
    *,
    to: options.To,
    staff: options.Staff = None,
    contact: options.Contact = None,
    program: options.Program = None,
    channel: options.Channel = options.CHANNEL,
    eligibility: options.Eligibility = options.ELIGIBILITY,
    service: options.Service = None,
    purpose: options.Purpose = None,
    urgency: options.Urgency = None,
    basis: options.Basis = None,
    pathway: options.Pathway = options.PATHWAY,
    referred_by: options.ReferredBy = None,
    choice: options.Choice = None,
    allow_closed: Annotated[
        bool,
        typer.Option("--allow-closed", help="Take a request that is closed there, and refer anew."),
    ] = False,
) -> None:
    """Send a request of your case management system as a referral.

    Only its codes are read: which service, how soon. Names, places, words and numbers stay behind,
    and you see which fields those were. What the file does not say is asked for, as with `quietway
    send referral`. --service and --urgency stand instead of the file's. Codes first: no guard
    catches every description of a place (quietway guard limits).

    Try this:

      quietway referral import request.json --to HARBOR

      quietway referral import task.json --to HARBOR --service safehouse
    """
    coded = take_file(file, allow_closed=allow_closed)
    draft = Draft(
        staff=staff,
        contact=contact,
        program=program,
        channel=channel,
        eligibility=eligibility,
        service=service,
        purpose=purpose,
        urgency=urgency,
        basis=basis,
        pathway=pathway,
        referred_by=referred_by,
        choice=choice,
    )
    send_draft(context, to, draft, coded)


@app.command("export")
def export_referrals(
    context: typer.Context,
    references: Annotated[
        list[str] | None,
        typer.Argument(metavar="REFERENCE", help="As ref_... in the inbox; none means all."),
    ] = None,
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to; - for standard output.")
    ],
    form: Annotated[
        Format,
        typer.Option("--format", help="fhir holds codes only; json and csv are your own record."),
    ] = Format.FHIR,
    gravity: Annotated[
        bool, typer.Option("--gravity", help="Use only the statuses that Gravity's profile has.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file, if there is one.")
    ] = False,
) -> None:
    """Write referrals into a file for another system, or for your own records.

    fhir: one Task for one REFERENCE, else a Bundle of them; codes, and no words. json and csv:
    everything, the words of staff included. The file is not encrypted. No relay is asked.

    Try this:

      quietway referral export ref_... --out task.json

      quietway referral export --format csv --out referrals.csv
    """
    if gravity and form is not Format.FHIR:
        raise UsageRefused("--gravity goes with --format fhir only.")
    check_target(out, force=force)
    with opened(context) as client:
        named = [client.referrals.find(reference) for reference in references or ()]
        chosen = named or client.referrals.list()
        note_access(client, "export", referrals=[referral.ref for referral in chosen])
    raw = _write(chosen, form, gravity=gravity, alone=len(named) == 1)
    if out == STANDARD_OUTPUT:
        pour(raw)
    else:
        write_whole(out, raw, force=force)
        remark(f"Written to {out}. Referrals: {len(chosen)}.")
    _say_clear(form)


def _write(referrals: list[Referral], form: Format, *, gravity: bool, alone: bool) -> bytes:
    match form:
        case Format.JSON:
            return write_json(referrals)
        case Format.CSV:
            return write_csv(referrals)
        case Format.FHIR if alone:
            return write_task(referrals[0], value_set="gravity" if gravity else "r4")
        case Format.FHIR:
            return write_tasks(referrals, value_set="gravity" if gravity else "r4")


def _say_clear(form: Format) -> None:
    if form is Format.FHIR:
        remark("What was written is in clear. It holds codes and references, and no words.")
        return
    warn(
        "What was written is in clear: whoever can open it reads what staff wrote. Keep it where "
        "you keep case files, and delete it when it has served."
    )
