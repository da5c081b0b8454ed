"""`quietway oncall`: who is on call, set from a file, shown, swapped, and taken into a calendar.

Spec: docs/reference/desk.md, "quietway oncall".
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import typer

from quietway import Client, CoverDevice, CoverGap, OnCall, OnCallChange
from quietway.content import DeviceId
from quietway_desk.files import write_new
from quietway_desk.naming import call_device, find_named
from quietway_desk.refusals import NotListed, UsageRefused
from quietway_desk.rota_file import TEMPLATE, read_rota
from quietway_desk.screen import Record, remark, say, show_json, warn
from quietway_desk.session import find_partner, hand_over, opened, talk
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(
    help="Say who is on call, see whom an alert reaches, swap, and find gaps.",
    no_args_is_help=True,
)
TIER_WORDS: Final = {
    "primary": "first",
    "backup": "then",
    "supervisor": "supervisor",
    "leadership": "leadership",
}
STATE_WORDS: Final = {
    "awake": "awake",
    "locked": "locked; its human is woken",
    "locked_unwakeable": "LOCKED, and its human CAN'T be woken: call",
    "silent": "NOT HEARD",
    "unheard": "not heard yet",
}
SOURCE_WORDS: Final = {
    "rota": "by the rota",
    "published": "as they said",
    "roles": "by the roles of their devices: nobody said who is on call",
}
WHY_WORDS: Final = {
    "nobody": "nobody is named",
    "device_left": "that device has left the agency",
    "without_role": "that device may not receive alerts",
    "without_keys": "that device has published no keys",
}
Tier = Literal["primary", "backup", "supervisor", "leadership"]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]
From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="As '2026-11-27 20:00', in the rota's zone.")
]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="The same.")]
_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN_ID: Final = 8


@app.command("template")
def template(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Must not exist.")],
) -> None:
    """Write a rota to fill in.

    Try this:

      quietway oncall template rota.toml
    """
    write_new(file, TEMPLATE.encode())
    remark(f"Fill in {file}, then: quietway oncall set {file}")


@app.command("set")
def set_rota(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Made from the template.")],
) -> None:
    """Set who is on call from now on, and tell colleagues and partners.

    Try this:

      quietway oncall set rota.toml
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageRefused(f"{file} can't be read: name a file made from the template.") from None
    with opened(context) as client:
        talk(client)
        gaps = client.oncall.set_rota(read_rota(text, client.devices.list()))
        hand_over(client)
        shown = client.oncall.show()
    say("It counts from now on.")
    _show_tiers(shown)
    _show_gaps(gaps)


@app.command("show")
def show(
    context: typer.Context,
    *,
    partner: Annotated[
        str | None, typer.Option("--partner", metavar="NAME", help="Of a partner.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As '2026-11-27 20:00'.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show whom an alert reaches now, in their order, and who of them was heard.

    Try this:

      quietway oncall show
      quietway oncall show --partner MERCY
    """
    with opened(context) as client:
        talk(client)
        moment = None if at is None else _read_time(client, at)
        if partner is None:
            shown, changes = client.oncall.show(moment), client.oncall.changes()
        else:
            shown = client.oncall.of(find_partner(client, partner).agency_id, moment)
            changes = []
    if as_json:
        show_json([_record_of(shown)])
        return
    _show_tiers(shown)
    for change in changes:
        _show_change(change)
    _show_gaps(shown.gaps)


@app.command("gaps")
def list_gaps(
    context: typer.Context,
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far ahead.")] = 14,
    as_json: AsJson = False,
) -> None:
    """List when nobody would be reached as primary or backup.

    Try this:

      quietway oncall gaps --days 30
    """
    with opened(context) as client:
        talk(client)
        gaps = client.oncall.gaps(days)
    if as_json:
        show_json([_gap_record(gap) for gap in gaps])
        return
    if not gaps:
        say(f"None in the next {days} days.")
    _show_gaps(gaps)


@app.command("override")
def override(
    context: typer.Context,
    tier: Annotated[Tier, typer.Argument(help="primary, backup, supervisor or leadership.")],
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="As `device list` calls it.")],
    starts: From,
    until: Until,
    off: Annotated[
        str | None,
        typer.Option("--off", metavar="DEVICE", help="Who is not on call at all meanwhile."),
    ] = None,
) -> None:
    """Put somebody on call for some time, whatever the rota says. It counts at once.

    Try this:

      quietway oncall override primary kx3v7q2a --from "2026-11-27 20:00" --until "2026-11-28 08:00"
    """
    with opened(context) as client:
        talk(client)
        begun, ended = _read_time(client, starts), _read_time(client, until)
        change = client.oncall.override(
            tier,
            _find(client, name),
            begun,
            ended,
            off=None if off is None else _find(client, off),
        )
        hand_over(client)
        gaps = client.oncall.gaps()
    _show_change(change)
    _show_gaps(gaps)


@app.command("swap")
def swap(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="Whose user takes over.")],
    starts: From,
    until: Until,
    back_from: Annotated[
        str | None, typer.Option("--back-from", metavar="TIME", help="What you take in return.")
    ] = None,
    back_until: Annotated[
        str | None, typer.Option("--back-until", metavar="TIME", help="Until when.")
    ] = None,
) -> None:
    """Offer a colleague your time on call. It counts once they say `oncall accept`.

    Try this:

      quietway oncall swap kx3v7q2a --from "2026-11-27 20:00" --until "2026-11-28 08:00"
    """
    if (back_from is None) != (back_until is None):
        raise UsageRefused("Name both --back-from and --back-until, or neither.")
    with opened(context) as client:
        talk(client)
        back = None
        if back_from is not None and back_until is not None:
            back = (_read_time(client, back_from), _read_time(client, back_until))
        change = client.oncall.offer_swap(
            _find(client, name), _read_time(client, starts), _read_time(client, until), back=back
        )
        hand_over(client)
    _show_change(change)


@app.command("accept")
def accept(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="As `oncall show` calls it.")],
) -> None:
    """Accept a swap that a colleague offered to you.

    Try this:

      quietway oncall accept 3f9a01bc
    """
    with opened(context) as client:
        talk(client)
        gaps = client.oncall.accept_swap(_find_change(client, name))
        hand_over(client)
    say("It counts now.")
    _show_gaps(gaps)


@app.command("withdraw")
def withdraw(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="As `oncall show` calls it.")],
) -> None:
    """Take an override or a swap back, or decline one. It is final.

    Try this:

      quietway oncall withdraw 3f9a01bc
    """
    with opened(context) as client:
        talk(client)
        gaps = client.oncall.withdraw(_find_change(client, name))
        hand_over(client)
    say("Taken back: the rota counts again.")
    _show_gaps(gaps)


@app.command("export")
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As on-call.ics; must not exist.")],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far ahead.")] = 28,
) -> None:
    """Write who is on call as a calendar (iCalendar). No person and no case is in it.

    Try this:

      quietway oncall export on-call.ics --days 28
    """
    with opened(context) as client:
        talk(client)
        text = client.oncall.calendar(days)
    write_new(file, text.encode())
    remark(f"Written to {file}. Whoever reads it knows when your agency's devices are on call.")


def _show_tiers(shown: OnCall) -> None:
    say(f"On call {show_instant(shown.at)}, {SOURCE_WORDS[shown.source]}:")
    for tier in shown.tiers:
        devices = ", ".join(_call(held) for held in tier.devices)
        say(f"  {TIER_WORDS[tier.name]}: {devices or 'nobody besides'}")
    if shown.is_crossed:
        warn("Two rotas were set at the same time, and both count: set the one that you mean.")
    if shown.is_unreachable:
        warn("You are on call, and an alert would NOT arrive here. Call whoever is next.")


def _call(held: CoverDevice) -> str:
    name = f"{call_device(held.device)} ({held.program})"
    if held.is_this:
        return f"{name}, this device"
    if held.state is None:
        return name
    when = "" if held.heard_at is None else f", heard {show_instant(held.heard_at)}"
    other = ", has ANOTHER rota" if held.has_other_rota else ""
    return f"{name}, {STATE_WORDS[held.state]}{when}{other}"


def _show_change(change: OnCallChange) -> None:
    off = "" if change.off is None else f" for {call_device(change.off)}"
    where = "" if change.tier is None else f" as {change.tier}"
    told = {
        "counts": "counts",
        "offered": f"is offered; {call_device(change.on)} says: quietway oncall accept",
        "withdrawn": "was taken back",
    }[change.state]
    name = change.change_id.hex()[:_SHOWN_ID]
    say(
        f"{name}: {call_device(change.on)}{where}{off}, {show_instant(change.starts)} to "
        f"{show_instant(change.ends)}: {told}"
    )


def _show_gaps(gaps: tuple[CoverGap, ...]) -> None:
    for gap in gaps:
        warn(
            f"GAP: no {gap.tier} from {show_instant(gap.starts)} to {show_instant(gap.ends)}: "
            f"{WHY_WORDS[gap.why]}."
        )


def _record_of(shown: OnCall) -> Record:
    tiers: Record = {tier.name: [str(held.device) for held in tier.devices] for tier in shown.tiers}
    return {"at": write_instant(shown.at), "source": shown.source, "tiers": tiers}


def _gap_record(gap: CoverGap) -> Record:
    return {
        "starts": write_instant(gap.starts),
        "ends": write_instant(gap.ends),
        "tier": gap.tier,
        "why": gap.why,
    }


def _find(client: Client, name: str) -> DeviceId:
    return find_named(name, client.devices.list()).device


def _find_change(client: Client, name: str) -> bytes:
    found = [
        held.change_id
        for held in client.oncall.changes()
        if held.change_id.hex().startswith(name.strip().lower())
    ]
    if len(found) != 1:
        raise NotListed(f"One change called {name}", "quietway oncall show")
    return found[0]


def _read_time(client: Client, text: str) -> int:
    """Read a time in the zone of the rota; without a rota, in UTC."""
    rotas = client.oncall.rotas()
    zone = ZoneInfo(rotas[0].time_zone if rotas else "UTC")
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise UsageRefused("Write a time as '2026-11-27 20:00'.") from None
    at = local if local.tzinfo is not None else local.replace(tzinfo=zone)
    return (at.astimezone(UTC) - _EPOCH) // _MS
