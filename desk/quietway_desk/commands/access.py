"""`quietway access`: who looked at what, for the agency's auditors.

`verify` asks no relay; with a file it needs no store and no passphrase either.

Spec: docs/reference/desk.md, "quietway access".
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import AccessFileRefused, AccessLog, Client, RoleRefused, verify_access_file
from quietway_desk.files import check_new, read_small, write_new
from quietway_desk.naming import call_device
from quietway_desk.refusals import NotAuditor
from quietway_desk.screen import Facts, remark, say, show_facts, show_json, warn
from quietway_desk.session import opened, talk
from quietway_desk.times import show_instant, write_instant

_MOST_FILE_BYTES: Final = 64 * 1024 * 1024
app = typer.Typer(help="Read who looked at what; for auditors.", no_args_is_help=True)
ACTIONS = {
    "open": "opened",
    "export": "exported",
    "print": "printed",
    "forward_attempt": "tried to forward",
    "override": "sent although the guard held it",
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
        logs = _read_logs(client)
    if as_json:
        show_json([record_of_log(held) for held in logs])
        return
    for held in logs:
        _show(held)


@app.command("verify")
def verify(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            exists=True,
            dir_okay=False,
            readable=True,
            help="A file that an auditor exported; without it, what is on this device.",
        ),
    ] = None,
) -> None:
    """Check the signatures and the chains of all lines. The exit code is 1 if any do not hold.

    No relay is asked. A FILE needs no passphrase either: compare the words of each device's key
    with those that the agency tells you.

    Try this:

      quietway access verify

      quietway access verify lines.json
    """
    if file is None:
        with opened(context) as client:
            logs = _read_logs(client)
        verified = [held for held in logs if not held.is_own]
    else:
        verified = _read_file(file)
    for held in verified:
        if not held.findings:
            say(f"{call_device(held.device)}: {len(held.entries)} lines, and all of them hold.")
        _warn_of(held)
    if not verified:
        say("There is no other device's line here.")
    if any(held.findings for held in verified):
        raise typer.Exit(1)


@app.command("export")
def export(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist.")
    ],
) -> None:
    """Write the lines as a file that anybody can check, for a reviewer or the survivor's advocate.

    It holds ids, times and signatures, and no word of what was said.

    Try this:

      quietway access export lines.json
    """
    check_new(file)
    with opened(context) as client:
        try:
            raw = client.access.export()
        except RoleRefused:
            raise NotAuditor from None
    write_new(file, raw)
    say(f"Written to {file}. Anybody can check it: quietway access verify {file}")


def _read_logs(client: Client) -> list[AccessLog]:
    try:
        return client.access.log()
    except RoleRefused:
        raise NotAuditor from None


def _read_file(file: Path) -> list[AccessLog]:
    try:
        held = verify_access_file(read_small(file, _MOST_FILE_BYTES))
    except AccessFileRefused as refused:
        warn(str(refused))
        raise typer.Exit(1) from None
    show_facts(
        f"Lines of {held.agency}, signed for {call_device(held.reader)}",
        [(call_device(device), words) for device, words in held.words.items()],
    )
    remark("These are the words of each device's key: compare them with what the agency tells you.")
    return list(held.logs)


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
    _warn_of(held)


def _warn_of(held: AccessLog) -> None:
    title = call_device(held.device)
    if held.findings:
        told = "; ".join(FINDINGS.get(finding, finding) for finding in held.findings)
        runs = ", ".join(f"{first} to {last}" for first, last in held.missing)
        warn(f"{title}: {told}{f' ({runs})' if runs else ''}. Ask whose device that is.")
