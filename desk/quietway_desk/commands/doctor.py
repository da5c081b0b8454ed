"""`quietway doctor`: what works, what does not, and what to do next.

Spec: docs/reference/desk.md, "quietway doctor".
"""

from typing import Annotated

import typer

from quietway_desk.screen import say, show_json
from quietway_desk.session import opened
from quietway_desk.words import NEXT_AT_THE_DESK


def doctor(
    context: typer.Context,
    *,
    accept_older_copy: Annotated[
        bool,
        typer.Option(
            "--accept-older-copy",
            help="Go on with an older copy of the store, when there is no newer one.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Check the store, the clock, the relay and the keys, and say what to do next.

    Nothing is changed. The exit code is 1 when something needs you.

    Try this:

      quietway doctor
    """
    with opened(context, accept_older_copy=accept_older_copy) as client:
        findings = client.doctor()
    if as_json:
        show_json(
            [
                {
                    "name": finding.name,
                    "ok": finding.ok,
                    "detail": finding.detail,
                    "what_next": finding.what_next,
                }
                for finding in findings
            ]
        )
    else:
        for finding in findings:
            say(f"{'fine ' if finding.ok else 'LOOK '} {finding.name}: {finding.detail}")
            if not finding.ok:
                say(f"      {NEXT_AT_THE_DESK.get(finding.name, finding.what_next)}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
