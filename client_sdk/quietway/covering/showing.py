"""Who is on call, as it is shown: whom an alert would reach, and who was heard of them.

Spec: docs/spec/on-call.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from quietway.covering.judging import list_gaps
from quietway.oncall.heard import tell_state
from quietway.oncall.reaching import find_scheduled, find_tiers
from quietway.oncall.tiers import each_once, list_devices
from quietway_schemas.content.oncall import TIERS

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.oncall.gaps import CoverGap
    from quietway.oncall.heard import CoverState
    from quietway_schemas.content.oncall import TierName
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

CoverSource: TypeAlias = Literal["rota", "published", "roles"]


@dataclass(frozen=True, slots=True)
class CoverDevice:
    """A device that is on call.

    Attributes:
        device: Which.
        program: The program that its certificate names, as `HARBOR-SHELTER`.
        state: What its last heartbeat means now; None for a partner's: that is not told.
        heard_at: When it was heard last; None where it was not.
        is_this: Whether it is this device.
        has_other_rota: Whether its last heartbeat went by another rota than this device does.
    """

    device: DeviceId
    program: str
    state: CoverState | None
    heard_at: Instant | None
    is_this: bool = False
    has_other_rota: bool = False


@dataclass(frozen=True, slots=True)
class CoverTier:
    """Who is called together.

    Attributes:
        name: `primary`, `backup`, `supervisor` or `leadership`.
        devices: Who; empty where they are called earlier already, or there is nobody.
    """

    name: TierName
    devices: tuple[CoverDevice, ...]


@dataclass(frozen=True, slots=True)
class OnCall:
    """Whom an alert reaches at a moment.

    Attributes:
        at: Which moment.
        agency: Whose.
        tiers: Always four, from who is called first to who is called last.
        source: Who says so: the `rota`, what a partner `published`, or the `roles` of devices.
        gaps: Of one's own agency, those of the next two weeks.
        is_crossed: Whether two rotas cross, so that both count.
        is_unreachable: Whether this device is on call, and no alert would arrive here.
    """

    at: Instant
    agency: AgencyId
    tiers: tuple[CoverTier, ...]
    source: CoverSource
    gaps: tuple[CoverGap, ...] = ()
    is_crossed: bool = False
    is_unreachable: bool = False


def show_on_call(agent: Agent, agency: AgencyId, at: Instant) -> OnCall:
    """Show whom an alert to an agency reaches at a moment."""
    is_own = agency == agent.keyring.agency
    tiers = each_once(find_tiers(agent, agency, at))
    return OnCall(
        at=at,
        agency=agency,
        tiers=tuple(
            CoverTier(name, tuple(_show_device(agent, agency, held) for held in tier))
            for name, tier in zip(TIERS, tiers, strict=True)
        ),
        source=_find_source(agent, agency, at),
        gaps=list_gaps(agent) if is_own else (),
        is_crossed=is_own and len(agent.oncall.known.current) > 1,
        is_unreachable=is_own and agent.cover.is_unreachable(agent.clock),
    )


def _find_source(agent: Agent, agency: AgencyId, at: Instant) -> CoverSource:
    if not list_devices(find_scheduled(agent, agency, at)):
        return "roles"
    return "rota" if agency == agent.keyring.agency else "published"


def _show_device(agent: Agent, agency: AgencyId, device: DeviceId) -> CoverDevice:
    held, keyring = agent.directory.device(agency, device), agent.keyring
    heard = agent.oncall.heard.get(device) if agency == keyring.agency else None
    is_this = device == keyring.device
    now = agent.clock.now()
    state: CoverState | None = None
    if agency == keyring.agency:
        state = "awake" if is_this else tell_state(heard, now)
    return CoverDevice(
        device=device,
        program="" if held is None else held.program,
        state=state,
        heard_at=None if heard is None else heard.at,
        is_this=is_this,
        has_other_rota=not is_this and heard is not None and heard.rota != agent.oncall.rota_name,
    )
