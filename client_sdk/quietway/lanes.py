"""The lanes this device may send through: one for each partner, which the partner gave it.

A capability is derived for the week of the moment and shown to the relay, which keeps its hash and
a count. Until a partner has given this device a lane of its own, the invitation's lane serves while
it lives. For the agency's own other devices each device derives its lane itself.

Rules: a granted lane is on the disk before it is used, in this device's store alone. Of two, the
one of the later secret counts.

Spec: docs/spec/lanes.md, "Grant" and "Quotas".
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.engine.codec import Fields, write_row
from quietway.errors import LaneAwaited, OverQuota, RelayRefused, UnknownPartner
from quietway.partners import PartnerRecord
from quietway_crypto.lanes import derive_capability, derive_lane
from quietway_crypto.secret import Secret
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import iso_week

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from quietway.keyring.keyring import Keyring
    from quietway.ports import Relay, Row
    from quietway_schemas.instants import Instant

GRANTED_LANE: Final = "granted_lane"
_Answer = TypeVar("_Answer")
NORMAL: Final = "normal"
CRISIS: Final = "crisis"
NOT_FOUND: Final = "not_found"
"""What the relay answers where a lane opens nothing there, or there is no such mailbox."""


@dataclass(frozen=True, slots=True)
class GrantedLane:
    """The lane that a partner gave this device.

    Attributes:
        lane: 32 bytes; a secret that does not print.
        since: When the secret was drawn that it is made of.
        created: When the partner said so.
    """

    lane: Secret = field(repr=False)
    since: Instant
    created: Instant

    def is_later_than(self, held: GrantedLane | None) -> bool:
        """Say whether this one counts, and not the one that is held."""
        return held is None or (self.since, self.created) > (held.since, held.created)

    def to_row(self) -> bytes:
        """Write it for the store."""
        return write_row(lane=self.lane.reveal(), since=self.since, created=self.created)

    @classmethod
    def from_row(cls, row: Row) -> GrantedLane:
        """Read it back."""
        held = Fields(row.value)
        return cls(Secret(held.raw("lane")), held.number("since"), held.number("created"))


class LaneBook:
    """The partners of this agency, and the right to send to each."""

    def __init__(
        self,
        keyring: Keyring,
        partners: Mapping[AgencyId, PartnerRecord],
        granted: Mapping[AgencyId, GrantedLane],
    ) -> None:
        self._keyring = keyring
        self._partners = dict(partners)
        self._granted = dict(granted)

    @classmethod
    def restore(
        cls, keyring: Keyring, partners: Iterable[Row], granted: Iterable[Row] = ()
    ) -> LaneBook:
        """Bring back what the store holds."""
        return cls(
            keyring,
            {AgencyId(row.key): PartnerRecord.from_row(row) for row in partners},
            {AgencyId(row.key): GrantedLane.from_row(row) for row in granted},
        )

    @property
    def partners(self) -> Mapping[AgencyId, PartnerRecord]:
        """By agency, in the order in which they were added."""
        return self._partners

    def add(self, record: PartnerRecord) -> None:
        """Take a partner in, or its newer invitation."""
        self._partners[record.invitation.agency_id] = record

    def granted(self, agency: AgencyId) -> GrantedLane | None:
        """Return the lane that an agency gave this device, or None."""
        return self._granted.get(agency)

    def take(self, agency: AgencyId, granted: GrantedLane) -> None:
        """Take a granted lane in, after it is on the disk."""
        self._granted[agency] = granted

    def ways(
        self, agency: AgencyId, now: Instant, *, urgent: bool = False
    ) -> tuple[tuple[bytes, ...], ...]:
        """Derive what may be shown to the relay to send to an agency this week.

        Returns:
            For each lane, the best one first, its capabilities: `crisis` before `normal` where it
            is urgent, else `normal` alone.

        Raises:
            UnknownPartner: There is no invitation of theirs.
            LaneAwaited: They have not given this device a lane, and the invitation's is over.
        """
        kinds = (CRISIS, NORMAL) if urgent else (NORMAL,)
        lanes = self._lanes(agency, now)
        if not lanes:
            raise LaneAwaited(self._partners[agency].invitation.agency_code)
        week = iso_week(now)
        return tuple(tuple(derive_capability(lane, week, kind) for kind in kinds) for lane in lanes)

    def _lanes(self, agency: AgencyId, now: Instant) -> list[Secret]:
        keyring = self._keyring
        if agency == keyring.agency:
            return [Secret(derive_lane(keyring.agency_secret, keyring.device.value))]
        record = self._partners.get(agency)
        if record is None:
            raise UnknownPartner(str(agency))
        granted = self._granted.get(agency)
        lanes = [] if granted is None else [granted.lane]
        if record.invitation.lives(now):
            lanes.append(record.invitation.lane)
        return lanes


async def hand_over(
    relay: Relay, ways: Sequence[Sequence[bytes]], records: Sequence[bytes]
) -> None:
    """Hand records to the relay by the first way that it takes: the same bytes, whichever it is.

    Raises:
        RelayError: What the last way came to.
    """
    await go_by(ways, lambda capability: relay.submit(capability, records))


async def go_by(
    ways: Sequence[Sequence[bytes]], give: Callable[[bytes], Awaitable[_Answer]]
) -> _Answer:
    """Give something to the relay by the first way that it takes.

    Args:
        ways: From `LaneBook.ways`. A kind that is spent gives way to the next of its lane, and a
            lane that opens nothing to the next lane.
        give: Gives it under one capability.

    Raises:
        RelayError: What the last way came to.
    """
    for lane in ways[:-1]:
        try:
            return await _go_by(lane, give)
        except RelayRefused as refused:
            # A lane that opened for what stands before it is good: that one mailbox is gone, and
            # another lane would lay the blame on others.
            if refused.code != NOT_FOUND or refused.index:
                raise
    return await _go_by(ways[-1], give)


async def _go_by(lane: Sequence[bytes], give: Callable[[bytes], Awaitable[_Answer]]) -> _Answer:
    for capability in lane[:-1]:
        with suppress(OverQuota):
            return await give(capability)
    return await give(lane[-1])
