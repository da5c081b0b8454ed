"""`quietway alert`: call whoever is on call, take what one is called for, verify it.

An alert has no text. What is done with one is a command of two words and its name, so that somebody
who was woken needs three steps at most; at a terminal `quietway alert show` asks, and a digit does.

Spec: docs/reference/desk.md, "quietway alert".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from quietway.codes import label_of
from quietway_desk import options
from quietway_desk.alarms import await_claim, ring, show_script
from quietway_desk.asking import ask_code, is_at_terminal
from quietway_desk.cards import list_actions, read_card, show_card
from quietway_desk.confirming import read_line
from quietway_desk.naming import call_device, call_id, find_alert, find_named
from quietway_desk.refusals import NotListed, UsageRefused
from quietway_desk.screen import remark, say, show_json, warn
from quietway_desk.session import opened, talk
from quietway_desk.times import show_instant, write_instant
from quietway_desk.words import tell_sent

if TYPE_CHECKING:
    from quietway import Alert, AlertClaim, Client, Sent
    from quietway.content import DeviceId

app = typer.Typer(help="Call whoever is on call, take an alert, verify it.", no_args_is_help=True)
_USUAL_REASON: Final = "not_able_now"
_USUAL_LADDER: Final = "0,300,600,900"

Name = Annotated[
    str, typer.Argument(metavar="ALERT", help="The eight characters that the list shows.")
]
Newest = Annotated[
    str | None,
    typer.Argument(metavar="ALERT", help="The characters of the list; else the one that waits."),
]
Reason = Annotated[str, options.code_option("--reason", "alert_reason", "Why.")]
Drill = Annotated[bool, typer.Option("--exercise", help="A drill: it is shown as one everywhere.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Show what is here already; don't ask the relay.")
]


@app.command("send")
def send(
    context: typer.Context,
    case: Annotated[str, typer.Argument(metavar="CASE", help="As cse_... on the board.")],
    code: Annotated[str | None, options.code_option("--code", "alert_code", "What it is.")] = None,
    urgency: Annotated[
        str, options.code_option("--urgency", "time_sensitivity", "How soon.")
    ] = "urgent",
    *,
    exercise: Drill = False,
    ladder: Annotated[
        str,
        typer.Option("--ladder", metavar="SECONDS", help="When each of four tiers is called."),
    ] = _USUAL_LADDER,
    wait: Annotated[
        bool | None,
        typer.Option("--wait/--no-wait", help="Stay until somebody has it; so at a terminal."),
    ] = None,
) -> None:
    """Call the people on call at the agency that leads a case: one code, no text, nobody else.

    They are called one after the other until somebody takes it. This machine stays with it and
    tells you whom to phone where nobody does: leave it running.

    Try this:

      quietway alert send cse_... --code checkin_missed
    """
    chosen = ask_code(code, "--code", "alert_code", "What is it?")
    dues = _read_ladder(ladder)
    with opened(context) as client:
        talk(client)
        sent = client.alerts.send(case, chosen, urgency=urgency, ladder=dues, exercise=exercise)
        _tell_sent(client, sent.alert_id, sent.sent)
        if is_at_terminal() if wait is None else wait:
            await_claim(client, sent.alert_id)


@app.command("list")
def list_alerts(
    context: typer.Context,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that somebody has, or that are over.")
    ] = False,
    exercise: Annotated[
        bool, typer.Option("--exercise", help="The drills, and nothing that is real.")
    ] = False,
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """List the alerts that nobody has yet.

    Try this:

      quietway alert list --all
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        found = client.alerts.list(open_only=not everything, exercise=exercise)
    if as_json:
        show_json([record_of_alert(alert) for alert in found])
        return
    for alert in found:
        say(_tell_line(alert))
    if not found:
        say("No alert waits for anybody.")


@app.command("show")
def show(
    context: typer.Context,
    name: Newest = None,
    *,
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """Show the card of an alert: what, whether it is true, who has it, what to do, what not.

    Without a name it is the one that waits longest. At a terminal a digit then takes it, passes it
    on, or shows whom to phone.

    Try this:

      quietway alert show

      quietway alert show 3f9a01c7 --offline
    """
    with opened(context) as client:
        if not offline:
            talk(client)
        alert = _find_waiting(client) if name is None else find_alert(client, name)
        if as_json:
            show_json([record_of_alert(alert)])
            return
        show_card(read_card(client, alert))
        if is_at_terminal() and alert.is_open and alert.lead == client.agency_id:
            _ask(client, alert)


@app.command("claim")
def claim(context: typer.Context, name: Name) -> None:
    """Say that you have it. Nobody is called further, and everybody is told who has it.

    Try this:

      quietway alert claim 3f9a01c7
    """
    with opened(context) as client:
        talk(client)
        _claim(client, find_alert(client, name))


@app.command("decline")
def decline(context: typer.Context, name: Name, reason: Reason = _USUAL_REASON) -> None:
    """Say that you can't. That is all right: whoever is called next is called in their time.

    Try this:

      quietway alert decline 3f9a01c7 --reason conflict_of_interest
    """
    with opened(context) as client:
        talk(client)
        alert = find_alert(client, name)
        _tell_said(client, client.alerts.decline(alert.alert_id, reason))


@app.command("pass")
def pass_on(
    context: typer.Context,
    name: Name,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="DEVICE", help="Which colleague's; else who is called next."),
    ] = None,
    reason: Reason = _USUAL_REASON,
) -> None:
    """Call a colleague first, and everybody else after them. They have to take it there.

    Try this:

      quietway alert pass 3f9a01c7

      quietway alert pass 3f9a01c7 --to kx3v7q2a --reason shift_ended
    """
    with opened(context) as client:
        talk(client)
        _pass_on(client, find_alert(client, name), to, reason)


@app.command("release")
def release(context: typer.Context, name: Name, reason: Reason = _USUAL_REASON) -> None:
    """Say that nobody has it any more: it climbs again, from whoever is called first.

    Try this:

      quietway alert release 3f9a01c7
    """
    with opened(context) as client:
        talk(client)
        alert = find_alert(client, name)
        _tell_said(client, client.alerts.release(alert.alert_id, reason))


@app.command("verify")
def verify(
    context: typer.Context,
    name: Name,
    source: Annotated[
        str | None,
        options.code_option("--source", "verification_source", "What kind of source you asked."),
    ] = None,
    result: Annotated[
        str | None, options.code_option("--result", "verify_result", "What it says.")
    ] = None,
    *,
    judgement: Annotated[
        bool,
        typer.Option("--judgement", help="No source can be asked in time: it is your judgement."),
    ] = False,
) -> None:
    """Say whether a source supports an alert. Whoever raised it can't, and places are not asked.

    By judgement it counts once a second person stands by it: quietway alert second.

    Try this:

      quietway alert verify 3f9a01c7 --source trusted_contact --result supports
    """
    asked = ask_code(source, "--source", "verification_source", "What kind of source?")
    says = ask_code(result, "--result", "verify_result", "What does it say?")
    with opened(context) as client:
        talk(client)
        alert = find_alert(client, name)
        basis = "professional_judgement" if judgement else None
        _tell_said(client, client.alerts.verify(alert.alert_id, asked, says, basis=basis))
        state = client.alerts.show(alert.alert_id).verification
    say(f"It is now: {label_of('verification_state', state)}.")


@app.command("second")
def second(context: typer.Context, name: Name) -> None:
    """Stand by a colleague's judgement about an alert, as the second person.

    Try this:

      quietway alert second 3f9a01c7
    """
    with opened(context) as client:
        talk(client)
        alert = find_alert(client, name)
        _tell_said(client, client.alerts.second(alert.alert_id))
        state = client.alerts.show(alert.alert_id).verification
    say(f"It is now: {label_of('verification_state', state)}.")


@app.command("call")
def call(context: typer.Context, name: Name) -> None:
    """Show whom to phone about an alert, and in which words. The network is not needed.

    Try this:

      quietway alert call 3f9a01c7
    """
    with opened(context) as client:
        show_script(client, find_alert(client, name).alert_id)


def record_of_alert(alert: Alert) -> dict[str, object]:
    """Give an alert as a record for `--json`."""
    return {
        "alert_id": alert.alert_id.hex(),
        "name": call_id(alert.alert_id),
        "exercise": alert.exercise,
        "case": str(alert.case),
        "code": alert.code,
        "urgency": alert.urgency,
        "state": alert.state,
        "round": alert.round,
        "raised_at": write_instant(alert.raised_at),
        "raised_by": str(alert.raised_by),
        "lead": str(alert.lead),
        "late": alert.late,
        "verification": alert.verification,
        "claims": [_record_of(held) for held in alert.claims],
        "declined": [_record_of(held) for held in alert.declined],
        "tiers": [
            {"name": tier.name, "due_at": write_instant(tier.due_at)} for tier in alert.tiers
        ],
        "next_tier": "" if alert.next_tier is None else alert.next_tier.name,
    }


def _read_ladder(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise UsageRefused(f"--ladder takes seconds, as {_USUAL_LADDER}.") from None


def _record_of(held: AlertClaim) -> dict[str, object]:
    return {
        "agency": str(held.agency),
        "device": str(held.device),
        "program": held.program,
        "at": write_instant(held.at),
        "reason": held.reason,
    }


def _tell_line(alert: Alert) -> str:
    drill = "EXERCISE  " if alert.exercise else ""
    state = label_of("alert_state", alert.state)
    return (
        f"{drill}{show_instant(alert.raised_at)}  {call_id(alert.alert_id)}  "
        f"{label_of('alert_code', alert.code)}: {state}"
    )


def _find_waiting(client: Client) -> Alert:
    for drill in (False, True):
        for alert in client.alerts.list(exercise=drill):
            return alert
    raise NotListed("An alert that waits for anybody", "quietway alert list --all")


def _ask(client: Client, alert: Alert) -> None:
    for number, text in list_actions(alert, me=client.agency_id):
        remark(f"  {number}  {text.partition(':')[0]}")
    typed = read_line("Number (or Enter, for nothing)").strip()
    match typed:
        case "1":
            _claim(client, alert)
        case "2":
            _pass_on(client, alert, None, _USUAL_REASON)
        case "3":
            show_script(client, alert.alert_id)


def _claim(client: Client, alert: Alert) -> None:
    sent = client.alerts.claim(alert.alert_id)
    _tell_said(client, sent)
    claims = client.alerts.show(alert.alert_id).claims
    others = [
        held.program or call_device(held.device)
        for held in claims
        if held.device != client.device_id
    ]
    if others:
        warn(f"Also claimed by {', '.join(others)}: talk to each other.")


def _pass_on(client: Client, alert: Alert, to: str | None, reason: str) -> None:
    named = None if to is None else find_named(to, client.devices.list())
    device = _find_next(client) if named is None else named.device
    _tell_said(client, client.alerts.hand_off(alert.alert_id, device, reason))
    remark(f"{call_device(device)} is called first now. It has to be taken there.")


def _find_next(client: Client) -> DeviceId:
    for tier in client.oncall.show().tiers:
        for held in tier.devices:
            if not held.is_this:
                return held.device
    raise UsageRefused("Nobody else is on call now: name a colleague's device with --to.")


def _tell_sent(client: Client, alert_id: bytes, sent: Sent) -> None:
    say(f"The alert is called {call_id(alert_id)}.")
    _tell_said(client, sent)


def _tell_said(client: Client, sent: Sent) -> None:
    talk(client)
    tell_sent(client, sent)
    states = [entry.state for entry in client.outbox() if entry.local_id == sent.local_id]
    if "stored_at_relay" not in states:
        ring()
        warn(
            "NOT DELIVERED. It is on this machine only, and goes out when the relay can be "
            "reached: leave `quietway watch` running, and phone."
        )
