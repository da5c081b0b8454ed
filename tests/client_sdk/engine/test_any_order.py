"""Crashes, duplicates, any order: each message is shown once, and none is missing at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.engine.world import World
from tests.controls import without

from quietway.engine.conversations import Standing, misses_before

if TYPE_CHECKING:
    from quietway.engine.state import State

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["say", "flush", "lose_request", "lose_answer", "deliver", "lose_ack", "crash", "day"]
        ),
        st.integers(0, 2),
        st.integers(1, 12),
    ),
    max_size=40,
)


def play(world: World, events: list[tuple[str, int, int]]) -> int:
    said = 0
    for what, who, number in events:
        device = world.devices[who]
        match what:
            case "say":
                said += 1
                world.say(device, f"number {said}")
            case "flush":
                world.flush(device)
            case "lose_request":
                world.flush(device, lose_requests=True)
            case "lose_answer":
                world.flush(device, lose_answers=True)
            case "deliver":
                world.deliver(device, number)
            case "lose_ack":
                world.deliver(device, number, lose_ack=True)
            case "crash":
                device.start()
            case _:
                # Not so long that anything expires: that is another test.
                world.now += 60 * 60 * 1_000
    world.settle()
    return said


@pytest.mark.requirement("A51")
@settings(max_examples=120, deadline=None)
@given(EVENTS)
def test_each_message_is_shown_exactly_once_whatever_happens(
    events: list[tuple[str, int, int]],
) -> None:
    """A51: idempotent resend and a merge that does not mind the order."""
    world = World(3)
    said = play(world, events)
    shown = [message for device in world.devices for message in device.shown]
    for device in world.devices:
        assert len(set(device.shown)) == len(device.shown)
    assert len(shown) == 2 * said
    assert all(not held for held in world.stored.values())


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_no_place_is_used_twice_and_no_gap_stays(events: list[tuple[str, int, int]]) -> None:
    world = World(3)
    play(world, events)
    for device in world.devices:
        for chain in device.state.chains.values():
            assert len(chain.seen) == 1
            assert chain.seen[0][0] == 0
            first = chain.places[0]
            assert not misses_before(device.state, chain.key, 0, first.prev)


def test_control_without_judging_places_a_second_copy_is_shown_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.engine.inbox:judge", lambda _chain, _opened: Standing.NEW)
    world = World(2)
    play(world, [("say", 0, 1), ("flush", 0, 1), ("lose_ack", 1, 2)])
    assert len(world.devices[1].shown) == 2


def test_control_without_a_fresh_incarnation_a_restored_copy_uses_a_place_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(state: State, given: object) -> State:
        del given
        return state

    without(monkeypatch, "quietway.engine.step:_start", start)
    world = World(2)
    sender, receiver = world.devices
    before = {kind: dict(rows) for kind, rows in sender.rows.items()}
    world.say(sender, "the first")
    world.flush(sender)
    world.deliver(receiver, 1)
    world.deliver(receiver, 2)
    sender.rows = before
    sender.start()
    sender.drawn = 500
    world.say(sender, "another story")
    world.flush(sender)
    with pytest.raises(AssertionError):
        world.deliver(receiver, 4)


def test_a_restored_older_copy_never_uses_a_place_twice() -> None:
    world = World(2)
    sender, receiver = world.devices
    before = {kind: dict(rows) for kind, rows in sender.rows.items()}
    world.say(sender, "the first")
    world.flush(sender)
    sender.rows = before
    sender.drawn = 500
    sender.start()
    world.say(sender, "another story")
    world.settle()
    assert len(receiver.shown) == 2
    assert len(receiver.state.chains) == 2
