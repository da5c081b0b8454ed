"""`client.alerts`: calling whoever is on call, taking what one is called for, and verifying it.

An alert is a code about a case, to the people on call at the one agency that leads it. It has no
text. Whether somebody has it, only their signed word tells; until that is here, this device waits
for it, and tells its user when to pick up the telephone.

Spec: docs/spec/alerts.md; docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.alerting.claiming import claim_alert, decline_alert
from quietway.alerting.listing import find_alert, list_alerts
from quietway.alerting.phoning import write_script
from quietway.alerting.raising import draft_alert, raise_alert
from quietway.alerting.releasing import hand_off_alert, release_alert
from quietway.alerting.rungs import USUAL_DUES, arrange_rungs
from quietway.alerting.verifying import list_broadcasts, second, verify
from quietway.errors import ContentRefused, LeadUnknown, NobodyToCall
from quietway.faces.casework import read_case, summarise
from quietway.oncall.reaching import find_tiers
from quietway_schemas.holds import HORIZON_SECONDS, MOST_TIERS

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.alerting.phoning import PhoneScript
    from quietway.alerting.verifying import AlertBroadcast
    from quietway.reports import Sent
    from quietway.views.alerts import Alert
    from quietway_schemas.ids import CaseRef, DeviceId


@dataclass(frozen=True, slots=True)
class SentAlert:
    """An alert that was raised here.

    Attributes:
        alert_id: Its id; `client.alerts.show` shows how it stands.
        sent: How far it has come.
    """

    alert_id: bytes
    sent: Sent


class AsyncAlerts:
    """Alerts: raised, claimed, verified."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def send(
        self,
        case: CaseRef | str,
        code: str,
        *,
        urgency: str = "urgent",
        ladder: Sequence[int] = USUAL_DUES,
        exercise: bool = False,
    ) -> SentAlert:
        """Call the people on call at the agency that leads a case, and nobody else.

        It is on this disk before the network is tried, and so is the timer that alarms here where
        nobody takes it.

        Args:
            case: One's own reference.
            code: Of the list `alert_code`. There is no text.
            urgency: Of the list `time_sensitivity`.
            ladder: After how many seconds each tier is called, 1 to 4, the first 0.
            exercise: Whether it is a drill.

        Raises:
            NotFound: There is no such case in this store.
            LeadUnknown: Nobody is known here to lead it. The error says whom to phone.
            NobodyToCall: No device there may receive an alert. The same.
            ContentRefused: There is no such code, or no such ladder. Nothing was written.
            QuietwayError: As `client.messages.send`: consent, roles, partners. The same.
        """
        agent, now = self._agent, self._agent.clock.now()
        ref, messages = await read_case(agent, case)
        lead = summarise(agent, ref, messages).lead.agency
        script = await write_script(agent, lead, ref, raised_at=now, exercise=exercise)
        if lead is None:
            raise LeadUnknown(str(ref), script)
        tiers = find_tiers(agent, lead, now)
        rungs = arrange_rungs(tiers, me=agent.keyring.device, dues=_check_ladder(ladder))
        if not rungs:
            raise NobodyToCall(script.agency_code, script)
        content = await draft_alert(
            agent, ref, code, to=lead, rungs=rungs, urgency=urgency, exercise=exercise
        )
        row = agent.watch.begin(content.alert_id, exercise=exercise)
        sent = await raise_alert(agent, content, to=lead, rungs=rungs, also=[row])
        return SentAlert(content.alert_id, sent)

    async def list(self, *, open_only: bool = True, exercise: bool = False) -> builtins.list[Alert]:
        """List the alerts that are here, oldest first.

        Args:
            open_only: Only those that nobody has.
            exercise: The drills, and none that is real.
        """
        found = await list_alerts(self._agent, exercise=exercise)
        return [alert for alert in found if alert.is_open or not open_only]

    async def show(self, alert_id: bytes | str) -> Alert:
        """Show an alert: who has it, whose turn is next, how far it is verified.

        Raises:
            NotFound: There is no such alert in this store.
        """
        return await find_alert(self._agent, alert_id)

    async def claim(self, alert_id: bytes | str) -> Sent:
        """Say that the person at this device has it. It stops everywhere, and all are told who.

        Raises:
            NotFound: There is no such alert in this store.
            RoleRefused: This device is not one on call.
            ContentRefused: It calls another agency, or is over.
        """
        alert = await self._find_called(alert_id)
        return await claim_alert(self._agent, alert.alert_id)

    async def decline(self, alert_id: bytes | str, reason_code: str) -> Sent:
        """Say "not me". Whoever is called next is called at their time.

        Raises:
            As `claim`; and ContentRefused where there is no such reason.
        """
        alert = await self._find_called(alert_id)
        return await decline_alert(self._agent, alert.alert_id, reason_code)

    async def hand_off(self, alert_id: bytes | str, to: DeviceId, reason_code: str) -> Sent:
        """Call a colleague's device first, and everybody else after it. It has to be claimed there.

        Raises:
            As `decline`; and ContentRefused where that device is none on call of this agency.
        """
        agent, alert = self._agent, await self._find_called(alert_id)
        return await hand_off_alert(
            agent,
            alert.alert_id,
            to,
            reason_code,
            tiers=self._find_own_tiers(),
            also=[agent.watch.begin(alert.alert_id, number=alert.round, exercise=alert.exercise)],
        )

    async def release(self, alert_id: bytes | str, reason_code: str) -> Sent:
        """Say that nobody has it any more: it climbs again from the first tier on.

        Raises:
            As `decline`.
        """
        agent, alert = self._agent, await self._find_called(alert_id)
        return await release_alert(
            agent,
            alert.alert_id,
            reason_code,
            tiers=self._find_own_tiers(),
            also=[agent.watch.begin(alert.alert_id, number=alert.round, exercise=alert.exercise)],
        )

    async def verify(
        self, alert_id: bytes | str, source_class: str, result: str, *, basis: str | None = None
    ) -> Sent:
        """Say what a source says of an alert. Who raised it can't.

        Args:
            alert_id: Which.
            source_class: Of the list `verification_source`.
            result: `supports` or `contradicts`.
            basis: `professional_judgement` where there is no source; it counts once a second
                person stands by it (`second`).

        Raises:
            NotFound: There is no such alert in this store.
            ContentRefused: It was raised on this device, or a code is none. Nothing was written.
        """
        return await verify(self._agent, alert_id, source_class, result, basis=basis)

    async def second(self, alert_id: bytes | str) -> Sent:
        """Stand by somebody else's judgement about an alert, as the second person.

        Raises:
            NotFound: There is no such alert in this store.
            ContentRefused: No judgement of anybody else waits for that, or it was raised here.
        """
        return await second(self._agent, alert_id)

    async def broadcasts(self, alert_id: bytes | str) -> builtins.list[AlertBroadcast]:
        """List to whom this device told more of an alert, when, and on which ground.

        Raises:
            NotFound: There is no such alert in this store.
        """
        alert = await find_alert(self._agent, alert_id)
        return await list_broadcasts(self._agent, alert.alert_id)

    async def phone_script(self, alert_id: bytes | str) -> PhoneScript:
        """Say whom to phone about an alert, and in which words.

        Raises:
            NotFound: There is no such alert in this store.
        """
        alert = await find_alert(self._agent, alert_id)
        return await write_script(
            self._agent,
            alert.lead,
            alert.case,
            raised_at=alert.raised_at,
            exercise=alert.exercise,
        )

    async def _find_called(self, alert_id: bytes | str) -> Alert:
        alert = await find_alert(self._agent, alert_id)
        if alert.lead != self._agent.keyring.agency:
            raise ContentRefused("alert_id", "calls another agency: tell them on the telephone.")
        if alert.state == "over":
            raise ContentRefused("alert_id", "is over: raise it anew.")
        return alert

    def _find_own_tiers(self) -> tuple[tuple[DeviceId, ...], ...]:
        agent = self._agent
        return find_tiers(agent, agent.keyring.agency, agent.clock.now())


def _check_ladder(ladder: Sequence[int]) -> tuple[int, ...]:
    """Demand a ladder that the relay takes: 1 to 4 tiers, the first at once, each later."""
    dues = tuple(ladder)
    grows = list(dues) == sorted(set(dues))
    if not 0 < len(dues) <= MOST_TIERS or dues[0] != 0 or not grows or dues[-1] > HORIZON_SECONDS:
        raise ContentRefused(
            "ladder", "is not 1 to 4 growing numbers of seconds, from 0 to 4 hours."
        )
    return dues
