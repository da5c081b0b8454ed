"""The library of scenarios: whole, of known codes, and about nobody."""

from __future__ import annotations

from importlib import resources

import pytest

from quietway.drilling.library import find_scenario, list_scenarios
from quietway.drilling.scenario import MAX_SCENARIO_BYTES, read_scenario
from quietway.errors import ContentRefused, NotFound
from quietway.guard.inspecting import inspect
from quietway.guard.lists import NO_LISTS

FOLDER = resources.files("quietway.drilling").joinpath("scenarios")
WHOLE = FOLDER.joinpath("missed-checkin.toml").read_bytes()


@pytest.mark.requirement("C80")
def test_the_library_holds_case_agnostic_scenarios_with_injects_and_what_is_expected() -> None:
    """C80: case-agnostic scenarios, a library reused by drills and as demo data."""
    found = list_scenarios()
    assert len(found) >= 8
    assert [held.name for held in found] == sorted(held.name for held in found)
    for held in found:
        assert held.injects, held.name
        assert held.questions, held.name
        assert held.expected.roles, held.name
        assert held.criteria, held.name
        assert held.expected.claim_s <= held.expected.activate_s < held.expected.close_s, held.name
        assert all(one.at_s < held.expected.close_s for one in held.injects), held.name


def test_no_scenario_says_anything_that_the_guard_would_find() -> None:
    for held in list_scenarios():
        words = [held.title, held.about, *(one.words for one in held.injects)]
        words += [one.question for one in held.questions]
        for text in words:
            assert not inspect(text, lists=NO_LISTS), (held.name, text)


def test_each_file_is_called_as_its_scenario() -> None:
    names = {file.name.removesuffix(".toml") for file in FOLDER.iterdir()}
    assert names == {held.name for held in list_scenarios()}
    assert find_scenario("unfounded").title.startswith("An alarm")
    with pytest.raises(NotFound, match="quietway drill list"):
        find_scenario("none-such")


@pytest.mark.parametrize(
    ("written", "instead", "field"),
    [
        (b'alert_code = "checkin_missed"', b'alert_code = "fire"', "alert_code"),
        (b'name = "missed-checkin"', b'name = "Missed Checkin"', "name"),
        (b"claim_s = 300", b"claim_s = -1", "claim_s"),
        (b"claim_s = 300", b'claim_s = "soon"', "claim_s"),
        (b"claim_s = 300", b"claim_s = 300\nwhere = 1", "where"),
        (b'kind = "status"\ncode = "checkin_missed"', b'kind = "status"', "code"),
        (b'kind = "prompt"', b'kind = "message"', "kind"),
        (b"at_s = 120", b"at_s = 500", "inject"),
        (b'section = "timing"', b'section = "training_need"', "section"),
        (b"verify_s = 900\n", b"", "verify"),
    ],
)
def test_a_scenario_that_breaks_a_rule_is_refused_by_its_field(
    written: bytes, instead: bytes, field: str
) -> None:
    assert written in WHOLE
    with pytest.raises(ContentRefused) as refused:
        read_scenario(WHOLE.replace(written, instead, 1))
    assert field in refused.value.field


@pytest.mark.parametrize("raw", [b"\xff", b"name =", b"", b"#" * (MAX_SCENARIO_BYTES + 1)])
def test_what_is_no_scenario_is_refused(raw: bytes) -> None:
    with pytest.raises(ContentRefused):
        read_scenario(raw)
