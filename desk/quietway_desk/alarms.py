"""What makes a machine ring: an alert that came, and one of one's own that nobody has taken.

Rules: what rings says nothing about a case; who wants to know looks at the card. A drill says so in
its first word. Whom to phone is shown where nobody took an alert, without being asked for.

Spec: docs/reference/desk.md, "quietway watch".
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, assert_never

from quietway import AlertClaimed, AlertRaised, AlertReleased, AlertsDigested, AlertUnanswered
from quietway.codes import label_of
from quietway_desk.naming import call_id
from quietway_desk.screen import remark, say, warn

if TYPE_CHECKING:
    from typing import TypeAlias

    from quietway import Client

    OfAlerts: TypeAlias = (
        AlertClaimed | AlertRaised | AlertReleased | AlertsDigested | AlertUnanswered
    )

_ALARMS = (AlertClaimed, AlertRaised, AlertReleased, AlertsDigested, AlertUnanswered)
_BELL = "\a"
_WHY = {
    "not_accepted": "The relay has not taken your alert, so nobody was called.",
    "not_claimed": "Nobody has taken your alert, as far as is proved here.",
}


def ring() -> None:
    """Ring the terminal's bell; elsewhere than at one do nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(_BELL)
        sys.stderr.flush()


def show_alarm(client: Client, event: OfAlerts) -> None:
    """Ring for what happened to an alert, in words that are always the same."""
    drill = "EXERCISE. " if event.exercise else ""
    match event:
        case AlertRaised():
            ring()
            warn(f"{drill}An alert came. Look: quietway alert show {call_id(event.alert_id)}")
        case AlertsDigested():
            ring()
            warn(f"{drill}More alerts came: {event.alerts}. Look: quietway alert list")
        case AlertClaimed():
            remark(f"{drill}Somebody has the alert {call_id(event.alert_id)}.")
        case AlertReleased():
            ring()
            warn(
                f"{drill}Nobody has the alert {call_id(event.alert_id)} any more: it climbs again."
            )
        case AlertUnanswered():
            ring()
            warn(f"{drill}{_WHY[event.why]} PHONE NOW:")
            show_script(client, event.alert_id)
        case _:
            assert_never(event)


def show_script(client: Client, alert_id: bytes) -> None:
    """Show whom to phone about an alert, and in which words."""
    for line in client.alerts.phone_script(alert_id).lines:
        say(line)
    say(f"Both sides call this alert {call_id(alert_id)}: quietway alert show {call_id(alert_id)}")


def await_claim(client: Client, alert_id: bytes) -> None:
    """Stay until somebody has an alert; where nobody takes it, say whom to phone and stay on."""
    remark("Waiting until somebody has it. Ctrl-C leaves; it climbs on, but nothing rings here.")
    for event in client.events():
        if not isinstance(event, _ALARMS):
            continue
        # Whoever waits here may be called themselves: what comes of other alerts rings as well.
        show_alarm(client, event)
        if isinstance(event, AlertClaimed) and event.alert_id == alert_id:
            _tell_holder(client, alert_id)
            return


def _tell_holder(client: Client, alert_id: bytes) -> None:
    alert = client.alerts.show(alert_id)
    if alert.holder is not None:
        who = alert.holder.program or "a colleague"
        say(f"{who} has it. Verified: {label_of('verification_state', alert.verification)}.")
