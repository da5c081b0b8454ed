"""Routines and itineraries, and what agencies do at their hours."""

from __future__ import annotations

from itertools import product
from typing import Final

import pytest
from tests.controls import without

from quietway.guard.inspecting import inspect
from quietway.guard.reading import Reading
from quietway.guard.rules import list_rules, routine
from quietway_schemas.codebook.lists import codes

DAYS: Final = ("every Tuesday", "on Mondays", "each Fri", "on weekdays", "every day")
TIMES: Final = ("3pm", "at 7:40 am", "at 15:00", "around noon", "at 6 o'clock", "at three pm")
MOVES: Final = (
    "she picks up the kids",
    "he walks her home",
    "she leaves work",
    "her son takes the bus",
)
LOS_DIAS: Final = ("todos los martes", "los lunes", "cada viernes", "entre semana")
LAS_HORAS: Final = ("a las 3 de la tarde", "a las 7:40", "a las 15:00", "a las tres")
LOS_VERBOS: Final = ("recoge a los niños", "sale del trabajo", "lleva a su hijo", "va al gimnasio")
LES_JOURS: Final = ("tous les mardis", "le lundi", "chaque vendredi")
LES_HEURES: Final = ("à 15h", "à 7h40", "à midi", "vers 18h30")
LES_VERBES: Final = ("elle va chercher sa fille", "il dépose les enfants", "elle quitte le travail")
WAYS: Final = (
    "She takes the 14 bus and gets off at the park.",
    "He leaves at 7 and drives to his mother's.",
    "They travel from Salem to Portland by train.",
    "Toma el tren a las 6 y llega a las 9.",
    "Elle prend le train de 8h12 et descend à Lyon.",
)
HOURS: Final = (
    "The office is open every Tuesday at 3 pm.",
    "Intake takes place every weekday from 9 am to 5 pm.",
    "Our advocates are at court every Monday at 9 am.",
    "The group meets on Thursdays at 18:00.",
    "Staff huddle daily at 8:30.",
    "Reports are sent every Friday by noon.",
    "La clínica abre entre semana a las 9.",
    "El grupo se reúne cada jueves a las 18:00.",
    "Le bureau ouvre le lundi à 9h.",
    "Use the code that says the safety plan is active.",
    "The training starts on May 5 at 10 am.",
)


def _rules(text: str) -> set[str]:
    return {hit.rule for view in Reading(text).views for hit in routine.find(view)}


def _make_routines() -> list[str]:
    english = [f"{move} {day} {time}." for day, time, move in product(DAYS, TIMES, MOVES)]
    english += [f"{day}, {time}, {move}" for day, time, move in product(DAYS, TIMES, MOVES)]
    spanish = [
        f"{day} {time} {move}" for day, time, move in product(LOS_DIAS, LAS_HORAS, LOS_VERBOS)
    ]
    french = [
        f"{day} {time} {move}" for day, time, move in product(LES_JOURS, LES_HEURES, LES_VERBES)
    ]
    return english + spanish + french


@pytest.mark.requirement("A26")
def test_a_routine_is_found_in_three_languages() -> None:
    """A26: an hour at which somebody comes or goes pinpoints her as a street does."""
    routines = _make_routines()
    assert [text for text in routines if "routine.weekly" not in _rules(text)] == []


@pytest.mark.requirement("A57")
@pytest.mark.parametrize("text", WAYS)
def test_an_itinerary_is_flagged_and_the_status_is_offered_instead(text: str) -> None:
    """A57: "safety plan active" replaces routes: the guard flags them and offers that code."""
    found = inspect(text)
    itinerary = list_rules()["routine.itinerary"]
    assert "routine.itinerary" in _rules(text)
    assert any(finding.action in {"hold", "block"} for finding in found)
    assert itinerary.codes == ("status_indicator/safety_plan_active",)
    assert "safety_plan_active" in codes("status_indicator")


@pytest.mark.requirement("A57")
def test_control_without_the_rule_an_itinerary_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A57: nothing else finds a route."""
    text = "He leaves at 7 and drives two hours."
    assert inspect(text)
    without(monkeypatch, "quietway.guard.rules.routine:_find_departure", lambda *_: ())
    assert inspect(text) == ()


@pytest.mark.requirement("A46")
@pytest.mark.parametrize("text", [*WAYS, "She walks home every day at 5:15 pm.", "617-555-0142"])
def test_on_an_insecure_channel_a_routine_is_blocked(text: str) -> None:
    """A46: no location and no routine in a public channel: every finding blocks there."""
    assert {finding.action for finding in inspect(text, channel="insecure")} == {"block"}
    assert "hold" in {finding.action for finding in inspect(text)}


@pytest.mark.parametrize("text", HOURS)
def test_what_agencies_do_at_their_hours_passes(text: str) -> None:
    assert inspect(text) == ()


def test_control_without_asking_whom_it_is_about_agencies_hours_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "An advocate arrives at the court every Monday at 9 am."
    assert _rules(text) == set()
    without(monkeypatch, "quietway.guard.rules.routine:_is_about_a_person", lambda *_: True)
    assert _rules(text) == {"routine.weekly"}
