"""Whom an alert is sealed for: an agency's devices in four tiers, as far as is known here.

Rules: whoever left the agency, has no role that receives alerts, or has published no key that one
can be sealed to, stands in no tier (the last, unless that is so of everybody). What a partner
published, or one's own rota, says who stands where; where that gives nobody, the roles do. A tier
in which nobody is left has those of the next one, and the last ones those of the one before: no
tier is empty as long as the agency has one device that may receive an alert.

Spec: docs/spec/on-call.md, "Whom an alert reaches".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.oncall.published import find_published
from quietway.oncall.tiers import (
    BACKUP,
    NOBODY,
    add_where_empty,
    each_once,
    fill_tiers,
    keep,
    list_devices,
)
from quietway_schemas.content.roles import ON_CALL
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.keyring.standing import VerifiedDevice
    from quietway.keyring.trust import Directory
    from quietway.oncall.gaps import Unfit
    from quietway.oncall.tiers import Tiers
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

ROLES_OF_TIER: Final = ("on_call_lead", "coordination_lead", "supervisor", "agency_lead")
"""Who stands in a tier where nobody said who is on call; of these each receives alerts."""
_WRONG_CLOCK: Final = frozenset({"behind", "differs"})
_BY_ROLE: Final = range(BACKUP + 1, len(ROLES_OF_TIER))
"""Supervisor and leadership: few rotas name them."""


def find_tiers(agent: Agent, agency: AgencyId, now: Instant) -> Tiers:
    """Find an agency's devices that an alert is sealed for, in four tiers.

    Args:
        agent: Of this device.
        agency: A partner, or one's own.
        now: Milliseconds since 1970-01-01T00:00:00Z.

    Returns:
        Always four. None is empty, or, where the agency has no device that may receive an alert,
        all are. A device may stand in several: the first of them is the one that counts.
    """
    eligible = list_eligible(agent.directory, agency)
    reachable = [held for held in eligible if has_live_keys(agent.directory, held, now)]
    devices = reachable or eligible
    by_role = tiers_by_role(devices)
    named = {held.device for held in devices}
    scheduled = each_once(keep(find_scheduled(agent, agency, now), named.__contains__))
    if not list_devices(scheduled):
        return fill_tiers(by_role)
    return fill_tiers(add_where_empty(scheduled, by_role, _BY_ROLE))


def find_scheduled(agent: Agent, agency: AgencyId, now: Instant) -> Tiers:
    """Say whom an agency's rota names at a moment, whatever became of them since.

    Nobody, where this machine's clock is known to be wrong: it would be those of another shift.
    """
    book = agent.oncall
    if is_clock_wrong(agent):
        return NOBODY
    if agency != agent.keyring.agency:
        return find_published(book.published.get(agency), now)
    return book.lay_out(now, now + 1)[0].tiers if book.has_rota else NOBODY


def is_clock_wrong(agent: Agent) -> bool:
    """Say whether the relay, or this device's own past, contradicts the clock."""
    problem = agent.clocks.problem
    return problem is not None and problem.reason in _WRONG_CLOCK


def list_eligible(directory: Directory, agency: AgencyId) -> tuple[VerifiedDevice, ...]:
    """List an agency's devices that may receive an alert."""
    held = directory.devices_of(agency)
    return tuple(one for one in held if not ON_CALL.isdisjoint(one.roles))


def has_live_keys(directory: Directory, held: VerifiedDevice, now: Instant) -> bool:
    """Say whether an alert can be sealed to a device now."""
    epoch = EnvelopeClass.FLASH.epoch_of(now)
    return directory.has_published(held.device, EnvelopeClass.FLASH, epoch, agency=held.agency)


def judge_device(
    directory: Directory, agency: AgencyId, device: DeviceId, now: Instant
) -> Unfit | None:
    """Say why no alert reaches a device; None where one does."""
    held = directory.device(agency, device)
    if held is None:
        return "device_left"
    if ON_CALL.isdisjoint(held.roles):
        return "without_role"
    return None if has_live_keys(directory, held, now) else "without_keys"


def tiers_by_role(devices: Iterable[VerifiedDevice]) -> Tiers:
    """Put devices into the tiers of their roles, each into its first, whoever was seen last first.

    Args:
        devices: Each with one of the four roles at least.
    """
    ranked = sorted(devices, key=lambda held: (-held.last_seen, held.device))
    return tuple(
        tuple(held.device for held in ranked if _rank(held) == place)
        for place in range(len(ROLES_OF_TIER))
    )


def _rank(held: VerifiedDevice) -> int:
    return next(place for place, role in enumerate(ROLES_OF_TIER) if role in held.roles)
