"""The diagrams of a page are the tables that the product goes by, arrow for arrow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.house.pages import ROOT

from quietway_schemas import diagrams
from quietway_schemas.content import referral_states

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "explanation" / "escalation.md"
NAMED = "Before.\n\n<!-- drawn from {} -->\nanything\n<!-- drawn -->\n\nAfter.\n"


def test_the_page_of_escalation_is_what_the_tables_say() -> None:
    assert diagrams.main(["--check", str(PAGE)]) == 0


def test_every_pair_of_a_table_is_an_arrow_and_there_is_no_other() -> None:
    table = referral_states.LEGAL_PREDECESSORS
    arrows = re.findall(r"^    (\S+) --> (\S+)$", diagrams.draw(table), re.MULTILINE)
    moves = {(before or "[*]", after) for after, befores in table.items() for before in befores}

    assert len(arrows) == len(set(arrows))
    assert {arrow for arrow in arrows if arrow[1] != "[*]"} == moves
    assert [before for before, after in arrows if after == "[*]"] == ["entered_in_error"]


def test_a_table_that_only_repeats_itself_still_ends_there() -> None:
    drawn = diagrams.draw({"open": {""}, "closed": {"open", "closed"}})

    assert drawn.splitlines()[2:-1] == [
        "    [*] --> open",
        "    open --> closed",
        "    closed --> closed",
        "    closed --> [*]",
    ]


def test_a_table_without_an_empty_name_begins_with_what_follows_itself_alone() -> None:
    drawn = diagrams.draw({"open": {"open"}, "done": {"open"}})

    assert drawn.splitlines()[2:-1] == [
        "    [*] --> open",
        "    open --> open",
        "    open --> done",
        "    done --> [*]",
    ]


def test_only_what_stands_between_the_marks_is_written_anew() -> None:
    drawn = diagrams.draw_page(NAMED.format("case_states.LEGAL_PREDECESSORS"))

    assert drawn.startswith("Before.\n\n<!-- drawn from case_states.LEGAL_PREDECESSORS -->\n")
    assert drawn.endswith("<!-- drawn -->\n\nAfter.\n")
    assert "anything" not in drawn
    assert diagrams.draw_page(drawn) == drawn


@pytest.mark.parametrize("name", ["case_states.NO_SUCH_TABLE", "case_states.START"])
def test_a_table_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(LookupError, match=name.partition(".")[2]):
        diagrams.draw_page(NAMED.format(name))


def test_a_page_without_a_table_is_no_page_to_draw() -> None:
    with pytest.raises(LookupError, match="names no table"):
        diagrams.draw_page("Words alone.\n")


def test_a_page_that_differs_ends_with_status_1_and_a_call_without_one_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(NAMED.format("case_states.LEGAL_PREDECESSORS"), encoding="utf-8")

    assert diagrams.main([str(page), "--check"]) == 1
    assert "differs" in capsys.readouterr().err
    assert diagrams.main([str(page)]) == 0
    assert diagrams.main([str(page), "--check"]) == 0
    assert diagrams.main([]) == 2
