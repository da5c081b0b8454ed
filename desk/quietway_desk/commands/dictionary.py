"""`quietway dictionary`: the words that the agencies have agreed to, as one signed file.

The file goes from hand to hand. Each agency's ops holder looks at it and approves it; whoever has
it then takes it with `verify`.

Spec: docs/reference/desk.md, "quietway dictionary".
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import DictionaryReport
from quietway_desk.files import check_new, check_target, read_small, write_new, write_whole
from quietway_desk.screen import Facts, Record, remark, say, show_facts, show_json, warn
from quietway_desk.session import opened, opened_by_owner
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(help="Agree on the dictionary with your partners.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The dictionary's signed file.")]
MOST_FILE_BYTES: Final = 131_072
REASONS: Final = {
    "approval_missing": "not yet approved",
    "forged": "NOT APPROVED: the signature is wrong",
    "key_expired": "NOT APPROVED: the key had expired",
    "key_not_listed": "NOT APPROVED: by nobody who decides there",
    "manifest_expired": "not known: synchronise first",
    "unknown_agency": "not known: no partner of yours",
}


@app.command("draft")
def draft(
    context: typer.Context,
    file: File,
    *,
    name: Annotated[str, typer.Option("--name", help="Which dictionary, as your-county.")],
    agencies: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="AGENCY", help="A partner that must agree; repeat it."),
    ] = None,
    changes: Annotated[
        list[str], typer.Option("--change", metavar="TEXT", help="What is new; repeat it.")
    ],
) -> None:
    """Write this program's dictionary into a file that the agencies can approve.

    Try this:

      quietway dictionary draft county.dictionary --name county --with HARBOR --change "First."
    """
    check_new(file)
    with opened(context) as client:
        raw = client.dictionary.draft(name, agencies=agencies or (), changes=changes)
        report = client.dictionary.show(raw)
    write_new(file, raw)
    _tell(report)
    remark(f"Written to {file}. An ops holder approves it: quietway dictionary approve {file}")


@app.command("show")
def show(
    context: typer.Context,
    file: File,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show what a dictionary's file says, who has approved it, and where this program differs.

    Try this:

      quietway dictionary show county.dictionary
    """
    raw = read_small(file, MOST_FILE_BYTES)
    with opened(context) as client:
        report = client.dictionary.show(raw)
    if as_json:
        show_json([record_of_dictionary(report)])
        return
    _tell(report)


@app.command("approve")
def approve(
    context: typer.Context,
    file: File,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; else the same file.")
    ] = None,
) -> None:
    """Approve a dictionary for your agency. Read first what is new; ops holders only.

    Try this:

      quietway dictionary approve county.dictionary
    """
    target = file if out is None else out
    check_target(target, force=out is None)
    raw = read_small(file, MOST_FILE_BYTES)
    with opened_by_owner(context) as (client, passphrase):
        _tell(client.dictionary.show(raw))
        approved = client.dictionary.approve(raw, passphrase=passphrase)
        report = client.dictionary.show(approved)
    write_whole(target, approved, force=out is None)
    waiting = sum(1 for held in report.agreements if held.reason)
    remark(f"Approved, and written to {target}. Agencies that have not approved yet: {waiting}.")


@app.command("verify")
def verify(context: typer.Context, file: File) -> None:
    """Check that all named agencies have approved, and take this version.

    Try this:

      quietway dictionary verify county.dictionary
    """
    raw = read_small(file, MOST_FILE_BYTES)
    with opened(context) as client:
        report = client.dictionary.verify(raw)
    _tell(report)
    say(f"All agencies have approved. Version {report.version} is the one that counts here.")


def record_of_dictionary(report: DictionaryReport) -> Record:
    """Give a release as a record for `--json`."""
    return {
        "name": report.name,
        "version": report.version,
        "former": report.former,
        "issued": write_instant(report.issued),
        "changes": list(report.changes),
        "agencies": {held.agency_code: held.reason or "approved" for held in report.agreements},
        "differing": list(report.differing),
        "held": report.held,
    }


def _tell(report: DictionaryReport) -> None:
    facts: Facts = [
        ("Issued", show_instant(report.issued)),
        *(("New", line) for line in report.changes),
        *((held.agency_code, REASONS.get(held.reason, "approved")) for held in report.agreements),
    ]
    if report.held:
        facts.append(("Held here", report.held))
    show_facts(f"Dictionary {report.name}, version {report.version}", facts)
    if report.differing:
        warn(
            f"This program holds {len(report.differing)} files otherwise, for instance "
            f"{report.differing[0]}. Install the version that the agencies agree on."
        )
