"""Row 38: automatic receipts tell the relay who writes to whom (Martiny et al., NDSS 2021).

The attacker is the relay, or whoever has its log: the time of each arrival and the mailbox, and no
sender. Alice writes to Bob ten times. Whenever something arrived for Bob, the attacker looks who
gets something soon after: the mailbox that stands out most against its usual traffic is taken for
Bob's correspondent. With receipts that answer at once, few messages are enough. Defences: receipts
wait for ticks at moments drawn afresh, and a partner to whom nothing is owed gets a cover. Here a
thousand devices follow the product's own scheduler for five days; each of them is a target once.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from tests.controls import without

from quietway.engine import receipts
from quietway.engine.receipts import Plan
from quietway.engine.state import Line, Owed
from quietway_schemas.ids import AgencyId, ConversationId
from quietway_schemas.instants import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from quietway.engine.receipts import Due
    from quietway_schemas.instants import Instant

MAILBOXES: Final = 1_000
PARTNERS: Final = 6
DAYS: Final = 5
MESSAGES: Final = 10
WINDOWS: Final = (2 * MINUTE, HOUR)
"""What the attacker may take for "soon after"."""
TARGETS: Final = {2 * MINUTE: MAILBOXES, HOUR: 200}

Arrival = tuple["Instant", int]


@dataclass
class Device:
    """One mailbox with its lines to six partners, and what it owes them."""

    number: int
    partners: tuple[int, ...]

    def __post_init__(self) -> None:
        self.lines = {held: Line(ConversationId(bytes(16))) for held in self.partners}
        self.owed: dict[int, list[Due]] = {held: [] for held in self.partners}

    def look(self, partner: int, now: Instant, chance: random.Random) -> tuple[Plan, Instant]:
        """Do what the agent does: ask the scheduler, and forget what it said."""
        plan = receipts.plan_tick(
            self.lines[partner], self.owed[partner], now=now, chance=chance.randbytes(8)
        )
        self.lines[partner] = plan.line
        said = {name for name, _ in plan.messages}
        self.owed[partner] = [due for due in self.owed[partner] if due[0] not in said]
        return plan, plan.line.due


def live(seed: int) -> tuple[list[Arrival], dict[int, tuple[int, list[Instant]]]]:
    """Run the world; gives every arrival, and for each Bob his Alice and when she wrote."""
    chance = random.Random(seed)
    devices = [Device(number, _draw_partners(number, chance)) for number in range(MAILBOXES)]
    arrivals: list[Arrival] = []
    told: dict[int, tuple[int, list[Instant]]] = {}
    due: list[tuple[Instant, int, int, bool]] = []
    for device in devices:
        alice = chance.choice(device.partners)
        # She writes in working hours; the first day is for everyone's first ticks.
        days = [chance.randrange(1, DAYS - 1) for _ in range(MESSAGES)]
        wrote = sorted(day * DAY + chance.randrange(8 * HOUR, 18 * HOUR) for day in days)
        told[device.number] = (alice, wrote)
        for at in wrote:
            heappush(due, (at, device.number, alice, True))
        for partner in device.partners:
            heappush(due, (chance.randrange(HOUR), device.number, partner, False))
    while due:
        now, number, partner, is_message = heappop(due)
        if now >= DAYS * DAY:
            break
        device = devices[number]
        if is_message:
            arrivals.append((now, number))
            owed = Owed(
                agency=AgencyId(bytes(16)),
                conversation=ConversationId(bytes(16)),
                audience_digest=bytes(32),
                core_hash=bytes(32),
                expires=now + 4 * DAY,
                owes=receipts.STORED,
            )
            device.owed[partner].append((chance.randbytes(16), owed))
        plan, again = device.look(partner, now, chance)
        if plan.goes:
            # To the second, as the network and the relay need their time.
            arrivals.append((now + chance.randrange(500, 3_000), partner))
        if not is_message:
            heappush(due, (max(again, now + 1), number, partner, False))
    return sorted(arrivals), told


def _draw_partners(number: int, chance: random.Random) -> tuple[int, ...]:
    others = [held for held in chance.sample(range(MAILBOXES), PARTNERS + 1) if held != number]
    return tuple(others[:PARTNERS])


class Attacker:
    """Who holds the log, and knows when something came for the target that Alice wrote."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.times = [at for at, _ in arrivals]
        self.mailboxes = [mailbox for _, mailbox in arrivals]
        self.usual = Counter(self.mailboxes)

    def rank(self, target: int, wrote: Sequence[Instant], window: int) -> list[int]:
        """Give the ten mailboxes that get most more than usual soon after the target did."""
        after: Counter[int] = Counter()
        for at in wrote:
            begin, end = bisect_right(self.times, at), bisect_left(self.times, at + window)
            after.update(self.mailboxes[begin:end])
        share = len(wrote) * window / (DAYS * DAY)

        def surprise(mailbox: int) -> float:
            expected = self.usual[mailbox] * share
            return (after[mailbox] - expected) / (expected + 0.1) ** 0.5

        after.pop(target, None)
        return sorted(after, key=surprise, reverse=True)[:10]


def count_hits(
    attacker: Attacker, told: Mapping[int, tuple[int, list[Instant]]], window: int
) -> tuple[int, int, int]:
    """Say how often Alice came first, how often among the first ten, and out of how many."""
    first = among_ten = 0
    targets = list(told)[: TARGETS[window]]
    for target in targets:
        alice, wrote = told[target]
        best = attacker.rank(target, wrote, window)
        first += best[:1] == [alice]
        among_ten += alice in best
    return first, among_ten, len(targets)


def test_ten_messages_tell_the_attacker_no_more_than_a_guess_would() -> None:
    arrivals, told = live(38)
    for window in WINDOWS:
        first, among_ten, targets = count_hits(Attacker(arrivals), told, window)
        random_guess = targets / (MAILBOXES - 1)
        assert first <= max(1, 2 * random_guess)
        assert among_ten <= max(3, 2 * 10 * random_guess)


def answer_at_once(line: Line, owed: Sequence[Due], *, now: Instant, chance: bytes) -> Plan:
    """Stand in for the scheduler: receipts leave when something is owed, and nothing else does."""
    del chance
    return Plan(replace(line, due=now + DAY), bool(owed), receipts.STORED, tuple(owed))


def test_control_receipts_that_answer_at_once_name_the_correspondent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.engine.receipts:plan_tick", answer_at_once)
    arrivals, told = live(38)
    first, _, targets = count_hits(Attacker(arrivals), told, 2 * MINUTE)
    assert first >= 0.95 * targets
