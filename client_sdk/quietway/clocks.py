"""The clocks of one device: what they say is heard, judged and remembered.

One object for each process that may erase, since going on is measured within it. The judging itself
is `erasing`'s; here are the clocks, and the mark that outlives the process.

Spec: docs/spec/keys.md, "When is it time: the clock".
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, assert_never

from quietway.erasing import Believed, Doubt, Doubted, Reading, Watch, judge
from quietway.errors import ClockDoubted, StorageFull

if TYPE_CHECKING:
    from quietway.erasing import Verdict
    from quietway.high_water import Mark
    from quietway.ports import Clock
    from quietway_schemas.instants import Instant


class Clocks:
    """What is believed of the time. Nothing is, until something was heard.

    Args:
        machine: The machine's clock as it is, not set right by any relay.
        mark: Where the high-water mark is kept.
    """

    def __init__(self, machine: Clock, mark: Mark) -> None:
        self._machine = machine
        self._mark = mark
        self._watch = Watch(mark.read())
        self._verdict: Verdict = Doubted(Doubt.UNCONFIRMED, 0)

    @property
    def problem(self) -> ClockDoubted | None:
        """Why nothing may be erased now, or None where the time is believed."""
        verdict = self._verdict
        return ClockDoubted(verdict.why, verdict.off_ms) if isinstance(verdict, Doubted) else None

    def demand(self) -> Instant:
        """Return the time that was believed when the clocks were heard last.

        Raises:
            ClockDoubted: None was.
        """
        match self._verdict:
            case Believed(at):
                return at
            case Doubted(why, off_ms):
                raise ClockDoubted(why, off_ms)
            case _:
                assert_never(self._verdict)

    def believe(self, now: Instant) -> Instant:
        """Return the time by which something begins: `now`, unless this machine's clock jumped.

        Then it is what the steady clock counted since a time was believed; across a restart, no
        earlier than the high-water mark.

        Args:
            now: What the clock says, set right as far as that is known.
        """
        reading = Reading(self._machine.now(), self._machine.steady())
        watch, verdict = judge(self._watch, reading)
        if isinstance(verdict, Believed):
            return now
        if watch.anchor is not None:
            return watch.anchor.at + reading.steady - watch.anchor.steady
        return max(now, watch.high_water or now)

    def end_by(self, now: Instant) -> Instant:
        """Return the time by which something may end: as `believe`, and no later than is certain.

        What is shown too long is mended by the relay's next answer.
        """
        believed = self.believe(now)
        reading = Reading(self._machine.now(), self._machine.steady())
        watch, verdict = judge(self._watch, reading)
        is_certain = isinstance(verdict, Believed) or watch.anchor is not None
        return believed if is_certain else min(believed, watch.high_water or believed)

    def hear(self, relay_now: Instant | None) -> None:
        """Judge the clocks of this moment, by the relay's answer where it gave one."""
        reading = Reading(self._machine.now(), self._machine.steady(), relay_now)
        self._watch, self._verdict = judge(self._watch, reading)
        if isinstance(self._verdict, Believed) and self._watch.high_water is not None:
            # A full disk keeps the former mark, which only makes the next start more careful.
            with suppress(StorageFull):
                self._mark.note(self._watch.high_water)

    def hear_refusal(self, off_ms: int) -> None:
        """Note that the relay's clock and this machine's differ by too much."""
        self._verdict = Doubted(Doubt.DIFFERS, off_ms)
