"""The scheduler of receipts, the sender's memory of them, and quotations, without a network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.engine.world import START, World

from quietway.engine import awaiting, receipts
from quietway.engine.effects import TellExpiredUnread
from quietway.engine.inputs import Seen, Ticked
from quietway.engine.receipts import LATE_MS, MOST_RECEIPTS, TICK_MS, find_due, plan_tick
from quietway.engine.state import Line, Owed
from quietway_schemas.content.quiet import is_quiet
from quietway_schemas.ids import AgencyId, ConversationId, MessageId
from quietway_schemas.instants import DAY, MINUTE

PARTNER = AgencyId(b"p" * 16)
LINE = Line(ConversationId(b"r" * 16))
CHANCE = st.binary(min_size=8, max_size=8)


def owe(number: int, *, expires: int = START + DAY, owes: str = "stored") -> tuple[bytes, Owed]:
    name = number.to_bytes(16, "big")
    conversation = ConversationId(b"c" * 16)
    return name, Owed(PARTNER, conversation, bytes(32), name * 2, expires, owes)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10 * TICK_MS), CHANCE, CHANCE)
def test_each_window_has_one_tick_at_an_instant_in_it(start: int, one: bytes, two: bytes) -> None:
    line = plan_tick(LINE, (), now=START + start, chance=one).line
    assert line.due // TICK_MS == (START + start) // TICK_MS + 1
    before = plan_tick(line, (), now=line.due - 1, chance=two)
    assert (before.goes, before.line) == (False, line)
    at = plan_tick(line, (), now=line.due, chance=two)
    assert at.goes
    assert at.line.due // TICK_MS == line.due // TICK_MS + 1


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 400), CHANCE)
def test_missed_ticks_are_made_up_for_once_and_not_at_the_start(missed: int, chance: bytes) -> None:
    line = plan_tick(LINE, (), now=START, chance=chance).line
    start = line.due + missed * TICK_MS
    begun = plan_tick(line, (), now=start, chance=chance)
    assert not begun.goes
    assert start < begun.line.due <= start + LATE_MS
    late = plan_tick(begun.line, (), now=begun.line.due, chance=chance)
    assert late.goes
    assert late.line.due // TICK_MS == begun.line.due // TICK_MS + 1
    assert not late.line.late


def test_the_next_to_expire_go_first_and_what_does_not_fit_waits() -> None:
    line = replace(LINE, due=START)
    owed = [owe(number, expires=START + DAY - number) for number in range(20)]
    owed.append(owe(99, expires=START + 2 * DAY, owes="opened"))
    plan = plan_tick(line, owed, now=START, chance=bytes(8))
    assert plan.fact == "stored"
    assert [int.from_bytes(name, "big") for name, _ in plan.messages] == [*range(19, 7, -1)]
    assert len(plan.messages) == MOST_RECEIPTS
    assert plan_tick(line, owed[-1:], now=START, chance=bytes(8)).fact == "opened"


def test_a_tick_with_nothing_owed_goes_all_the_same() -> None:
    plan = plan_tick(replace(LINE, due=START), (), now=START, chance=bytes(8))
    assert (plan.goes, plan.fact, plan.messages) == (True, "", ())


@pytest.mark.parametrize(
    "kind",
    [
        "audience.list",
        "receipt.stored",
        "receipt.cover",
        "agency.shared",
        "access.event",
        "lane.any",
        "log.any",
    ],
)
def test_what_people_do_not_see_is_owed_nothing(kind: str) -> None:
    assert is_quiet(kind)
    assert not is_quiet("message.text")


def tell(world: World) -> tuple[bytes, int]:
    """Say one thing and let it arrive; gives its id and how much is owed for it."""
    sender, receiver = world.devices
    world.say(sender, "the first")
    world.settle()
    (name,) = sender.state.awaited
    return name, len(receiver.state.owed)


def tick(world: World, number: int) -> None:
    """Let the lines of one device do what is due."""
    device = world.devices[number]
    partners = tuple(held.agency for held in world.devices if held is not device)
    due = find_due(device.state, partners, world.now)
    if due:
        device.take(Ticked(world.now, due, device.draw(receipts.ENTROPY_BYTES * len(due))))
    world.settle()


def test_a_receipt_is_counted_once_and_survives_a_crash() -> None:
    world = World(2)
    sender, receiver = world.devices
    name, owed = tell(world)
    assert owed == 1
    for _ in range(4):
        world.now += TICK_MS // 2
        tick(world, 1)
        sender.start()
        receiver.start()
    assert sender.state.awaited[name].stored_by == (receiver.device,)
    assert receiver.state.owed[name].owes == ""
    receiver.take(Seen(world.now, (MessageId(name),)))
    receiver.take(Seen(world.now, (MessageId(name),)))
    for _ in range(4):
        world.now += TICK_MS // 2
        tick(world, 1)
    assert sender.state.awaited[name].opened_by == (receiver.device,)
    assert sender.shown == []


def test_nothing_is_piled_upon_a_receipt_that_still_waits() -> None:
    world = World(2)
    device = world.devices[1]
    partner = world.devices[0].agency
    for _ in range(10):
        world.now += TICK_MS // 2
        device.take(Ticked(world.now, (partner,), device.draw(receipts.ENTROPY_BYTES)))
    assert [entry.kind for entry in device.state.outbox.values()] == ["receipt.cover"]


def test_what_nobody_confirmed_is_told_once_and_forgotten_in_its_time() -> None:
    world = World(2)
    sender = world.devices[0]
    name, _ = tell(world)
    over = sender.state.awaited[name].expires
    state, told = awaiting.end(sender.state, over)
    assert [type(effect) for effect in told] == [TellExpiredUnread]
    assert state.awaited[name].expired_unread
    again, told = awaiting.end(state, over + MINUTE)
    assert (again, told) == (state, ())
    gone, _ = awaiting.end(state, state.awaited[name].forget)
    assert gone.awaited == {}


def test_the_memory_of_what_was_sent_is_bounded() -> None:
    world = World(2)
    sender = world.devices[0]
    name, _ = tell(world)
    one = sender.state.awaited[name]
    many = {
        number.to_bytes(16, "big"): replace(one, forget=one.forget + number)
        for number in range(awaiting.MOST_AWAITED + 3)
    }
    state, _ = awaiting.end(replace(sender.state, awaited=many), world.now)
    assert len(state.awaited) == awaiting.MOST_AWAITED
    assert min(held.forget for held in state.awaited.values()) == one.forget + 3
