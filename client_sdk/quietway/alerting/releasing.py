"""Giving an alert up: it is said, and in the same commit the next round is begun.

So nobody can let go of an alert without calling somebody else: where nobody is left to call, it is
refused, and whoever has it keeps it.

Spec: docs/spec/alerts.md, "Claiming".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.alerting.claiming import find_told, list_told
from quietway.alerting.raising import ID_BYTES
from quietway.alerting.rounds import find_round
from quietway.alerting.rungs import arrange_rungs, put_first
from quietway.errors import NobodyToCall, RoleRefused
from quietway.saying import saying_refusals
from quietway.speaking import Calling, compose, report_sent
from quietway_schemas.content.alert import AlertHandedOff, AlertReleased
from quietway_schemas.content.roles import ON_CALL, is_among, list_roles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.agent import Agent
    from quietway.alerting.rounds import AlertRound
    from quietway.engine.inputs import Compose, Rung
    from quietway.ports import Delete, Put
    from quietway.reports import Sent
    from quietway_schemas.content.alert import OfRound
    from quietway_schemas.ids import DeviceId


async def release_alert(
    agent: Agent,
    alert_id: bytes,
    reason_code: str,
    *,
    tiers: Sequence[Sequence[DeviceId]],
    also: Iterable[Put | Delete] = (),
) -> Sent:
    """Let go of an alert: the on-call of one's own agency is called anew, from the first tier on.

    Args:
        agent: Of this device.
        alert_id: Which.
        reason_code: Of `alert_reason`.
        tiers: Who is on call now, as `find_tiers` gives it.
        also: Rows that belong into the same commit.

    Raises:
        ContentRefused: No such reason.
        NobodyToCall: Nobody else is there. Nothing was said.
        QuietwayError: As `claim_alert`.
    """
    held = await find_round(agent, alert_id)
    with saying_refusals():
        word = AlertReleased(
            alert_id=alert_id,
            at=agent.clocks.believe(agent.clock.now()),
            round=held.number,
            reason_code=reason_code,
            exercise=held.alert.exercise,
        )
    return await _begin_round(agent, held, word, _arrange(agent, tiers), also)


async def hand_off_alert(
    agent: Agent,
    alert_id: bytes,
    to: DeviceId,
    reason_code: str,
    *,
    tiers: Sequence[Sequence[DeviceId]],
    also: Iterable[Put | Delete] = (),
) -> Sent:
    """Ask one device's person first; whoever else is on call is called after them.

    Raises:
        RoleRefused: That is no device of this agency with a role on call.
        QuietwayError: As `release_alert`.
    """
    _check_on_call(agent, to)
    held = await find_round(agent, alert_id)
    with saying_refusals():
        word = AlertHandedOff(
            alert_id=alert_id,
            at=agent.clocks.believe(agent.clock.now()),
            round=held.number,
            reason_code=reason_code,
            to_device=to,
            exercise=held.alert.exercise,
        )
    return await _begin_round(agent, held, word, _arrange(agent, put_first(to, tiers)), also)


async def _begin_round(
    agent: Agent,
    held: AlertRound,
    word: OfRound,
    rungs: tuple[Rung, ...],
    also: Iterable[Put | Delete],
) -> Sent:
    if not rungs:
        raise NobodyToCall(agent.keyring.agency_code)
    told = compose(
        agent,
        word,
        find_told(agent, held),
        held.conversation,
        devices=list_told(agent, held),
    )
    await agent.settle(told, _call_again(agent, held, rungs), also=also)
    return await report_sent(agent, told, await agent.send_what_waits())


def _call_again(agent: Agent, held: AlertRound, rungs: tuple[Rung, ...]) -> Compose:
    own = agent.keyring.agency
    alert = held.alert.model_copy(
        update={
            "ladder_id": agent.entropy.draw(ID_BYTES),
            "tiers": tuple(rung.due for rung in rungs),
            "round": held.number + 1,
            "raised_by": held.raised_by,
            "raised_on": held.raised_on,
        }
    )
    calling = Calling(hold_id=alert.ladder_id, rungs=rungs)
    return compose(agent, alert, (own,), held.conversation, calling=calling)


def _arrange(agent: Agent, tiers: Sequence[Sequence[DeviceId]]) -> tuple[Rung, ...]:
    return arrange_rungs(tiers, me=agent.keyring.device)


def _check_on_call(agent: Agent, device: DeviceId) -> None:
    held = agent.directory.device(agent.keyring.agency, device)
    if held is None or not is_among(held.roles, ON_CALL):
        raise RoleRefused("alert.minimal", "received", list_roles(ON_CALL))
