"""Nothing that the guard gives, prints, logs or raises holds a word of the text that it read."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway import GuardFailed
from quietway.guard import plans
from quietway.guard.inspecting import inspect, scan
from quietway.guard.lists import Lists
from quietway.guard.places import house_number, numbers
from quietway.guard.reading import Reading
from quietway.guard.rules import list_detectors, list_rules

if TYPE_CHECKING:
    from quietway.guard.finding import Hit
    from quietway.guard.view import View

CANARIES: Final = ("canarystreet", "zyzzyva", "81753")
TEXT: Final = (
    "She is at 81753 Canarystreet Avenue, Zyzzyva apartment 81753, call 617 555 0142, "
    "ana.zyzzyva@example.org, VIN 1HGCM82633A004352."
)


def holds_a_canary(text: str) -> bool:
    return any(canary in text.lower() for canary in CANARIES)


def test_no_finding_holds_what_was_found(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    findings = inspect(TEXT, lists=Lists(denied=("Zyzzyva House",), allowed=("Canarystreet",)))
    assert findings
    said = [*map(repr, findings), *(found.explain("es") + found.explain() for found in findings)]
    assert not holds_a_canary(" ".join(said))
    assert not holds_a_canary(caplog.text)
    assert not holds_a_canary(repr(Reading(TEXT)) + repr(Reading(TEXT).views))


def test_nothing_of_a_text_is_kept_once_it_was_read_or_broke_a_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inspect(TEXT)
    check_nothing_is_kept()
    next(scan(Reading(TEXT)))
    check_nothing_is_kept()
    fail(monkeypatch)
    check_nothing_is_kept()


def check_nothing_is_kept() -> None:
    assert count_kept() == 0


def count_kept() -> int:
    kept = (
        numbers.list_numbers,
        house_number.list_house_numbers,
        plans.is_valid_somewhere,
        plans.is_nobodys,
    )
    return sum(one.cache_info().currsize for one in kept)


def test_no_telephone_number_is_kept_that_the_plans_were_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = "Call her at 0161 496 0000 or +44 161 496 0000."
    assert inspect(called)
    check_nothing_is_kept()
    without(monkeypatch, "quietway.guard.plans:forget", lambda: None)
    inspect(called)
    assert count_kept() > 0
    monkeypatch.undo()
    inspect(TEXT)
    check_nothing_is_kept()


def break_down(view: View) -> list[Hit]:
    raise ValueError(view.text)


def fail(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let one class break on the text, and give all that a program would print of it."""
    without(monkeypatch, "quietway.guard.rules.vehicle:find", break_down)
    list_detectors.cache_clear()
    with pytest.raises((GuardFailed, ValueError)) as raised:
        inspect(TEXT)
    monkeypatch.undo()
    list_detectors.cache_clear()
    return "".join(traceback.format_exception(raised.value))


def test_a_class_that_breaks_stops_the_text_and_shows_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = fail(monkeypatch)
    assert GuardFailed.__name__ in printed
    assert "class vehicle" in printed
    assert not holds_a_canary(printed)


def test_without_the_shield_what_breaks_shows_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the same failure, let through."""
    without(
        monkeypatch,
        "quietway.guard.inspecting:look",
        lambda name, view: list(list_detectors()[name](view)),
    )
    assert holds_a_canary(fail(monkeypatch))


def test_every_rule_explains_itself_without_a_place_in_it() -> None:
    for found in scan(Reading(TEXT)):
        assert found.rule in list_rules()
        assert found.explain() != found.explain("es")
