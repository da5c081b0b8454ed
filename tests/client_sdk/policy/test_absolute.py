"""Absolute objects: the same set of versions is the same state, and never wider than it may be.

Several devices write versions, each knowing an arbitrary part of what was written so far; then
every reader gets them in an order of its own, some of them twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway.policy import absolute
from quietway.policy.absolute import (
    MOST_SEEN,
    Decision,
    Permission,
    Stance,
    Versions,
    learn,
    name_seen,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCOPES: Final = ("health", "legal", "safehouse")
NOW: Final = 1_000


@dataclass(frozen=True)
class History:
    """What was written, in that order, and the order in which one reader gets it."""

    written: tuple[Permission, ...]
    arrivals: tuple[Permission, ...]


def _name(number: int) -> bytes:
    return hashlib.sha256(b"version %d" % number).digest()


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Versions by authors who each saw an arbitrary subset, and an arbitrary order of arrival."""
    written: list[Permission] = []
    for number in range(draw(st.integers(1, 9))):
        seen = draw(st.sets(st.sampled_from(written))) if written else set()
        stance = draw(st.sampled_from(Stance))
        known = learn(Versions(), *seen)
        scopes = draw(st.none() | st.frozensets(st.sampled_from(SCOPES)))
        until = draw(st.none() | st.integers(NOW - 2, NOW + 2))
        names = frozenset(name_seen(known, stance))
        written.append(Permission(_name(number), names, stance, scopes, until))
    doubled = written + draw(st.lists(st.sampled_from(written), max_size=4))
    return History(tuple(written), tuple(draw(st.permutations(doubled))))


def _current(known: Iterable[Permission]) -> list[Permission]:
    """Say it as the spec does, without remembering anything."""
    held = list(known)
    named = {name for version in held for name in version.supersedes}
    return [version for version in held if version.name not in named]


def _allowed(decision: Decision | None) -> set[str]:
    assert decision is not None
    return {scope for scope in SCOPES if decision.allows(scope, now=NOW)}


def _permits(version: Permission) -> set[str]:
    ended = version.until is not None and version.until <= NOW
    if version.stance is not Stance.GRANTED or ended:
        return set()
    return set(SCOPES if version.scopes is None else version.scopes)


def _read(arrivals: Sequence[Permission]) -> list[Versions[Permission]]:
    """What a reader knows after each arrival. Through the module, so that a control reaches it."""
    states: list[Versions[Permission]] = [Versions()]
    for version in arrivals:
        states.append(absolute.learn(states[-1], version))
    return states


def _is_held_by(history: History) -> None:
    """The two promises, for one history and one reader."""
    states = _read(history.arrivals)
    for count, known in enumerate(states[1:], 1):
        of_what_came = set(history.arrivals[:count])
        allowed = _allowed(absolute.decide(known.current.values()))
        for version in _current(of_what_came):
            assert allowed <= _permits(version), "wider than a current version that is known"
    # Whoever has everything has the same, as if it had come in the order of writing.
    nothing: Versions[Permission] = Versions()
    assert states[-1] == reduce(absolute.learn, history.written, nothing)
    assert set(states[-1].current.values()) == set(_current(history.written))


@pytest.mark.requirement("A35")
@settings(max_examples=100, deadline=None)
@given(histories())
def test_any_order_ends_in_the_same_state_and_is_never_wider_than_what_is_known(
    history: History,
) -> None:
    """A35: permissions change at once, and a stale consent that comes again widens nothing."""
    _is_held_by(history)


GRANT: Final = Permission(_name(1), frozenset(), Stance.GRANTED)
PAUSE: Final = Permission(_name(2), frozenset({GRANT.name}), Stance.PAUSED)
REPLAYED: Final = History((GRANT, PAUSE), (GRANT, PAUSE, GRANT))
BESIDE: Final = History(
    (PAUSE, Permission(_name(3), frozenset(), Stance.GRANTED)),
    (PAUSE, Permission(_name(3), frozenset(), Stance.GRANTED)),
)


@pytest.mark.parametrize("history", [REPLAYED, BESIDE], ids=["replayed", "beside"])
def test_an_old_grant_that_comes_again_and_one_from_beside_widen_nothing(
    history: History,
) -> None:
    _is_held_by(history)


@pytest.mark.parametrize("history", [REPLAYED, BESIDE], ids=["replayed", "beside"])
def test_control_where_the_latest_arrival_wins_a_grant_undoes_a_pause(
    monkeypatch: pytest.MonkeyPatch, history: History
) -> None:
    def take_latest(known: Versions[Permission], *came: Permission) -> Versions[Permission]:
        return Versions({came[-1].name: came[-1]}, known.named)

    without(monkeypatch, "quietway.policy.absolute:learn", take_latest)
    with pytest.raises(AssertionError, match="wider"):
        _is_held_by(history)


def test_control_where_the_last_written_wins_a_grant_from_beside_undoes_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = {version.name: number for number, version in enumerate(BESIDE.written)}

    def take_last(current: Iterable[Permission]) -> Decision:
        last = max(current, key=lambda version: written[version.name])
        return Decision(last.stance, last.scopes, last.until)

    without(monkeypatch, "quietway.policy.absolute:decide", take_last)
    with pytest.raises(AssertionError, match="wider"):
        _is_held_by(BESIDE)


def test_an_end_is_undone_by_a_version_that_names_it_and_by_no_other() -> None:
    end = Permission(_name(4), frozenset(), Stance.ENDED)
    known = learn(Versions(), GRANT, end)
    # Whoever pauses now names the grant, and not the end: it would be undone by the way.
    assert name_seen(known, Stance.PAUSED) == (GRANT.name,)
    pause = Permission(_name(5), frozenset(name_seen(known, Stance.PAUSED)), Stance.PAUSED)
    known = learn(known, pause)
    decided = absolute.decide(known.current.values())
    assert decided is not None
    assert decided.stance is Stance.ENDED
    undone = Permission(_name(6), frozenset(name_seen(known, Stance.GRANTED)), Stance.GRANTED)
    assert absolute.decide(learn(known, undone).current.values()) == Decision(
        Stance.GRANTED, None, None
    )


def test_bodies_that_were_named_are_let_go_of_and_come_back_no_more() -> None:
    known: Versions[Permission] = Versions()
    chain = [GRANT]
    for number in range(10, 500):
        seen = frozenset({chain[-1].name})
        chain.append(Permission(_name(number), seen, Stance(number % 3)))
    for version in [*chain, *chain]:
        known = learn(known, version)
    assert list(known.current.values()) == [chain[-1]]
    assert len(known.named) == len(chain) - 1


def test_of_more_than_16_the_rest_stays_and_is_named_the_next_time() -> None:
    many = [Permission(_name(n), frozenset(), Stance(n % 2)) for n in range(40)]
    known = learn(Versions(), *many)
    for number in (100, 101, 102):
        seen = name_seen(known, Stance.GRANTED)
        assert len(seen) <= MOST_SEEN
        known = learn(known, Permission(_name(number), frozenset(seen), Stance.GRANTED))
    assert list(known.current) == [_name(102)]
