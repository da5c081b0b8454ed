"""`quietway device`: the agency's own devices, how they come and how they leave.

Spec: docs/reference/desk.md, "quietway device".
"""

from typing import Annotated, Final

import typer

from quietway import Added, OwnDevice
from quietway.codes import label_of
from quietway_desk.asking import check_code
from quietway_desk.commands import linking
from quietway_desk.confirming import type_to_confirm
from quietway_desk.naming import call_device, find_named
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, say, show_facts, show_json, warn
from quietway_desk.session import hand_over, needing_relay, opened, opened_by_owner, talk
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(
    help="Add, list and take away the devices of your own agency.", no_args_is_help=True
)
app.command("request")(linking.request)
app.command("add", epilog=linking.EXAMPLE)(linking.add)
app.command("join")(linking.join)
app.command("approve")(linking.approve)

STANDINGS: Final = {
    "certified": "in use",
    "stale": "NOT SEEN for 30 days: ask its user, or take it away",
    "leaving": "was wiped: retire it",
    "retired": "was given back",
    "revoked": "REVOKED",
}
Name = Annotated[str, typer.Argument(metavar="DEVICE", help="As `device list` calls it.")]


@app.command("list")
def list_devices(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the agency's devices, those that left lately, and what waits for an approval.

    Try this:

      quietway device list --json
    """
    with opened(context) as client:
        talk(client)
        devices, proposals = client.devices.list(), client.devices.proposals()
        snapshots = client.devices.snapshots()
        if not as_json:
            # They are shown below, so a person has seen what changed.
            for change in client.devices.changes():
                client.devices.acknowledge(change)
    if as_json:
        show_json([_record_of(held) for held in devices])
        return
    for held in devices:
        _show(held)
    for proposal in proposals:
        called = call_device(proposal.device)
        say(f"{called} waits for another approval: quietway device approve {called}")
    for snapshot in snapshots:
        called = call_device(snapshot.to)
        say(f"A snapshot for {called} is on its way: quietway device snapshot {called} --approve")


@app.command("roles")
def set_roles(
    context: typer.Context,
    name: Name,
    role: linking.Roles,
    program: Annotated[
        str | None, typer.Option("--program", metavar="CODE", help="Another program.")
    ] = None,
) -> None:
    """Give a device other roles. It takes as many approvals as a new device does.

    Try this:

      quietway device roles kx3v7q2a --role supervisor --role liaison
    """
    for named in role:
        check_code("role")(named)
    with opened_by_owner(context) as (client, passphrase):
        talk(client)
        held = find_named(name, client.devices.list())
        type_to_confirm("Type the device's name to give it these roles", call_device(held.device))
        answer = client.devices.set_roles(held.device, role, passphrase=passphrase, program=program)
        hand_over(client)
    if isinstance(answer, Added):
        say("It has these roles now.")
    else:
        say("Approved here. It waits for another ops holder.")


@app.command("revoke")
def revoke(context: typer.Context, name: Name) -> None:
    """Take a device away that is lost, stolen, or in the wrong hands. One ops holder is enough.

    The relay lets it in no more and deletes what waits for it; what it signs from now on is not
    believed. It never comes back: if it turns up, it is added anew.

    Try this:

      quietway device revoke kx3v7q2a
    """
    with opened(context) as client:
        talk(client)
        held = find_named(name, client.devices.list())
        _refuse_this_one(held)
        _show(held)
        type_to_confirm("Type the device's name to revoke it", call_device(held.device))
        with needing_relay("NOT revoked"):
            client.devices.revoke(held.device)
        hand_over(client, own=held.device)
    say("Revoked. Nothing is given to it any more.")
    warn(
        "What it had stored, and keys of the last days and weeks, may be in other hands: think "
        "of who is endangered by that. If its user was an ops holder, make a new list of holders: "
        "quietway agency ops remove"
    )


@app.command("retire")
def retire(context: typer.Context, name: Name) -> None:
    """Take a device away that was given back, and that nobody else had.

    What it sent until now still counts.

    Try this:

      quietway device retire kx3v7q2a
    """
    with opened(context) as client:
        talk(client)
        held = find_named(name, client.devices.list())
        _refuse_this_one(held)
        _show(held)
        type_to_confirm("Type the device's name to retire it", call_device(held.device))
        with needing_relay("NOT retired"):
            client.devices.retire(held.device)
        hand_over(client, own=held.device)
    say("Retired. What it sent until now still counts.")


@app.command("snapshot")
def give_snapshot(
    context: typer.Context,
    name: Name,
    *,
    approve: Annotated[
        bool, typer.Option("--approve", help="Agree to a snapshot that a colleague gives.")
    ] = False,
) -> None:
    """Give a new device what is open: status indicators and referrals within retention.

    Nothing older comes along. Where there are two ops holders, both agree to what is given.

    Try this:

      quietway device snapshot kx3v7q2a
    """
    with opened_by_owner(context) as (client, passphrase):
        talk(client)
        if approve:
            offers = {call_device(held.to): held for held in client.devices.snapshots()}
            called = name.strip().lower().removeprefix("dev_")
            if called not in offers:
                raise typer.BadParameter("no snapshot is on its way to a device of that name")
            given = client.devices.approve_snapshot(
                offers[called].snapshot_id, passphrase=passphrase
            )
        else:
            held = find_named(name, client.devices.list())
            mine = passphrase if client.agency.standing().decides_here else None
            # Partners and the right to send come first: it may not have heard of them.
            client.devices.share(held.device)
            given = client.devices.give_snapshot(held.device, passphrase=mine)
        hand_over(client)
    say(f"On its way: {given.referrals} open referrals, {given.statuses} status indicators.")
    remark("The new device takes it in with `quietway inbox`, once it is approved.")


def _refuse_this_one(held: OwnDevice) -> None:
    if held.this_one:
        raise UsageRefused(
            "That is this device itself, and nothing was changed. Before you give it back: "
            "quietway wipe. Where somebody else may have it, another ops holder revokes it."
        )


def _show(held: OwnDevice) -> None:
    facts = [("Stands", STANDINGS.get(held.standing, held.standing))]
    if held.roles:
        facts += [
            ("Program", held.program),
            ("Roles", ", ".join(label_of("role", code) for code in held.roles)),
            ("Machine", "the agency's own" if held.agency_owned else "PRIVATE"),
            ("Last seen", show_instant(held.last_seen) if held.last_seen else "never"),
        ]
    facts.append(("Since", show_instant(held.since)))
    mark = " (this one)" if held.this_one else ""
    show_facts(f"{call_device(held.device)}{mark}", facts)


def _record_of(held: OwnDevice) -> dict[str, object]:
    return {
        "device": str(held.device),
        "name": call_device(held.device),
        "standing": held.standing,
        "program": held.program,
        "roles": list(held.roles),
        "agency_owned": held.agency_owned,
        "since": write_instant(held.since),
        "last_seen": write_instant(held.last_seen) if held.last_seen else "",
        "live_keys": held.live_keys,
        "this_one": held.this_one,
    }
