"""What stands in the way: a table of findings, reasons, second persons and countdowns."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

import pytest

from quietway.guard.deciding import (
    ALONE_COUNTDOWN_MS,
    COUNTDOWN_MS,
    Overriding,
    TextFinding,
    judge,
)
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from quietway.guard.finding import Action

NOW: Final = 1_800_000_000_000
COLLEAGUE: Final = DeviceId(bytes(16))
ACTIONS: Final[tuple[Action, ...]] = ("warn", "strip", "hold", "block")


def find(*actions: Action) -> list[TextFinding]:
    return [
        TextFinding("text", f"class.{action}", action, place, place + 1)
        for place, action in enumerate(actions)
    ]


def test_what_is_clean_goes_and_what_warns_goes_and_is_told() -> None:
    assert judge([], now=NOW).needs is None
    decision = judge(find("warn"), now=NOW)
    assert (decision.needs, decision.stands) == (None, ())
    assert [held.rule for held in decision.told] == ["class.warn"]


@pytest.mark.requirement("A26")
def test_a_block_has_no_override_whoever_confirms_and_however_urgent() -> None:
    """A26: what pinpoints a house or street is not sent, by nobody and for no reason."""
    for crisis, alone, second in product((True, False), (True, False), (None, COLLEAGUE)):
        given = Overriding("life_at_risk", NOW - 10 * ALONE_COUNTDOWN_MS, second)
        for also in ACTIONS:
            decision = judge(find("block", also), given, crisis=crisis, alone=alone, now=NOW)
            assert decision.needs == "other_words"
            assert decision.stands[0].action == "block"
            assert decision.overridden == ()


@pytest.mark.parametrize("action", ["hold", "strip"])
def test_what_is_held_needs_a_reason_and_no_more(action: Action) -> None:
    refused = judge(find(action), now=NOW)
    assert (refused.needs, refused.goes_at) == ("reason", None)
    decision = judge(find(action), Overriding("rule_mistaken", NOW), now=NOW)
    assert decision.needs is None
    assert [held.action for held in decision.overridden] == [action]
    assert decision.overriding == Overriding("rule_mistaken", NOW)


@pytest.mark.requirement("A54")
def test_in_a_crisis_a_reason_a_second_person_and_a_countdown() -> None:
    """A54: speed and sensitivity: a countdown that lets the sender stop, and a reason."""

    def ask(at: int, second: DeviceId | None, *, alone: bool = False) -> str | None:
        given = Overriding("life_at_risk", NOW, second)
        return judge(find("hold"), given, crisis=True, alone=alone, now=at).needs

    assert judge(find("hold"), None, crisis=True, now=NOW).needs == "reason"
    assert ask(NOW, None) == "second_person"
    assert ask(NOW + 10 * ALONE_COUNTDOWN_MS, None) == "second_person"
    assert ask(NOW, COLLEAGUE) == "wait"
    assert ask(NOW + COUNTDOWN_MS - 1, COLLEAGUE) == "wait"
    assert ask(NOW + COUNTDOWN_MS, COLLEAGUE) is None
    # A clock that was set back ends no countdown.
    assert ask(NOW - COUNTDOWN_MS, COLLEAGUE) == "wait"
    # Where there is nobody to ask, a longer countdown stands in for the second person.
    assert ask(NOW + COUNTDOWN_MS, None, alone=True) == "wait"
    assert ask(NOW + ALONE_COUNTDOWN_MS, None, alone=True) is None


@pytest.mark.requirement("A54")
def test_a_countdown_says_until_when() -> None:
    """A54: the wait stands in the decision, so that a program can show it."""
    given = Overriding("life_at_risk", NOW)
    assert judge(find("hold"), given, crisis=True, now=NOW).goes_at == NOW + COUNTDOWN_MS
    alone = judge(find("hold"), given, crisis=True, alone=True, now=NOW)
    assert (alone.needs, alone.goes_at) == ("wait", NOW + ALONE_COUNTDOWN_MS)


def test_a_decision_names_its_rules_once_and_explains_the_first() -> None:
    twice = [TextFinding("text", "vehicle.vin", "block", at, at + 1) for at in (0, 9)]
    decision = judge(twice, now=NOW)
    assert decision.rules == ("vehicle.vin",)
    assert decision.explain() == twice[0].explain() != twice[0].explain("es")
    assert judge([], now=NOW).explain() == ""
