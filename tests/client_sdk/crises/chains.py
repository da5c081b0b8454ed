"""Statements of who takes part, as three devices of two agencies and a stranger say them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.crisis.chain import Authority, Statement, find_membership
from quietway_schemas.content.crisis import HuddleMember, HuddleMembers, HuddleParty
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.crisis.chain import Membership

EVENT: Final = b"\x05" * 16
NOW: Final = 1_795_428_000_000
A: Final = AgencyId(b"a" * 16)
B: Final = AgencyId(b"b" * 16)
X: Final = AgencyId(b"x" * 16)
OWNER: Final = DeviceId(b"1" * 16)
COLLEAGUE: Final = DeviceId(b"2" * 16)
THIRD: Final = DeviceId(b"3" * 16)
MEMBER: Final = DeviceId(b"4" * 16)
OTHER: Final = DeviceId(b"5" * 16)
STRANGER: Final = DeviceId(b"9" * 16)
AGENCIES: Final = {
    OWNER: A,
    COLLEAGUE: A,
    THIRD: A,
    MEMBER: B,
    OTHER: B,
    STRANGER: X,
}


def state(
    *devices: DeviceId,
    after: Statement | None = None,
    by: DeviceId = OWNER,
    owner: DeviceId | None = None,
    follows: Statement | None = None,
    at: int = 0,
    came_at: int = 0,
    epoch: int | None = None,
    role: str = "scribe",
) -> Statement:
    """Say who takes part."""
    agencies = sorted({AGENCIES[device] for device in devices})
    content = HuddleMembers(
        event_id=EVENT,
        epoch=(0 if after is None else after.content.epoch + 1) if epoch is None else epoch,
        prev=None if after is None else after.name,
        follows=None if follows is None else follows.name,
        owner=owner or by,
        parties=tuple(
            HuddleParty(
                agency=agency,
                members=tuple(
                    HuddleMember(device=device, role=role)
                    for device in sorted(devices)
                    if AGENCIES[device] == agency
                ),
            )
            for agency in agencies
        ),
        change="opened",
        at=NOW + at,
    )
    return Statement(content, AGENCIES[by], by, NOW + (came_at or at))


def find(heard: Iterable[Statement], *, me: DeviceId = MEMBER) -> Membership:
    """Say who takes part, by what one device heard."""
    authority = Authority(A, OWNER, me, frozenset({A, AGENCIES[me]}))
    return find_membership(heard, authority)
