"""Taking an alert, and saying that one can't: words to both agencies, and nothing that is believed.

Spec: docs/spec/alerts.md, "Claiming".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.alerting.rounds import find_round
from quietway.saying import saying_refusals
from quietway.speaking import Calling, speak
from quietway_schemas.content.alert import AlertClaimed, AlertDeclined
from quietway_schemas.content.roles import CASEWORK, ON_CALL, is_among

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.alerting.rounds import AlertRound
    from quietway.reports import Sent
    from quietway_schemas.content.roles import Roles
    from quietway_schemas.ids import AgencyId, DeviceId


async def claim_alert(agent: Agent, alert_id: bytes) -> Sent:
    """Say that the person at this device has an alert now; whoever is not called yet stays so.

    Raises:
        NotFound: This agency was not called by such an alert.
        RoleRefused: This device has no role on call.
        StorageFull: Nothing was said.
    """
    held = await find_round(agent, alert_id)
    content = AlertClaimed(
        alert_id=alert_id,
        at=agent.clocks.believe(agent.clock.now()),
        round=held.number,
        exercise=held.alert.exercise,
    )
    return await speak(
        agent,
        content,
        to=find_told(agent, held),
        conversation=held.conversation,
        devices=list_told(agent, held),
        calling=Calling(shown=held.shown),
    )


async def decline_alert(agent: Agent, alert_id: bytes, reason_code: str) -> Sent:
    """Say that the person at this device can't take it. Nobody is called any sooner for that.

    Raises:
        ContentRefused: No such reason.
        QuietwayError: As `claim_alert`.
    """
    held = await find_round(agent, alert_id)
    with saying_refusals():
        content = AlertDeclined(
            alert_id=alert_id,
            at=agent.clocks.believe(agent.clock.now()),
            round=held.number,
            reason_code=reason_code,
            exercise=held.alert.exercise,
        )
    return await speak(
        agent,
        content,
        to=find_told(agent, held),
        conversation=held.conversation,
        devices=list_told(agent, held),
    )


def find_told(agent: Agent, held: AlertRound) -> tuple[AgencyId, ...]:
    """Find whom to tell: one's own agency, and who raised it, unless nothing goes there now."""
    agency, own = held.raised_by, agent.keyring.agency
    hindrance = agent.standings.hindrance(agency) or agent.directory.hindrance(
        agency, agent.clock.now()
    )
    # Where nobody is left there who may receive it, that keeps nobody from taking the alert.
    is_heard = _list_with(agent, agency, CASEWORK) or not agent.directory.devices_of(agency)
    goes = agency in agent.lanes.partners and not hindrance and is_heard
    return (own, agency) if goes else (own,)


def list_told(agent: Agent, held: AlertRound) -> tuple[DeviceId, ...]:
    """List the devices that are told: whoever is on call here, and the one that raised it.

    Where that one has left, or may receive it no more, all of its agency's that may are.
    """
    there = _list_with(agent, held.raised_by, CASEWORK)
    on_call = _list_with(agent, agent.keyring.agency, ON_CALL)
    return tuple(sorted(on_call | ({held.raised_on} & there or there)))


def _list_with(agent: Agent, agency: AgencyId, roles: Roles) -> frozenset[DeviceId]:
    found = agent.directory.devices_of(agency)
    return frozenset(each.device for each in found if is_among(each.roles, roles))
