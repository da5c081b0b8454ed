"""A relay whose store was put back: what nobody has confirmed waits again, once for each era."""

from __future__ import annotations

from tests.client_sdk.engine.test_outbox import (
    START,
    address,
    begin,
    compose,
    entry_of,
    seal_all,
)

from quietway.engine.inputs import Accepted, Welcomed
from quietway.engine.state import Progress, State
from quietway.engine.step import step
from quietway_schemas.frames import ERA_NUMBERS
from quietway_schemas.instants import DAY


def stored() -> State:
    state, submits = seal_all(address(compose(begin()))[0])
    for submit in submits:
        state, _ = step(state, Accepted(START, submit.parcels))
    assert entry_of(state).settled
    return state


def welcomed(state: State, latest: int, *, now: int = START) -> State:
    return step(state, Welcomed(now, 0, witness_kept=True, latest=latest))[0]


def test_a_later_era_lets_what_nobody_confirmed_wait_again() -> None:
    state = welcomed(stored(), 5 * ERA_NUMBERS + 3)
    assert state.reading.era == 5
    assert {held.progress for held in entry_of(state).deliveries} == {Progress.WAITING}
    assert all(not held.settled for held in state.outbox.values())


def test_the_same_era_changes_nothing() -> None:
    state = welcomed(stored(), 12)
    assert entry_of(state).settled
    state = welcomed(state, ERA_NUMBERS - 1)
    assert entry_of(state).settled


def test_what_is_too_late_stays_as_it_is() -> None:
    state = welcomed(stored(), ERA_NUMBERS, now=START + 40 * DAY)
    assert entry_of(state).settled
