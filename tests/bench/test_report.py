"""What `make bench` says of recorded figures: medians, ratios, floors the right way round."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from bench.__main__ import choose_status
from bench.asked import read_count, read_number
from bench.catalogue import CLAIMS, LATER
from bench.claim import Claim
from bench.processes import NotMeasuredError
from bench.report import render, render_missing, render_page, to_json, write_json
from bench.rounds import run_rounds

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Place

KEYS = {"name", "value", "unit", "peer", "ratio", "floor", "goal", "met"}


@dataclass(frozen=True)
class Recorded:
    """A piece of work that was done before."""

    name: str
    figures: tuple[float, ...] = ()

    def run(self, place: Place) -> float:
        numbers: dict[str, int] = place  # type: ignore[assignment]  # counts the calls
        numbers[self.name] = numbers.get(self.name, 0) + 1
        if not self.figures:
            raise NotMeasuredError("There is no compiler.")
        return self.figures[numbers[self.name] - 1]


OURS = Recorded("ours", (900.0, 100.0, 300.0))
PEER = Recorded("peer", (100.0, 50.0, 100.0))
FASTER = Claim(
    name="rate",
    title="envelopes",
    unit="envelopes/s",
    needs=(OURS, PEER),
    value=lambda seen: seen[OURS],
    peer=lambda seen: seen[PEER],
    floor=3,
    goal=8,
)
ALONE = Claim(
    name="cost",
    title="cost",
    unit="us",
    needs=(OURS,),
    value=lambda seen: seen[OURS],
    floor=299,
    goal=20,
    lower_is_better=True,
)
SEEN = [{OURS: ours, PEER: peer} for ours, peer in zip(OURS.figures, PEER.figures, strict=True)]


def test_the_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_the_medians() -> None:
    row = FASTER.judge(SEEN)
    assert (row.value, row.peer, row.ratio) == (300, 100, 3)
    assert (row.least, row.most) == (2, 9)


def test_a_claim_without_a_peer_is_judged_by_its_value() -> None:
    row = ALONE.judge(SEEN)
    assert (row.value, row.peer, row.ratio) == (300, None, None)
    assert (row.least, row.most) == (100, 900)


@pytest.mark.parametrize(
    ("claim", "floor", "met"),
    [
        (FASTER, 3, True),
        (FASTER, 3.01, False),
        (ALONE, 300, True),
        (ALONE, 299, False),
        (replace(FASTER, lower_is_better=True), 3, True),
        (replace(FASTER, lower_is_better=True), 2.99, False),
    ],
)
def test_a_floor_is_met_from_its_own_side(claim: Claim, floor: float, *, met: bool) -> None:
    assert replace(claim, floor=floor).judge(SEEN).met is met


def test_where_there_is_no_floor_the_goal_is_asked_for() -> None:
    assert not replace(ALONE, floor=None, goal=299).judge(SEEN).met
    assert replace(ALONE, floor=None, goal=301).judge(SEEN).met


def test_the_file_is_a_list_with_exactly_these_keys(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    rows = [FASTER.judge(SEEN), ALONE.judge(SEEN)]
    write_json(rows, path)
    first, second = read = json.loads(path.read_text("utf-8"))
    assert read == to_json(rows)
    assert {frozenset(row) for row in read} == {frozenset(KEYS)}
    assert first["met"] is True
    assert first["ratio"] == 3
    assert second["met"] is False
    assert second["ratio"] is None


def test_a_round_does_equal_work_once_and_what_fails_is_not_tried_again() -> None:
    lost = Recorded("lost")
    claims = [FASTER, ALONE, replace(ALONE, name="lost", needs=(OURS, lost))]
    done: dict[str, int] = {}
    said: list[str] = []
    rows, missing = run_rounds(claims, done, rounds=3, say=said.append)  # type: ignore[arg-type]  # list.append
    assert done == {"ours": 3, "peer": 3, "lost": 1}
    assert [row.claim.name for row in rows] == ["rate", "cost"]
    assert missing == {"lost": "There is no compiler"}
    assert len(said) == 7


def test_the_table_says_what_was_missed() -> None:
    table = render([FASTER.judge(SEEN), ALONE.judge(SEEN)])
    head, first, second = table.splitlines()
    assert head.split()[:3] == ["claim", "ours", "peer"]
    assert first.endswith("floor met")
    assert second.endswith("FLOOR MISSED")
    page = render_page([replace(FASTER, title="envelopes a second").judge(SEEN)])
    assert page.splitlines()[2].startswith("| envelopes a second | 300 | 100 | envelopes/s | 3x |")
    assert render_missing({"a": "why"}) == "Not measured: a: why."


def test_names_are_one_each_and_goals_lie_beyond_floors() -> None:
    names = [claim.name for claim in CLAIMS]
    assert len(names) == len(set(names))
    assert not set(names) & set(LATER)
    for claim in CLAIMS:
        assert claim.floor is None or claim.reaches(claim.goal, claim.floor), claim.name


def test_the_exit_code_tells_what_came_out() -> None:
    missed, met = ALONE.judge(SEEN), FASTER.judge(SEEN)
    only_a_goal = replace(ALONE, floor=None).judge(SEEN)
    assert choose_status([met, only_a_goal], is_incomplete=False) == 0
    assert choose_status([met, missed], is_incomplete=False) == 1
    assert choose_status([met], is_incomplete=True) == 2
    assert choose_status([], is_incomplete=False) == 2


@pytest.mark.parametrize("text", ["0", "-1", "many", "2.5", "1e9", "nan"])
def test_what_is_no_number_of_rounds_is_a_sentence(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS", text)
    with pytest.raises(NotMeasuredError, match="ROUNDS is a"):
        read_count("ROUNDS", 3)


def test_what_was_not_asked_for_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUNDS", raising=False)
    assert read_count("ROUNDS", 3) == 3
    monkeypatch.setenv("SECONDS", "0.5")
    assert read_number("SECONDS", 2.5) == 0.5
