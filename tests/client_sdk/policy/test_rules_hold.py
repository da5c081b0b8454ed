"""What the rules promise, over thousands of random worlds: no restriction ever lets more through.

Each promise is a function of one world that fails where it is broken. Its control breaks one
named function of the rules, and the same search then finds a world that shows it.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.policy.worlds import (
    CONSENT,
    NOW,
    World,
    draw_grant,
    draw_stop,
    draw_versions,
    draw_world,
    take_out,
)
from tests.controls import without

from quietway.policy import rulings
from quietway.policy.absolute import Permission, Stance, Versions
from quietway.policy.agreements import Matrix, find_limiting
from quietway.policy.categories import BY_LAW, MINIMUM
from quietway.policy.releases import ReleaseVersion, WindowVersion
from quietway_schemas.content.roles import POLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from quietway.policy.question import Ground, Question
    from quietway.policy.releases import Release
    from quietway_schemas.instants import Instant

WORLDS_EACH: Final = 40
"""Worlds for each seed that is tried."""
SEARCHED: Final = 3_000
"""Worlds in which a control looks for one that shows the breach."""


# Restrictions: each takes a world and gives one in which less is granted.


def _stop_the_case(chance: Random, world: World) -> World:
    stance = max(world.ground.stance, chance.choice((Stance.PAUSED, Stance.ENDED)))
    return replace(world, ground=replace(world.ground, stance=stance))


def _add_a_version(chance: Random, world: World) -> World:
    """Learn one more grant that names nothing, or a stop by somebody who saw anything."""
    versions = dict(world.versions)
    for consent_id, known in world.versions.items():
        seen = [held for held in known if chance.random() < 0.5]
        more = chance.choice((draw_grant(chance, ()), draw_stop(chance, seen)))
        versions[consent_id] = (*known, more)
    return replace(world, versions=versions)


def _close_windows(chance: Random, world: World) -> World:
    del chance
    versions = {
        consent_id: tuple(held for held in known if not isinstance(held, WindowVersion))
        for consent_id, known in world.versions.items()
    }
    return replace(world, versions=versions)


def _narrow_an_agreement(chance: Random, world: World) -> World:
    held = world.ground.agreements
    if not held:
        return world
    place = chance.randrange(len(held))
    narrowed = (*held[:place], _narrow(chance, held[place]), *held[place + 1 :])
    return replace(world, ground=replace(world.ground, agreements=narrowed))


def _narrow(chance: Random, matrix: Matrix) -> Matrix:
    place = chance.randrange(len(matrix.cells))
    cell = matrix.cells[place]
    less = chance.choice(
        (
            {"categories": take_out(chance, cell.categories)},
            {"recipients": take_out(chance, cell.recipients)},
            {"purposes": take_out(chance, cell.purposes)},
            {"identifying": False},
            {"roles": take_out(chance, cell.roles) or cell.roles or frozenset({"legal_aid"})},
            {"categories": frozenset()},
        )
    )
    cells = (*matrix.cells[:place], replace(cell, **less), *matrix.cells[place + 1 :])
    return replace(matrix, cells=cells)


def _end_the_agreement(chance: Random, world: World) -> World:
    """Let the only agreement that counts be over."""
    del chance
    if len(world.ground.agreements) != 1 or not world.ground.agreements[0].is_active(NOW):
        return world
    over = replace(world.ground.agreements[0], expires=NOW)
    return replace(world, ground=replace(world.ground, agreements=(over,)))


def _set_a_compartment(chance: Random, world: World) -> World:
    if world.question.compartment is not None:
        return world
    drawn = chance.choice(("investigation", "advocate_confidential"))
    return replace(world, question=replace(world.question, compartment=drawn))


def _take_a_role(chance: Random, world: World) -> World:
    """Take a role from a device there; who was police is not taken for somebody else by that."""
    there = tuple(take_out(chance, held) | (held & POLICE) for held in world.question.roles_there)
    return replace(world, question=replace(world.question, roles_there=there))


def _tell_who_it_is(chance: Random, world: World) -> World:
    del chance
    return replace(world, ground=replace(world.ground, identified=True))


def _leave_it_to_a_program(chance: Random, world: World) -> World:
    told = world.ground.told and chance.random() < 0.5
    return World(
        replace(world.question, automatic=True), replace(world.ground, told=told), world.versions
    )


def _drop_the_reference(chance: Random, world: World) -> World:
    del chance
    return replace(world, question=replace(world.question, basis_reference=None))


RESTRICTIONS: Final = (
    _add_a_version,
    _close_windows,
    _drop_the_reference,
    _end_the_agreement,
    _leave_it_to_a_program,
    _narrow_an_agreement,
    _set_a_compartment,
    _stop_the_case,
    _take_a_role,
    _tell_who_it_is,
)


# Promises: each holds in every world.


def _no_restriction_widens(chance: Random) -> None:
    world = draw_world(chance)
    before = rulings.rule(world.question, world.to_ground())
    for restrict in RESTRICTIONS:
        less = restrict(chance, world)
        after = rulings.rule(less.question, less.to_ground())
        assert before.allowed or not after.allowed, (
            f"{restrict.__name__} turned {before.rule} into {after.rule}"
        )


def _every_allowance_names_its_ground(chance: Random) -> None:
    world = draw_world(chance)
    question, ground = world.question, world.to_ground()
    ruling = rulings.rule(question, ground)
    if not ruling.allowed:
        assert ruling.basis is None
        return
    _is_within_limits(question, ground, ruling)
    if ruling.basis == "survivor_release":
        assert _grants(world, ruling.consent_id, question), "no such live release"
    elif ruling.basis in BY_LAW:
        assert (question.basis_reference or "").strip()
        assert ruling.notice_due
    else:
        assert ruling.basis == "non_identifying"
        _names_nobody(question, ground, ruling)


def _is_within_limits(question: Question, ground: Ground, ruling: rulings.Ruling) -> None:
    assert ground.stance is Stance.GRANTED
    limits = find_limiting(ground.agreements, NOW)
    in_force = [held.agreement_id for held in ground.agreements if held.is_active(NOW)]
    assert (ruling.agreement_id in in_force) if in_force else ruling.agreement_id is None
    for category in question.categories if limits else ():
        cells = [cell for held in limits for cell in held.cells]
        assert any(
            category in cell.categories
            and question.recipient in cell.recipients
            and question.purpose in cell.purposes
            and (cell.identifying or not ruling.identifying)
            for cell in cells
        )


def _names_nobody(question: Question, ground: Ground, ruling: rulings.Ruling) -> None:
    loop = question.to_source and question.categories <= {"services", "status"}
    assert not question.identifying
    assert not question.categories & {"identity", "contact"}
    assert loop or not ground.identified
    assert all(held.stance is Stance.GRANTED for held in ground.releases)
    assert question.categories <= MINIMUM or ruling.agreement_id is not None


def _grants(world: World, consent_id: bytes | None, question: Question) -> bool:
    """Say it as the spec does, of the bare versions, without what the rules merged."""
    assert consent_id is not None
    known = world.versions[consent_id]
    named = {name for held in known for name in held.supersedes}
    current = [held for held in known if held.name not in named]
    said = [held for held in current if isinstance(held, ReleaseVersion)]
    added: set[str] = set()
    for held in current:
        if isinstance(held, WindowVersion) and held.opens <= NOW < (held.until or 0):
            added |= held.added
    return bool(said) and all(
        held.stance is Stance.GRANTED
        and held.opens <= NOW < (held.until or 0)
        and question.categories <= held.categories | added
        and question.purpose in held.purposes
        and (question.scope is None or question.scope in (held.scopes or ()))
        and (held.circumstances is None or question.circumstance in held.circumstances)
        for held in said
    )


def _revocation_wins(chance: Random) -> None:
    """Whatever was written before, beside and after it by people who did not see it."""
    written = list(draw_versions(chance, 4))
    place = chance.randint(1, len(written))
    seen = [held for held in written[:place] if chance.random() < 0.6]
    revoked = draw_stop(chance, seen, Stance.ENDED)
    everything = [*written, revoked]
    arrivals = [*everything, *(held for held in everything if chance.random() < 0.5)]
    chance.shuffle(arrivals)
    world = draw_world(chance)
    asked = replace(world.question, basis=chance.choice((None, "survivor_release")))
    for count in range(arrivals.index(revoked) + 1, len(arrivals) + 1):
        known = replace(world, versions={CONSENT: tuple(arrivals[:count])}, question=asked)
        assert not rulings.rule(asked, known.to_ground()).allowed, "a revocation was passed over"


def _an_old_grant_never_revives(chance: Random) -> None:
    """What a known version names changes nothing, however often it comes again."""
    world = draw_world(chance)
    for consent_id, known in world.versions.items():
        named = {name for held in known for name in held.supersedes}
        old = [held for held in known if held.name in named]
        again = (*known, *(chance.choice(old) for _ in old))
        after = replace(world, versions={**world.versions, consent_id: again})
        ruling = rulings.rule(world.question, world.to_ground())
        assert rulings.rule(world.question, after.to_ground()) == ruling, "an old grant came back"


def _nothing_outlives_its_end(chance: Random) -> None:
    """After the last end of all releases nothing stands on one."""
    world = draw_world(chance)
    ruling = rulings.rule(world.question, world.to_ground())
    if ruling.rule != "P50":
        return
    ends = [held.until for known in world.versions.values() for held in known if held.until]
    later = replace(world.question, now=max(ends))
    after = rulings.rule(later, world.to_ground())
    assert after.basis != "survivor_release", "a release outlived its end"
    assert ruling.until is not None
    assert NOW < ruling.until <= max(ends)


PROMISES: Final = (
    _an_old_grant_never_revives,
    _every_allowance_names_its_ground,
    _no_restriction_widens,
    _nothing_outlives_its_end,
    _revocation_wins,
)


@pytest.mark.requirement("A14", "A35")
@pytest.mark.parametrize("promise", PROMISES, ids=lambda held: held.__name__.strip("_"))
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**64 - 1))
def test_in_every_world(promise: Callable[[Random], None], seed: int) -> None:
    """A14, A35: what a survivor narrows, revokes or lets end counts, in any order."""
    chance = Random(seed)
    for _ in range(WORLDS_EACH):
        promise(chance)


def test_the_worlds_reach_every_rule() -> None:
    """Else the promises above would promise nothing about some of them."""
    chance = Random(7)
    worlds = [draw_world(chance) for _ in range(SEARCHED)]
    reached = {rulings.rule(held.question, held.to_ground()).rule for held in worlds}
    assert reached >= {
        *("P10", "P11", "P12", "P13", "P14", "P15", "P16", "P20", "P30", "P31"),
        *("P40", "P41", "P50", "P60", "P61", "P62", "P63", "P64", "P65", "P66"),
    }


def _skip(rule_id: str) -> Callable[[Question, Ground], rulings.Ruling]:
    """Make the rules without one of them."""

    def rule(question: Question, ground: Ground) -> rulings.Ruling:
        rules = (decide for held, decide in rulings.RULES.items() if held != rule_id)
        answers = (decide(question, ground) for decide in rules)
        refused = rulings.Ruling(allowed=False, rule="P61")
        return next((held for held in answers if held is not None), refused)

    return rule


def _let_what_is_over_go(agreements: Iterable[Matrix], now: Instant) -> tuple[Matrix, ...]:
    return tuple(held for held in agreements if held.is_active(now))


def _cover_by_any(question: Question, ground: Ground) -> Release | None:
    return next((held for held in ground.releases if not held.list_uncovered(question)), None)


def _learn_the_last_word(
    known: Versions[Permission], *versions: Permission
) -> Versions[Permission]:
    """Take what came last for what counts: what was named comes back when it is shown again."""
    return Versions({held.name: held for held in versions[-1:]}, known.named)


@pytest.mark.parametrize(
    ("promise", "defence", "broken"),
    [
        (_every_allowance_names_its_ground, "quietway.policy.rulings:rule", _skip("P11")),
        (_no_restriction_widens, "quietway.policy.rulings:find_limiting", _let_what_is_over_go),
        (
            _every_allowance_names_its_ground,
            "quietway.policy.rulings:_find_covering",
            _cover_by_any,
        ),
        (_nothing_outlives_its_end, "quietway.policy.releases:Release.is_over", lambda *_: False),
        (
            _revocation_wins,
            "quietway.policy.rulings:_needs_release",
            rulings.counts_as_identifying,
        ),
        (
            _an_old_grant_never_revives,
            "tests.client_sdk.policy.worlds:learn",
            _learn_the_last_word,
        ),
    ],
    ids=["paused", "over", "covering", "end", "withdrawn", "named"],
)
def test_control_a_broken_rule_is_found(
    monkeypatch: pytest.MonkeyPatch,
    promise: Callable[[Random], None],
    defence: str,
    broken: Callable[..., object],
) -> None:
    without(monkeypatch, defence, broken)
    chance = Random(7)

    def search() -> None:
        for _ in range(SEARCHED):
            promise(chance)

    with pytest.raises(AssertionError):
        search()
