"""What alerts need of a person, and who waits for a second person's word.

Spec: docs/spec/alerts.md, "What is due"; docs/spec/referrals.md, "What is due".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.alerting.listing import list_alerts
from quietway.guarding.seconding import list_requests
from quietway.views.due import Due
from quietway_schemas.content.roles import ON_CALL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.views.alerts import Alert
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

SOURCE: Final = "alerts"
_ON_CALL: Final = tuple(sorted(ON_CALL))
_WORDS: Final = {
    "answer_alert": "An alert: claim it, or say that you can't.",
    "await_claim": "Your alert was raised, and nobody has it yet.",
    "confirm_override": "A colleague asks for a second person: read it with them, then confirm.",
    "phone_alert": "YOUR ALERT REACHED NOBODY, as far as is known here: call them now.",
    "second_judgement": "Somebody judged an alert to be true: stand by it, or say otherwise.",
    "verify_alert": "You have this alert: check it with a trusted source. Nobody else is told yet.",
}


async def list_due_alerts(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List the alerts to be answered, phoned about, awaited and verified. Drills are not there."""
    del now
    alarmed = await agent.watch.list_standing()
    lines: list[Due] = []
    for alert in await list_alerts(agent):
        if alert.state != "over":
            lines += _list_lines(alert, agent.keyring.device, is_alarm=alert.alert_id in alarmed)
    return lines


async def list_due_seconds(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List what colleagues ask a second person for: overrides of the guard."""
    del now
    return [
        Due(
            source="guard",
            kind="confirm_override",
            subject=held.digest.hex(),
            at=held.at,
            turn="ours",
            words=_WORDS["confirm_override"],
        )
        for held in await list_requests(agent)
    ]


def _list_lines(alert: Alert, me: DeviceId, *, is_alarm: bool) -> Iterable[Due]:
    called_here = not alert.sent_here
    if alert.is_open and called_here:
        yield _write(alert, "answer_alert", alert.raised_at, roles=_ON_CALL)
    if alert.is_open and alert.sent_here:
        phones = is_alarm or alert.state == "unanswered"
        yield _write(alert, "phone_alert" if phones else "await_claim", alert.unanswered_at)
    holder = alert.holder
    if holder is not None and holder.device == me and alert.verification == "unverified":
        yield _write(alert, "verify_alert", holder.at)
    waiting = [one for one in alert.verified if one.awaits_second and one.device != me]
    if waiting and called_here and alert.verification == "unverified":
        yield _write(alert, "second_judgement", waiting[-1].at)


def _write(alert: Alert, kind: str, at: Instant, *, roles: tuple[str, ...] = ()) -> Due:
    return Due(
        source=SOURCE,
        kind=kind,
        subject=alert.alert_id.hex(),
        at=at,
        turn="theirs" if kind == "await_claim" else "ours",
        agency=alert.lead if alert.sent_here else alert.raised_by,
        roles=roles,
        words=_WORDS[kind],
    )
