"""The chain of statements that says who takes part in a huddle, walked from its beginning.

Theory of operation. Of all statements that were heard those are looked for that join on, one after
the other, each signed by the owner that the one before names. Each says all of who takes part, so
a later one of the same owner counts also where one between is missing. Where the owner told two
stories, those take part who stand in both; and where another device of the lead agency goes on for
an owner that is gone, the same one is found on every device.

Rules: nobody but the owner brings anybody in. The answer depends on what was heard and never on the
order in which it came.

Spec: docs/spec/crises.md, "Who takes part".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import TAG_VERSION_HASH, hash_tagged
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from quietway_schemas.content.crisis import HuddleMembers
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

GRACE_MS: Final = 10 * MINUTE
"""What was said before somebody was put out may come so much later than the word of that."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it was heard.

    Attributes:
        content: What it says.
        agency: Of the device that said it.
        device: Which said it.
        came_at: When it came here.
    """

    content: HuddleMembers = field(repr=False)
    agency: AgencyId
    device: DeviceId
    came_at: Instant = 0

    @property
    def name(self) -> bytes:
        """By what the next one names it, 32 bytes."""
        return name_statement(self.content)

    @property
    def seats(self) -> dict[DeviceId, Seat]:
        """Who takes part by it."""
        return {
            member.device: Seat(party.agency, member.device, member.role)
            for party in self.content.parties
            for member in party.members
        }


@dataclass(frozen=True, slots=True)
class Seat:
    """One device that takes part: its agency, and what its person does there."""

    agency: AgencyId
    device: DeviceId
    role: str


@dataclass(frozen=True, slots=True)
class Authority:
    """Whose word begins a chain.

    Attributes:
        opener: The agency that opened the event.
        opener_device: Its device.
        me: This device.
        believed: The agencies whose owner may bring this device in.
    """

    opener: AgencyId
    opener_device: DeviceId
    me: DeviceId
    believed: frozenset[AgencyId]


@dataclass(frozen=True, slots=True)
class Membership:
    """Who takes part now, as far as it is known here.

    Attributes:
        statements: Those that count, in order; empty before the huddle is open.
        seats: Who takes part.
        put_out: Who took part: when that ended by its word, and when the word came here.
        forked: Whether the owner told two stories.
        behind: Whether statements are missing.
        refused: How many statements do not count.
    """

    statements: tuple[Statement, ...] = ()
    seats: Mapping[DeviceId, Seat] = field(default_factory=dict)
    put_out: Mapping[DeviceId, tuple[Instant, Instant]] = field(default_factory=dict)
    forked: bool = False
    behind: bool = False
    refused: int = 0

    @property
    def last(self) -> Statement | None:
        """The last statement that counts."""
        return self.statements[-1] if self.statements else None

    @property
    def owner(self) -> Seat | None:
        """Whose device says the next one; its agency leads."""
        if self.last is None:
            return None
        return self.last.seats[self.last.content.owner]

    def may_have_said(self, device: DeviceId, created: Instant, came_at: Instant) -> bool | None:
        """Say whether what a device said counts; None while it is not known who it is."""
        if device in self.seats:
            return True
        if device not in self.put_out:
            return None
        at, heard = self.put_out[device]
        return created <= at and came_at <= heard + GRACE_MS

    def find_role(self, device: DeviceId, created: Instant, came_at: Instant) -> str | None:
        """Say what somebody did there when they said something; None where no statement says.

        What stood at its time counts; but whatever time it states, what was heard here by then.
        """
        roles = [
            held.seats[device].role
            for held in self.statements
            if device in held.seats
            and (held.content.at <= created or held.came_at + GRACE_MS < came_at)
        ]
        return roles[-1] if roles else None


def name_statement(content: HuddleMembers) -> bytes:
    """Name a statement (32 bytes)."""
    return hash_tagged(TAG_VERSION_HASH, content.to_canonical())


def find_membership(heard: Iterable[Statement], authority: Authority) -> Membership:
    """Say who takes part, by all statements that were heard of one event."""
    said = {held.name + held.device.value: held for held in heard}.values()
    begun = _find_beginnings(said, authority)
    if not begun:
        return Membership(refused=len(said))
    walk = _Walk(said, begun)
    while walk.go_on():
        pass
    return walk.tell()


def _find_beginnings(said: Collection[Statement], authority: Authority) -> list[Statement]:
    """Find the first statement; several where its author told several stories of it."""
    roots = [held for held in said if _is_root(held, authority)]
    anchors = [held for held in said if _is_anchor(held, authority)]
    if roots or not anchors:
        return roots
    first = min(anchors, key=lambda held: _rank(held, authority))
    return [
        held
        for held in anchors
        if (held.device, held.content.epoch) == (first.device, first.content.epoch)
    ]


def _is_root(held: Statement, authority: Authority) -> bool:
    content = held.content
    opened = (held.agency, held.device) == (authority.opener, authority.opener_device)
    return opened and content.epoch == 0 and content.follows is None


def _is_anchor(held: Statement, authority: Authority) -> bool:
    seats = held.seats
    return (
        held.agency in authority.believed
        and held.device == held.content.owner
        and seats[held.device].agency == held.agency
        and authority.me in seats
    )


def _rank(held: Statement, authority: Authority) -> tuple[bool, bool, int, bytes]:
    follows = held.content.follows is not None
    return follows, held.agency != authority.opener, held.content.epoch, held.device.value


class _Walk:
    """One walk along a chain, and along those that go on for it."""

    def __init__(self, said: Collection[Statement], begun: Sequence[Statement]) -> None:
        self._said = said
        self._chain: list[Statement] = []
        self._used: set[bytes] = set()
        self._seats: dict[DeviceId, Seat] = {}
        self._put_out: dict[DeviceId, tuple[Instant, Instant]] = {}
        self._kept_out: set[DeviceId] = set()
        self._floor = 0
        self._is_forked = self._is_behind = False
        self._go_by(min(begun, key=lambda held: held.name))
        if len(begun) > 1:
            self._keep_to_both(begun)

    def go_on(self) -> bool:
        """Take one step; False where there is none."""
        return (not self._is_forked and self._take_next()) or self._take_successor()

    def tell(self) -> Membership:
        """Say what was found."""
        return Membership(
            statements=tuple(self._chain),
            seats=dict(self._seats),
            put_out=dict(self._put_out),
            forked=self._is_forked,
            behind=self._is_behind,
            refused=len({held.name for held in self._said} - self._used),
        )

    def _take_next(self) -> bool:
        current = self._chain[-1]
        later = [held for held in self._said if self._is_later(held, current)]
        if not later:
            return False
        epoch = min(held.content.epoch for held in later)
        found = [held for held in later if held.content.epoch == epoch]
        joins_on = epoch == current.content.epoch + 1
        if len(found) > 1 or (joins_on and found[0].content.prev != current.name):
            self._keep_to_both(found)
            return False
        # It says all of who takes part, so what is missing before it is missed by nobody else.
        self._is_behind = self._is_behind or not joins_on
        self._go_by(found[0])
        return True

    def _is_later(self, held: Statement, current: Statement) -> bool:
        owner = current.content.owner
        return (
            held.device == owner
            and held.agency == current.seats[owner].agency
            and held.content.epoch > current.content.epoch
            and held.name not in self._used
        )

    def _take_successor(self) -> bool:
        places = {held.name: place for place, held in enumerate(self._chain)}
        found = [
            (places[followed], held)
            for held in self._said
            if (followed := held.content.follows) in places
            and places[followed] >= self._floor
            and held.name not in self._used
            and _may_follow(held, self._chain[places[followed]])
        ]
        if not found:
            return False
        place, chosen = max(found, key=_prefer)
        # Whom the old chain put out after what is followed stays out.
        self._kept_out |= self._chain[place].seats.keys() - self._seats.keys()
        self._chain = self._chain[: place + 1]
        self._floor = len(self._chain)
        self._is_forked = False
        self._go_by(chosen)
        return True

    def _go_by(self, held: Statement) -> None:
        self._chain.append(held)
        self._used.add(held.name)
        named = held.seats
        self._note_put_out(self._seats.keys() - named.keys(), (held,))
        self._kept_out &= named.keys()
        self._seats = {
            device: seat for device, seat in named.items() if device not in self._kept_out
        }
        for device in self._seats:
            self._put_out.pop(device, None)

    def _keep_to_both(self, stories: Collection[Statement]) -> None:
        """Where two stories were told, those take part who stand in all of them."""
        self._is_forked = True
        self._used |= {held.name for held in stories}
        both = set.intersection(*(set(held.seats) for held in stories))
        self._note_put_out(self._seats.keys() - both, stories)
        self._seats = {key: seat for key, seat in self._seats.items() if key in both}

    def _note_put_out(self, devices: Iterable[DeviceId], by: Collection[Statement]) -> None:
        at = min(held.content.at for held in by)
        heard = min(held.came_at for held in by)
        for device in devices:
            self._put_out.setdefault(device, (at, heard))


def _may_follow(held: Statement, followed: Statement) -> bool:
    seat = followed.seats.get(held.device)
    lead = followed.seats[followed.content.owner].agency
    goes_on = held.content.owner == held.device != followed.content.owner
    return goes_on and seat is not None and seat.agency == held.agency == lead


def _prefer(found: tuple[int, Statement]) -> tuple[int, int, bytes, bytes]:
    place, held = found
    # The later epoch; then the earlier time, the lower device, the lower name.
    return place, -held.content.at, _turn(held.device.value), _turn(held.name)


def _turn(raw: bytes) -> bytes:
    return bytes(255 - one for one in raw)
