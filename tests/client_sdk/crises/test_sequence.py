"""Whom to call next: an order, a time for each, and a row that outlives the process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.crises.chains import A, B, X
from tests.client_sdk.crises.huddle import HOSPITAL, POLICE, Huddle, count_to

from quietway.crisis.sequence import (
    Step,
    find_next,
    find_turn,
    replace_step,
    settle_steps,
)
from quietway.errors import ContentRefused
from quietway.huddling.calling import Caller
from quietway.huddling.plans import read_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.agent import Agent

STEPS = (Step(A, 60), Step(B, 60), Step(X, 60))


@pytest.mark.requirement("C44")
def test_the_next_step_waits_for_an_answer_or_for_the_end_of_the_time() -> None:
    """C44: steps with ack timeouts, in order."""
    assert find_next(STEPS) == STEPS[0]
    steps = replace_step(STEPS, Step(A, 60, "told", told_at=100))
    assert (find_next(steps), find_turn(steps)) == (None, 160)
    assert settle_steps(steps, {}, now=159) == steps
    late = settle_steps(steps, {}, now=160)
    assert (late[0].state, find_next(late)) == ("unanswered", STEPS[1])
    assert settle_steps(late, {A: "accept"}, now=900)[0].state == "answered"
    declined = settle_steps(steps, {A: "decline"}, now=101)
    assert (declined[0].state, find_next(declined)) == ("declined", STEPS[1])
    refused = replace_step(STEPS, Step(A, 60, "refused"))
    assert find_next(refused) == STEPS[1]
    held = replace_step(STEPS, Step(A, 60, "held"))
    assert find_next(held) == held[0]
    assert find_turn(STEPS) is None


@pytest.mark.requirement("C44")
def test_a_device_that_was_cut_off_goes_on_and_tells_nobody_twice() -> None:
    """C44: the sequence survives a restart at any point."""
    with Huddle(HOSPITAL, POLICE) as huddle:
        hospital, police = huddle.partners
        huddle.activate(within_min=5)
        agent, loop = huddle.shelter._client._agent, huddle.shelter._loop
        plan = loop.run(read_plan, agent.store, huddle.event)
        huddle.sandbox.clock.advance(5 * 60)
        # Another process, over the same store: it knows what the former one wrote, and no more.
        loop.run(Caller(agent).look)
        assert [held.state for held in huddle.show(huddle.shelter).steps] == ["unanswered", "told"]
        counted = count_to(huddle, hospital), count_to(huddle, police)
        # It was cut off between the message and the row: the row is as it was before.
        loop.run(agent.settle, also=[plan.write()])
        loop.run(Caller(agent).look)
        assert [held.state for held in huddle.show(huddle.shelter).steps] == ["unanswered", "told"]
        assert (count_to(huddle, hospital), count_to(huddle, police)) == counted


@pytest.mark.requirement("C44")
def test_while_it_runs_the_next_one_is_told_when_the_time_is_over_and_not_at_a_tick() -> None:
    """C44: the time frame of a step is kept to by a timer of its own."""
    with Huddle(HOSPITAL, POLICE) as huddle:
        huddle.activate(within_min=5)
        agent, clock = huddle.shelter._client._agent, huddle.sandbox.clock

        async def watch() -> list[str]:
            running = asyncio.create_task(huddle.shelter._client.crises._caller.run())
            try:
                await until(lambda: clock.sleepers > 0)
                clock.advance(5 * 60)
                for _ in range(10_000):
                    states = await read_states(agent, huddle.event)
                    if states[1] != "waiting":
                        break
                    await asyncio.sleep(0)
            finally:
                running.cancel()
            return states

        assert huddle.shelter._loop.run(watch) == ["unanswered", "told"]


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0)


async def read_states(agent: Agent, event: bytes) -> list[str]:
    plan = await read_plan(agent.store, event)
    return [] if plan is None else [step.state for step in plan.steps]


def test_a_drill_and_a_real_event_never_stand_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """V25: the flag is the activation's, in everything that is said of it."""
    with Huddle(HOSPITAL, released=False) as huddle:
        huddle.open(exercise=True)
        hospital = huddle.partners[0]
        assert huddle.shelter.crises.list() == []
        assert [held.exercise for held in huddle.shelter.crises.list(exercise=True)] == [True]
        huddle.say(hospital, "We practise.")
        huddle.sandbox.sync()
        assert huddle.texts(huddle.shelter) == ["We practise."]
        face = hospital._client.crises
        real = face._of(huddle.show(hospital)) | {"exercise": False}
        monkeypatch.setattr(face, "_of", lambda _: real)
        with pytest.raises(ContentRefused, match="exercise"):
            huddle.say(hospital, "This is real.")
