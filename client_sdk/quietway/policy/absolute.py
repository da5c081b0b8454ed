"""Absolute objects: of several versions that nobody could put in order, the more protective counts.

Theory of operation. A version names the versions that its author saw. What a known version names is
gone; what none names is current. So what counts is a function of the *set* of known versions, and
not of the order in which they came, nor of any clock. `Versions` keeps the names that were named
and the current versions, which is all that the set comes to: adding is idempotent, commutative and
associative, and a body that was named is let go of.

Rules: of several current versions `ended` wins over `paused`, and that over `granted`; of grants
what all of them grant, until the earliest end. A version that protects names no other that protects
more, so nobody undoes an end by the way: that takes a grant which names it.

Spec: docs/spec/conversations.md, "Absolute objects".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway_schemas.instants import Instant

MOST_SEEN: Final = 16
"""So many versions one version names at most; what is left stays current, and is named next."""


class Named(Protocol):
    """What makes a version: its own name, and the names of those that its author saw."""

    @property
    def name(self) -> bytes:
        """32 bytes."""
        ...

    @property
    def supersedes(self) -> frozenset[bytes]:
        """The names of the versions that its author saw."""
        ...


_Version = TypeVar("_Version", bound=Named)
_Held_co = TypeVar("_Held_co", bound=Named, covariant=True)


class Stance(IntEnum):
    """How far a version goes; the greater protects more."""

    GRANTED = 0
    PAUSED = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class Permission:
    """One version of a permission.

    Attributes:
        name: 32 bytes.
        supersedes: Which versions its author saw.
        stance: How far it goes.
        scopes: What it grants; None for everything.
        until: When it ends; None for never.
    """

    name: bytes
    supersedes: frozenset[bytes]
    stance: Stance
    scopes: frozenset[str] | None = None
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class Versions(Generic[_Held_co]):
    """All that a set of versions comes to.

    Attributes:
        current: Those that no known version names, by name.
        named: Every name that a known version names, also of what is not known yet.
    """

    current: Mapping[bytes, _Held_co] = field(default_factory=dict)
    named: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What counts.

    Attributes:
        stance: The most protective one of the current versions.
        scopes: What all of them grant; None for everything. Nothing, where the stance is no grant.
        until: The earliest end of any of them; None for none.
    """

    stance: Stance
    scopes: frozenset[str] | None
    until: Instant | None

    def allows(self, scope: str, *, now: Instant) -> bool:
        """Say whether this may be shared now."""
        if self.stance is not Stance.GRANTED or (self.until is not None and self.until <= now):
            return False
        return self.scopes is None or scope in self.scopes


def learn(known: Versions[_Version], *versions: _Version) -> Versions[_Version]:
    """Take versions in, in whatever order, however often."""
    named = known.named.union(*(version.supersedes for version in versions))
    current = {**known.current, **{version.name: version for version in versions}}
    return Versions(
        {name: current[name] for name in sorted(current) if name not in named},
        named,
    )


def decide(current: Iterable[Permission]) -> Decision | None:
    """Say what counts among current versions; None where there is none."""
    held = tuple(current)
    if not held:
        return None
    stance = max(version.stance for version in held)
    ends = [version.until for version in held if version.until is not None]
    until = min(ends, default=None)
    if stance is not Stance.GRANTED:
        return Decision(stance, frozenset(), until)
    limits = [version.scopes for version in held if version.scopes is not None]
    return Decision(stance, frozenset.intersection(*limits) if limits else None, until)


def name_seen(known: Versions[Permission], stance: Stance) -> tuple[bytes, ...]:
    """Give the names that a new version of this stance carries, sorted.

    A grant names all: it is a person's decision that undoes what it saw. What protects names only
    what protects no more than itself.
    """
    seen = [
        version
        for version in known.current.values()
        if stance is Stance.GRANTED or version.stance <= stance
    ]
    # Where not all have room, those that protect most come first: a grant is to be effective.
    first = sorted(seen, key=lambda version: (-version.stance, version.name))[:MOST_SEEN]
    return tuple(sorted(version.name for version in first))
