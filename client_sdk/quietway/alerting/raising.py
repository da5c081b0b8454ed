"""Raising an alert: drafted, asked about like everything else, and its ladder written down.

Rules: the draft holds nothing but codes. What is written down is handed over by whatever process
opens this store next, so nothing between the commit and the relay can lose it.

Spec: docs/spec/alerts.md, "Sending".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import NobodyToCall
from quietway.naming import find_alias
from quietway.saying import saying_refusals
from quietway.speaking import Calling, speak
from quietway_schemas.content.alert import AlertMinimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.agent import Agent
    from quietway.engine.inputs import Rung
    from quietway.ports import Delete, Put
    from quietway.reports import Sent
    from quietway_schemas.ids import AgencyId, CaseRef

ID_BYTES: Final = 16


async def draft_alert(
    agent: Agent,
    case: CaseRef,
    code: str,
    *,
    to: AgencyId,
    rungs: Sequence[Rung],
    urgency: str = "urgent",
    exercise: bool = False,
) -> AlertMinimal:
    """Draft an alert about a case; nothing is said yet.

    Args:
        agent: Of this device.
        case: By one's own reference.
        code: Of `alert_code`.
        to: The agency whose on-call is asked: one's own, where it leads.
        rungs: Whom to call there; see `arrange_rungs`.
        urgency: Of `time_sensitivity`.
        exercise: Whether it is a drill.

    Raises:
        ContentRefused: No such code.
        NobodyToCall: Nobody stands on the rungs.
    """
    if not rungs:
        raise NobodyToCall(agent.directory.agency_code(to) or str(to))
    is_own = to == agent.keyring.agency
    with saying_refusals():
        return AlertMinimal(
            case_ref=case if is_own else await find_alias(agent, case, to),
            alert_id=agent.entropy.draw(ID_BYTES),
            ladder_id=agent.entropy.draw(ID_BYTES),
            code=code,
            urgency=urgency,
            raised_at=agent.clocks.believe(agent.clock.now()),
            tiers=tuple(rung.due for rung in rungs),
            exercise=exercise,
        )


async def raise_alert(
    agent: Agent,
    content: AlertMinimal,
    *,
    to: AgencyId,
    rungs: Sequence[Rung],
    also: Iterable[Put | Delete] = (),
) -> Sent:
    """Call the people on these rungs, one rung after the other, until somebody claims.

    Args:
        agent: Of this device.
        content: From `draft_alert`.
        to: As there.
        rungs: As there.
        also: Rows that belong into the same commit.

    Returns:
        Where it is `stored_at_relay`, the relay has the ladder; else it is tried again and again.

    Raises:
        QuietwayError: As `speaking.speak`. Nothing was written.
    """
    calling = Calling(hold_id=content.ladder_id, rungs=tuple(rungs))
    return await speak(agent, content, to=(to,), calling=calling, also=also)
