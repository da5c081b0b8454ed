"""Verify before broadcast: who checked an alert, and that nobody else is told of it before (V24).

An alert goes to the people on call at one agency. Telling more of it (calling other agencies into a
crisis, inviting them to a huddle, setting a status that alarms them) spreads what may be a mistake,
or a trap. So each way of telling more asks here first; `speaking.speak` asks for what it sends, and
whoever seals in another way asks `check_broadcast`.

Rules: the agency that raised it and the one that was called may be told anything of it. For all
others somebody who did not raise it has to have corroborated it, through a source, or by judgement
that a second person stands by. What was told to more, on which ground, is a row of this store in
the commit that tells it.

Spec: docs/spec/alerts.md, "Verification" and "Telling more".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.alerting.listing import find_alert, list_of_case
from quietway.engine.codec import Fields, write_row
from quietway.errors import ContentRefused, NotCorroborated
from quietway.ports import Put
from quietway.saying import saying_refusals
from quietway.speaking import speak
from quietway_schemas.content.alert import AlertVerify, AlertVerifySecond, OfAlert
from quietway_schemas.content.alert_states import WIDENS
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.ports import Row
    from quietway.reports import Sent
    from quietway.views.alerts import Alert
    from quietway.views.verification import AlertVerified
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import CaseRef
    from quietway_schemas.instants import Instant

BROADCAST: Final = "alert_broadcast"
"""Which alerts were told to more than those on call, to whom and on which ground."""
ACTIVATION: Final = "crisis.activate"
ALARMING: Final = frozenset(
    {
        "checkin_missed",
        "heightened_concern",
        "order_violation_reported",
        "threat_corroborated",
        "threat_unverified",
    }
)
"""Statuses that tell a partner what an alert tells."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """An alert that more may be told of.

    Attributes:
        alert_id: Which.
        verification: `corroborated` or `confirmed`.
        grounds: By whose words: none of them is of the device that raised it.
    """

    alert_id: bytes
    verification: str
    grounds: tuple[AlertVerified, ...]

    def write(self, told: bytes, to: Iterable[AgencyId], now: Instant) -> Put:
        """Give the row that belongs into the commit that tells more of it.

        Args:
            told: The local id of what tells it.
            to: Whom.
            now: Milliseconds since 1970-01-01T00:00:00Z.
        """
        first = self.grounds[0]
        row = write_row(
            alert=self.alert_id,
            at=now,
            to=[str(agency) for agency in to],
            verification=self.verification,
            source=first.source_class,
            basis=first.basis or "",
            by=str(first.device),
            second="" if first.second is None else str(first.second),
        )
        return Put(BROADCAST, told + self.alert_id, row)


@dataclass(frozen=True, slots=True)
class AlertBroadcast:
    """One time that more were told of an alert than those on call.

    Attributes:
        at: When.
        to: Whom.
        verification: How far it was verified then.
        source_class: Through which class of source, a code of the list `verification_source`.
        basis: `professional_judgement`; empty where the source itself spoke.
        verified_by: The device of who verified it.
        second: The device of the second person; None where it took none.
    """

    at: Instant
    to: tuple[AgencyId, ...]
    verification: str
    source_class: str
    basis: str
    verified_by: DeviceId
    second: DeviceId | None


async def verify(
    agent: Agent, alert_id: bytes | str, source_class: str, result: str, *, basis: str | None
) -> Sent:
    """Say what a source says of an alert; see `AsyncAlerts.verify`."""
    alert = await find_alert(agent, alert_id)
    _check_another(agent, alert)
    with saying_refusals():
        content = AlertVerify(
            alert_id=alert.alert_id,
            at=agent.clock.now(),
            source_class=source_class,
            result=result,
            basis=basis,
            exercise=alert.exercise,
        )
    return await say_of_alert(agent, alert, content)


async def second(agent: Agent, alert_id: bytes | str) -> Sent:
    """Stand by a colleague's judgement; see `AsyncAlerts.second`."""
    alert = await find_alert(agent, alert_id)
    _check_another(agent, alert)
    me = agent.keyring.device
    waiting = [one for one in alert.verified if one.awaits_second and one.device != me]
    name = waiting[-1].message_id if waiting else None
    if name is None:
        raise ContentRefused(
            "alert_id", "has no judgement of somebody else that waits for a second person."
        )
    content = AlertVerifySecond(
        alert_id=alert.alert_id,
        at=agent.clock.now(),
        verification=name,
        exercise=alert.exercise,
    )
    return await say_of_alert(agent, alert, content)


async def say_of_alert(agent: Agent, alert: Alert, content: OfAlert) -> Sent:
    """Say something of an alert to the agency that raised it, and to the one that was called."""
    me = agent.keyring.agency
    others = {alert.raised_by, alert.lead} - {me}
    return await speak(agent, content, to=others or {me}, conversation=alert.conversation)


async def check_broadcast(agent: Agent, alert_id: bytes | str) -> Broadcast:
    """Demand that more than those on call may be told of an alert.

    Whoever tells more writes `Broadcast.write` into the commit that tells it.

    Raises:
        NotFound: There is no such alert in this store.
        NotCorroborated: Nobody who did not raise it has corroborated it. Tell nobody else.
    """
    return _demand(await find_alert(agent, alert_id))


async def check_broadcast_of_case(
    agent: Agent, case: CaseRef, *, exercise: bool = False
) -> tuple[Broadcast, ...]:
    """Demand the same of what stands of a case's alerts, for what names none of them.

    What is over or unfounded does not stand.

    Raises:
        NotCorroborated: One of them is not corroborated. Tell nobody else.
    """
    standing = await _list_unchecked(agent, case, exercise=exercise)
    return tuple(_demand(alert) for alert in standing)


async def check_widening(
    agent: Agent, content: ContentModel, agencies: Iterable[AgencyId]
) -> tuple[Broadcast, ...]:
    """Demand it of what is to be said, where that would tell more agencies of an alert.

    Raises:
        NotCorroborated: It would, and the alert is not corroborated. Nothing was written.
    """
    if not isinstance(content, CaseContent) or not _spreads(content):
        return ()
    found: dict[bytes, Broadcast] = {}
    for agency in agencies:
        for alert in await _list_told_of(agent, content, agency):
            if agency not in {alert.lead, alert.raised_by, agent.keyring.agency}:
                found[alert.alert_id] = _demand(alert)
    return tuple(found.values())


async def list_broadcasts(agent: Agent, alert_id: bytes) -> list[AlertBroadcast]:
    """List to whom more was told of an alert from this device, oldest first."""
    rows = await agent.store.scan(BROADCAST)
    found = [_read(row) for row in rows if Fields(row.value).raw("alert") == alert_id]
    return sorted(found, key=lambda held: held.at)


def _spreads(content: CaseContent) -> bool:
    if isinstance(content, StatusIndicator):
        return content.code in ALARMING
    return content.type == ACTIVATION


async def _list_told_of(agent: Agent, content: CaseContent, agency: AgencyId) -> list[Alert]:
    if content.case_ref is None:
        return []
    case = agent.cases.own_case(content.case_ref, agency)
    named: bytes | None = getattr(content, "alert_id", None)
    if named is not None and (alert := await find_alert(agent, named)).case == case:
        return [alert]
    return await _list_unchecked(agent, case, exercise=content.exercise)


async def _list_unchecked(agent: Agent, case: CaseRef, *, exercise: bool) -> list[Alert]:
    # What was found to be unfounded is not what a later word about this case spreads.
    standing = await list_of_case(agent, case, exercise=exercise)
    return [held for held in standing if held.verification != "unfounded"]


def _demand(alert: Alert) -> Broadcast:
    grounds = tuple(one for one in alert.verified if one.counted and one.result == "supports")
    if alert.verification not in WIDENS or not grounds:
        raise NotCorroborated(alert.alert_id, alert.verification)
    return Broadcast(alert.alert_id, alert.verification, grounds)


def _check_another(agent: Agent, alert: Alert) -> None:
    if alert.sent_here or alert.raised_on == agent.keyring.device:
        raise ContentRefused(
            "alert_id", "was raised on this device: ask somebody else to verify it."
        )


def _read(row: Row) -> AlertBroadcast:
    held = Fields(row.value)
    another = held.text("second")
    return AlertBroadcast(
        at=held.number("at"),
        to=tuple(AgencyId.from_text(text) for text in held.texts("to")),
        verification=held.text("verification"),
        source_class=held.text("source"),
        basis=held.text("basis"),
        verified_by=DeviceId.from_text(held.text("by")),
        second=DeviceId.from_text(another) if another else None,
    )
