"""`quietway access`: who looked at what, for the agency's auditors.

Spec: docs/reference/desk.md, "quietway access".
"""

from typing import Annotated

import typer

from quietway import AccessLog, RoleRefused
from quietway_desk.naming import call_device
from quietway_desk.refusals import NotAuditor
from quietway_desk.screen import Facts, say, show_facts, show_json, warn
from quietway_desk.session import opened, talk
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(help="Read who looked at what; for auditors.", no_args_is_help=True)
ACTIONS = {
    "open": "opened",
    "export": "exported",
    "print": "printed",
    "forward_attempt": "tried to forward",
}
FINDINGS = {
    "altered": "lines are not what the device signed",
    "broken_link": "a line does not follow the one before it",
    "fork": "two different lines stand at one place",
    "gap": "lines are missing",
    "out_of_order": "lines are not in the order in which they were written",
}


@app.command("log")
def log(
    context: typer.Context,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show what is here already; don't ask the relay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show each device's lines, verified, and whether any are missing or do not hold.

    Try this:

      quietway access log
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        try:
            logs = client.access.log()
        except RoleRefused:
            raise NotAuditor from None
    if as_json:
        show_json([record_of_log(held) for held in logs])
        return
    for held in logs:
        _show(held)


def record_of_log(held: AccessLog) -> dict[str, object]:
    """Give a device's log as a record for `--json`."""
    return {
        "device": str(held.device),
        "own": held.is_own,
        "findings": list(held.findings),
        "missing": [list(run) for run in held.missing],
        "unreadable": held.unreadable,
        "entries": [
            {
                "number": entry.number,
                "action": entry.action,
                "at": write_instant(entry.at),
                "purpose": entry.purpose or "",
                "messages": [str(name) for name in entry.message_ids],
                "findings": list(entry.findings),
            }
            for entry in held.entries
        ],
    }


def _show(held: AccessLog) -> None:
    title = f"{call_device(held.device)}{' (this device)' if held.is_own else ''}"
    if not held.entries:
        say(f"{title}: no lines.")
    for entry in held.entries:
        names = ", ".join(str(name) for name in entry.message_ids)
        facts: Facts = [
            ("When", show_instant(entry.at)),
            ("Did", ACTIONS.get(entry.action, entry.action)),
            ("What", names),
        ]
        facts += [("NOTE", FINDINGS.get(finding, finding)) for finding in entry.findings]
        show_facts(f"{title}, line {entry.number}", facts)
    if held.findings:
        told = "; ".join(FINDINGS.get(finding, finding) for finding in held.findings)
        runs = ", ".join(f"{first} to {last}" for first, last in held.missing)
        warn(f"{title}: {told}{f' ({runs})' if runs else ''}. Ask whose device that is.")
