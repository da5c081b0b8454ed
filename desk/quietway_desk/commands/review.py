"""`quietway agency review`: look at every device's permissions, one by one, every 90 days.

Spec: docs/reference/desk.md, "quietway agency review".
"""

from typing import Annotated

import typer

from quietway import ReviewLine
from quietway.codes import label_of
from quietway_desk.confirming import type_to_confirm
from quietway_desk.naming import call_device, find_named
from quietway_desk.screen import say, show_facts, show_json
from quietway_desk.session import opened, talk
from quietway_desk.times import show_instant, write_instant


def review(
    context: typer.Context,
    attest: Annotated[
        str | None,
        typer.Option("--attest", metavar="DEVICE", help="This one is as it should be."),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List who may do what, and when to look again; say of one that it is as it should be.

    Is the device still in use, by whom you think, and does it need each of its roles? What is not
    as it should be: quietway device roles, or quietway device revoke. Nobody attests their own.

    Try this:

      quietway agency review

      quietway agency review --attest kx3v7q2a
    """
    with opened(context) as client:
        talk(client)
        if attest is not None:
            held = find_named(attest, client.devices.list())
            called = call_device(held.device)
            type_to_confirm("Type the device's name to attest it", called)
            line = client.agency.attest(held.device)
            talk(client)
            say(f"{called} is to be looked at again on {show_instant(line.due)}.")
            return
        lines = client.agency.review().lines
    if as_json:
        show_json([_record_of(line) for line in lines])
        return
    for line in lines:
        _show(line)


def _show(line: ReviewLine) -> None:
    looked = "never" if line.attested is None else show_instant(line.attested)
    due = f"{'OVERDUE since ' if line.overdue else ''}{show_instant(line.due)}"
    show_facts(
        call_device(line.device),
        [
            ("Program", line.program),
            ("Roles", ", ".join(label_of("role", code) for code in line.roles)),
            ("Machine", "the agency's own" if line.agency_owned else "PRIVATE"),
            ("Looked at", looked),
            ("Look again", due),
        ],
    )


def _record_of(line: ReviewLine) -> dict[str, object]:
    return {
        "device": str(line.device),
        "name": call_device(line.device),
        "program": line.program,
        "roles": list(line.roles),
        "agency_owned": line.agency_owned,
        "attested": "" if line.attested is None else write_instant(line.attested),
        "due": write_instant(line.due),
        "overdue": line.overdue,
    }
