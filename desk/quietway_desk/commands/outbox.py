"""`quietway outbox`: what was written here, how far it has come, and how to take it back.

Spec: docs/reference/desk.md, "quietway outbox".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from quietway_desk.refusals import NotListed, UsageRefused
from quietway_desk.screen import remark, say, show_json, warn
from quietway_desk.session import opened, talk
from quietway_desk.times import show_instant, write_instant
from quietway_desk.words import KINDS, OUTBOX_STATES, tell_receipts

if TYPE_CHECKING:
    from quietway import Client, OutboxEntry, Withdrawal

app = typer.Typer()
_SHOWN: Final = 8
_SHORTEST: Final = 4
_OUTCOMES: Final = (
    ("fetched", "had been fetched"),
    ("uncertain", "may have been fetched"),
    ("never_sent", "had not been sent"),
    ("asked", "will be asked for when the relay can be reached"),
)


@app.callback(invoke_without_command=True)
def outbox(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List what was written on this device and whether it is on its way.

    Try this:

      quietway outbox
    """
    if context.invoked_subcommand is not None:
        return
    with opened(context) as client:
        entries = client.outbox()
        names = {partner.agency_id: partner.agency_code for partner in client.partners.list()}
    if as_json:
        show_json(
            [
                {
                    "local_id": entry.local_id.hex(),
                    "kind": entry.kind,
                    "to": [str(agency) for agency in entry.to],
                    "state": entry.state,
                    "at": write_instant(entry.at),
                    "stored_by": entry.stored_by,
                    "opened_by": entry.opened_by,
                }
                for entry in entries
            ]
        )
        return
    for entry in entries:
        to = ", ".join(names.get(agency, str(agency)) for agency in entry.to)
        state = OUTBOX_STATES.get(entry.state, entry.state) + tell_receipts(entry)
        name = entry.local_id.hex()[:_SHOWN]
        kind = KINDS.get(entry.kind, entry.kind)
        say(f"{show_instant(entry.at)}  {name}  {kind} to {to}: {state}")
    if not entries:
        say("Nothing waits here.")


@app.command("withdraw")
def withdraw(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The eight characters that `outbox` shows.")
    ],
) -> None:
    """Take a message back, as far as nobody has fetched it.

    What a partner's device has fetched, it has: then phone them.

    Try this:

      quietway outbox withdraw 3f9a01c7
    """
    with opened(context) as client:
        taken = client.withdraw(_find(client, name).local_id)
        talk(client)
    _tell(taken)


def _find(client: Client, name: str) -> OutboxEntry:
    wanted = name.strip().lower()
    if len(wanted) < _SHORTEST:
        raise UsageRefused(f"Name the message by at least {_SHORTEST} characters.")
    found = [entry for entry in client.outbox() if entry.local_id.hex().startswith(wanted)]
    if len(found) > 1:
        raise UsageRefused("Several messages begin like that: type more of the name.")
    if not found:
        raise NotListed(f"A message called {name}", "quietway outbox")
    return found[0]


def _tell(taken: Withdrawal) -> None:
    total, back = len(taken.copies), taken.count("taken_back")
    if not total or taken.count("never_sent") == total:
        say("It had not been sent, and is not sent any more.")
        return
    others = [
        f"{count} {words}"
        for outcome, words in _OUTCOMES
        if (count := sum(copy.outcome == outcome for copy in taken.copies))
    ]
    say(
        "; ".join([f"{back} of {total} {'copy' if total == 1 else 'copies'} taken back", *others])
        + "."
    )
    if taken.count("fetched") or taken.count("uncertain"):
        warn("Whoever fetched it has it. If that matters, phone them.")
    if taken.problem is not None:
        remark("The relay was not asked yet. It is asked with the next command.")
