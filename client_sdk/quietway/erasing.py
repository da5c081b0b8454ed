"""When is it time: what may be believed of the clocks before anything is erased. Pure.

What is erased never comes back, so a wrong clock must not decide it. What can be known of the time:

- the machine's own clock, which anyone at the machine can set;
- its steady clock, which nobody can, but which says nothing across a restart;
- the high-water mark: the latest time that was believed here, written down;
- the relay's answer, where it gave one just now.

`judge` says by which time one may erase, or why by none. An answer of the relay that agrees to two
hours settles it. Without one the machine's clock must have gone on from the last time that was
believed as the steady clock did; across a restart, by two hours at most. Otherwise nothing is
erased until a relay has answered. Keeping something too long is mended by the next answer.

Spec: docs/spec/keys.md, "When is it time: the clock".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from quietway.compared_clock import LEFT_ALONE_MS
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

MOST_SKEW_MS: Final = 2 * HOUR


class Doubt(StrEnum):
    """Why nothing is erased."""

    DIFFERS = "differs"  # The relay says another time than this machine.
    BEHIND = "behind"  # The clock is behind a time that was believed before.
    JUMPED = "jumped"  # The clock went on otherwise than time did, while this program ran.
    UNCONFIRMED = "unconfirmed"  # No relay has answered since the last start, and that is too long.


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clocks say at one moment.

    Attributes:
        machine: The machine's clock.
        steady: Its steady clock, in milliseconds since some moment.
        relay: The relay's, where it has answered just now.
    """

    machine: Instant
    steady: int
    relay: Instant | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The moment at which the time was believed, from which a clock's going on is measured.

    Attributes:
        at: The time that was believed.
        machine: What the machine's clock said then.
        steady: What its steady clock said then.
    """

    at: Instant
    machine: Instant
    steady: int


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of the clocks.

    Attributes:
        high_water: The latest time that was believed; None where none ever was.
        anchor: Of this process; None until a time was believed in it.
    """

    high_water: Instant | None = None
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class Believed:
    """It is this time: what is due by it may be erased."""

    at: Instant


@dataclass(frozen=True, slots=True)
class Doubted:
    """Nothing may be erased.

    Attributes:
        why: The reason.
        off_ms: How far this machine's clock is ahead of what it was compared with.
    """

    why: Doubt
    off_ms: int


Verdict: TypeAlias = Believed | Doubted


def judge(watch: Watch, reading: Reading) -> tuple[Watch, Verdict]:
    """Judge what the clocks say.

    Returns:
        What to remember from now on, and by which time to erase, or why not to.
    """
    if reading.relay is not None:
        return _by_relay(watch, reading, reading.relay)
    return _by_machine(watch, reading)


def _by_relay(watch: Watch, reading: Reading, relay: Instant) -> tuple[Watch, Verdict]:
    off = reading.machine - relay
    if abs(off) > MOST_SKEW_MS:
        return watch, Doubted(Doubt.DIFFERS, off)
    at = relay if abs(off) > LEFT_ALONE_MS else reading.machine
    # Also where the mark was later: then this machine's clock had run ahead, and is right now.
    return Watch(at, Anchor(at, reading.machine, reading.steady)), Believed(at)


def _by_machine(watch: Watch, reading: Reading) -> tuple[Watch, Verdict]:
    anchor, high_water = watch.anchor, watch.high_water
    if high_water is None:
        return watch, Doubted(Doubt.UNCONFIRMED, 0)
    if anchor is None:
        return _across_a_restart(watch, reading, high_water)
    gone_on = reading.machine - anchor.machine
    off = gone_on - (reading.steady - anchor.steady)
    if abs(off) > MOST_SKEW_MS:
        return watch, Doubted(Doubt.JUMPED, off)
    at = anchor.at + gone_on
    if at < high_water - MOST_SKEW_MS:
        return watch, Doubted(Doubt.BEHIND, at - high_water)
    return replace(watch, high_water=max(high_water, at)), Believed(at)


def _across_a_restart(watch: Watch, reading: Reading, high_water: Instant) -> tuple[Watch, Verdict]:
    off = reading.machine - high_water
    if off < -MOST_SKEW_MS:
        return watch, Doubted(Doubt.BEHIND, off)
    if off > MOST_SKEW_MS:
        return watch, Doubted(Doubt.UNCONFIRMED, off)
    anchor = Anchor(reading.machine, reading.machine, reading.steady)
    return Watch(max(high_water, reading.machine), anchor), Believed(reading.machine)
