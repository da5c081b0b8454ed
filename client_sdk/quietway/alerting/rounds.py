"""The round that an alert is in, as this device knows it; what answers it is said here.

Spec: docs/spec/alerts.md, "What is said".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.engine.inputs import Shown
from quietway.errors import NotFound
from quietway.history import list_tagged
from quietway.standing import of_alert
from quietway.views.alerts import may_begin
from quietway_schemas.content.alert import AlertMinimal

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, ConversationId, DeviceId

LISTED_BY: Final = "quietway alert list"


@dataclass(frozen=True, slots=True)
class AlertRound:
    """The newest round of an alert that this device was called in, or calls its own agency in.

    Attributes:
        alert: What was said, with one's own case reference.
        conversation: Where all of it is said.
        raised_by: The agency that raised it, and is told who has it.
        raised_on: Its device that did.
        shown: What claims each of its ladders that was opened here.
    """

    alert: AlertMinimal
    conversation: ConversationId
    raised_by: AgencyId
    raised_on: DeviceId
    shown: tuple[Shown, ...] = field(repr=False)

    @property
    def number(self) -> int:
        """Which round it is, from 0."""
        return self.alert.round


async def find_round(agent: Agent, alert_id: bytes) -> AlertRound:
    """Find the newest round of an alert.

    Raises:
        NotFound: This agency was never called by such an alert, as far as this device knows.
    """
    calls = await list_calls(agent, alert_id)
    if not calls:
        raise NotFound("An alert by that id that this device was called by", LISTED_BY)
    newest = max(alert.round for _, alert in calls)
    current = [(held, alert) for held, alert in calls if alert.round == newest]
    first, alert = current[0]
    return AlertRound(
        alert=alert,
        conversation=first.conversation,
        raised_by=alert.raised_by or first.agency,
        raised_on=alert.raised_on or first.device or agent.keyring.device,
        shown=tuple(
            Shown(alert.ladder_id, held.cancel_secret)
            for held, alert in current
            if held.cancel_secret
        ),
    )


async def list_calls(agent: Agent, alert_id: bytes) -> list[tuple[StoredMessage, AlertMinimal]]:
    """List the alerts of all rounds by which this agency is called, oldest first."""
    return [
        (held, held.content)
        for held in await list_tagged(agent, of_alert(alert_id))
        if isinstance(held.content, AlertMinimal) and calls_own(agent, held)
    ]


def calls_own(agent: Agent, held: StoredMessage) -> bool:
    """Say whether an alert calls this device's agency, and its signer may begin that round."""
    own = agent.keyring.agency
    return may_begin(held, own) and (held.received or own in held.to)
