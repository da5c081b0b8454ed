"""The dead-man timer: who raised an alert hears where nobody took it, whatever the relay says.

Theory of operation. With an alert a row is written, in the same commit, that says when it began. A
timer of this device looks at these rows: after a minute the relay must have taken the whole ladder;
at the last tier's time a signed claim must be here that counts (`views.alerts` says which). What is
missing then is an *alarm*, on this device, by nobody's leave: it needs no network.

An alert's *age* is the more of two counts: what the machine's wall clock says since it began, and
the time that its steady clock counted while a program ran, kept with the row. So a clock that is
put back delays nothing, one that is put on brings the alarm forward, and after a restart that was
late the alarm comes at once. What the relay says the time is does not enter into it.

Rules: each alarm is told once to a program that listens; what nobody heard is told to the first one
that does. Only a claim that counts stops it, and one that counts no more (it was released, or its
device turned out to be in other hands) starts it again. A full disk silences nothing.

Spec: docs/spec/alerts.md, "The dead-man timer".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.alerting.alarms_file import SLICE_SECONDS
from quietway.alerting.listing import find_whatever
from quietway.alerting.paging import is_heard
from quietway.engine.codec import Fields, write_row
from quietway.errors import QuietwayError, StorageFull
from quietway.events import AlertUnanswered
from quietway.ports import Delete, Put
from quietway.records import MESSAGE
from quietway.standing import OF_ANY_ALERT
from quietway.views.alerts import LIFE_MS
from quietway_schemas.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.alerting.alarms_file import Alarms
    from quietway.ports import Row, Write
    from quietway.views.alerts import Alert
    from quietway_schemas.instants import Instant

WATCH: Final = "alert_watch"
"""The alerts that this device waits for an answer to, by their ids."""
ACCEPTED_WITHIN_MS: Final = MINUTE
"""How long the relay has for taking a whole ladder."""
_KEPT_EVERY_MS: Final = MINUTE
_SAME_MS: Final = 2 * SECOND

Why: TypeAlias = Literal["not_accepted", "not_claimed"]


@dataclass(frozen=True, slots=True)
class Watched:
    """An alert that an answer is waited for.

    Attributes:
        alert_id: Which.
        round: Which time it is called out.
        exercise: Whether it is a drill.
        began: When, by the machine's wall clock.
        counted_ms: What the steady clock counted since.
        fired: The alarms that were due.
        heard: Those that a program was told of.
    """

    alert_id: bytes
    round: int
    exercise: bool
    began: Instant
    counted_ms: int = 0
    fired: frozenset[Why] = frozenset()
    heard: frozenset[Why] = frozenset()

    def write(self) -> Put:
        """Give its row."""
        row = write_row(
            round=self.round,
            exercise=self.exercise,
            began=self.began,
            counted=self.counted_ms,
            fired=sorted(self.fired),
            heard=sorted(self.heard),
        )
        return Put(WATCH, self.alert_id, row)


class AlertWatch:
    """Looks after the alerts of one device."""

    def __init__(self, agent: Agent, alarms: Alarms) -> None:
        self._agent = agent
        self._alarms = alarms
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._steady: dict[bytes, tuple[int, int]] = {}
        self._unwritten: dict[bytes, Watched] = {}
        self._dues: list[tuple[Watched, int]] = []
        self._is_empty = True
        self._looked_at = 0

    def begin(self, alert_id: bytes, *, number: int = 0, exercise: bool = False) -> Put:
        """Give the row that belongs into the commit of an alert.

        Args:
            alert_id: The alert's.
            number: The round.
            exercise: Whether it is a drill.
        """
        self._forget(alert_id)
        began = self._agent.compared.machine_now()
        return Watched(alert_id, number, exercise, began).write()

    def note(self, writes: Iterable[Write]) -> None:
        """Follow a commit: what is new about an alert is looked at now."""
        if any(isinstance(write, Put) and _is_of_alert(write) for write in writes):
            self._changed.set()

    async def run(self) -> None:
        """Look whenever something may be due, until cancelled."""
        while True:
            self._changed.clear()
            with suppress(QuietwayError):
                await self.look()
            await self._wait_until_due()

    async def look(self) -> list[QuietwayError]:
        """Tell what is due now, and note it; returns nothing: an alarm is no failure of a pass.

        Raises:
            StoreError: The store is not there. It is looked again.
        """
        async with self._turn:
            dues: list[tuple[Watched, int]] = []
            rows = await self._agent.store.scan(WATCH)
            for row in rows:
                one, alert = await self._find(row)
                if alert is not None:
                    one = await self._look_at(one, alert)
                    dues += [(one, ms) for ms, why in self._miss(alert) if why not in one.heard]
                if alert is None or (
                    self._age(one) >= LIFE_MS and one not in [held for held, _ in dues]
                ):
                    await self._drop(one)
            self._dues, self._is_empty = dues, not rows
            self._looked_at = self._agent.clock.steady()
            self._note_alarms()
        return []

    async def list_standing(self) -> frozenset[bytes]:
        """List the alerts of this device that an alarm stands for now; writes and tells nothing."""
        found = [await self._find(row) for row in await self._agent.store.scan(WATCH)]
        return frozenset(
            one.alert_id
            for one, alert in found
            if alert is not None and any(ms <= self._age(one) for ms, _ in self._miss(alert))
        )

    async def _find(self, row: Row) -> tuple[Watched, Alert | None]:
        one = self._unwritten.get(row.key) or _read(row)
        return one, await find_whatever(self._agent, one.alert_id, exercise=one.exercise)

    async def _wait_until_due(self) -> None:
        while not self._changed.is_set():
            if self._is_empty:
                await self._changed.wait()
                return
            await self._pause()
            # Once a minute in any case, so that what was counted is kept.
            rested = self._agent.clock.steady() - self._looked_at
            if rested >= _KEPT_EVERY_MS or any(due <= 0 for due in self._list_dues()):
                return

    async def _pause(self) -> None:
        # What is due and heard by nobody, since nobody listens, is tried again after a while.
        ahead = min((due for due in self._list_dues() if due > 0), default=MINUTE) / SECOND
        sleep = self._agent.clock.sleep(min(ahead, SLICE_SECONDS))
        waits = asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(sleep)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _list_dues(self) -> list[int]:
        """List how long it is until each alarm that is still to be heard; 0 or less: it is due."""
        return [ms - self._age(one) for one, ms in self._dues]

    def _forget(self, alert_id: bytes) -> None:
        self._steady.pop(alert_id, None)
        self._unwritten.pop(alert_id, None)

    async def _drop(self, one: Watched) -> None:
        self._forget(one.alert_id)
        with suppress(StorageFull):
            await self._agent.settle(also=[Delete(WATCH, one.alert_id)])

    async def _look_at(self, one: Watched, alert: Alert) -> Watched:
        if alert.round > one.round:
            one = await self._keep(self._begin_again(one, alert))
        due = frozenset(why for ms, why in self._miss(alert) if ms <= self._age(one))
        if due - one.fired:
            one = await self._keep(replace(one, fired=one.fired | due))
        ringing = due - one.heard
        if ringing and is_heard(self._agent):
            for why in sorted(ringing):
                self._agent.tell(AlertUnanswered(one.alert_id, why, one.exercise))
            one = await self._keep(replace(one, heard=one.heard | ringing))
        counted = self._count(one)
        if counted - one.counted_ms >= _KEPT_EVERY_MS:
            one = await self._keep(replace(one, counted_ms=counted))
        return one

    def _begin_again(self, one: Watched, alert: Alert) -> Watched:
        """Wait for the next round of an alert that another device called out again."""
        self._forget(one.alert_id)
        began = self._agent.compared.machine_now()
        return Watched(one.alert_id, alert.round, one.exercise, began)

    def _miss(self, alert: Alert) -> list[tuple[int, Why]]:
        """List what is missing of an alert, each with the age at which it is an alarm."""
        if alert.holder is not None:
            return []
        found: list[tuple[int, Why]] = [(alert.patience_ms, "not_claimed")]
        if not self._is_accepted(alert):
            found.append((ACCEPTED_WITHIN_MS, "not_accepted"))
        return found

    def _list_unheard(self, one: Watched, alert: Alert) -> list[int]:
        return [ms for ms, why in self._miss(alert) if why not in one.heard]

    def _is_accepted(self, alert: Alert) -> bool:
        # A ladder of another device is that one's to hand over. And an entry that is not among the
        # newest any more was settled.
        entry = None if alert.placed_by is None else self._agent.state.outbox.get(alert.placed_by)
        if entry is None or entry.placed:
            return True
        # What was stopped before it was handed over calls nobody.
        return entry.settled and not (entry.expired or entry.withdrawn)

    def _age(self, one: Watched) -> int:
        return max(self._agent.compared.machine_now() - one.began, self._count(one))

    def _count(self, one: Watched) -> int:
        steady = self._agent.clock.steady()
        at, counted = self._steady.setdefault(one.alert_id, (steady, one.counted_ms))
        return counted + max(0, steady - at)

    async def _keep(self, one: Watched) -> Watched:
        self._unwritten[one.alert_id] = one
        with suppress(StorageFull):
            await self._agent.settle(also=[one.write()])
            del self._unwritten[one.alert_id]
        return one

    def _note_alarms(self) -> None:
        now = self._agent.compared.machine_now()
        instants = sorted({now + max(0, due) for due in self._list_dues()})
        former = self._alarms.read()
        pairs = zip(instants, former, strict=False)
        if len(instants) == len(former) and all(abs(a - b) < _SAME_MS for a, b in pairs):
            return
        with suppress(StorageFull):
            self._alarms.write(instants)


def _is_of_alert(put: Put) -> bool:
    is_said = put.kind == MESSAGE and put.place is not None and OF_ANY_ALERT in put.place.tags
    return put.kind == WATCH or is_said


def _read(row: Row) -> Watched:
    held = Fields(row.value)
    return Watched(
        alert_id=row.key,
        round=held.number("round"),
        exercise=held.truth("exercise"),
        began=held.number("began"),
        counted_ms=held.number("counted"),
        fired=_read_whys(held.texts("fired")),
        heard=_read_whys(held.texts("heard")),
    )


def _read_whys(texts: Iterable[str]) -> frozenset[Why]:
    known: tuple[Why, ...] = ("not_accepted", "not_claimed")
    return frozenset(why for why in known if why in set(texts))
