"""Looking at who is on call with what the directory says of their devices: gaps, duty, tiers.

Spec: docs/spec/on-call.md, "Gaps".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.oncall.gaps import AHEAD_MS, find_gaps
from quietway.oncall.reaching import judge_device
from quietway.oncall.tiers import tier_of
from quietway.roles import my_roles
from quietway_schemas.content.roles import ON_CALL

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.oncall.gaps import CoverGap, Unfit
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant


def list_gaps(agent: Agent, *, ahead_ms: int = AHEAD_MS) -> tuple[CoverGap, ...]:
    """List the gaps from now on; none where there is no rota."""
    if not agent.oncall.has_rota:
        return ()
    now, directory, agency = agent.clock.now(), agent.directory, agent.keyring.agency

    def judge(device: DeviceId) -> Unfit | None:
        return judge_device(directory, agency, device, now)

    return find_gaps(agent.oncall.lay_out(now, now + ahead_ms), judge)


def find_duty(agent: Agent, now: Instant) -> int | None:
    """Say in which tier this device stands by the rota, as a place from 0; None for in none."""
    if not agent.oncall.has_rota:
        return None
    return tier_of(agent.oncall.lay_out(now, now + 1)[0].tiers, agent.keyring.device)


def may_decide(agent: Agent) -> bool:
    """Say whether this device's roles let it speak of who is on call."""
    return not ON_CALL.isdisjoint(my_roles(agent))
