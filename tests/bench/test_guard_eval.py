"""`make guard-eval`: what it counts, what it never prints, what it says of a file that is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from bench.guard_eval import is_caught, main
from tests.controls import without

from quietway.guard.finding import Finding

if TYPE_CHECKING:
    from pathlib import Path

PLACE: Final = "Pick her up at 40.712776, -74.005974 tonight."
CLEAN: Final = "The group meets in the usual way."
ROWS: Final = (
    {
        "text": PLACE,
        "has_location": True,
        "kind": "coordinates",
        "language": "en",
        "span": [15, 36],
    },
    {"text": "somewhere by the water", "has_location": True, "kind": "place"},
    {"text": CLEAN, "has_location": False, "kind": "clean"},
    {"text": "geo:1.5,2.5 is clean, says the file", "has_location": False, "kind": "clean"},
)


def _write(folder: Path, *lines: str) -> str:
    path = folder / "sentences.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def _write_rows(folder: Path) -> str:
    return _write(folder, *(json.dumps(row) for row in ROWS))


def test_recall_false_alarms_and_lines_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([_write_rows(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1].split() == ["coordinates", "1", "1", "100.0", "%"]
    assert told[2].split() == ["place", "1", "0", "0.0", "%", "2"]
    assert told[3].split() == ["all", "2", "1", "50.0", "%"]
    assert told[4] == "clean lines: 2, with a false alarm: 1 (50.00 %)"
    assert told[5] == "  coordinates: 1, in lines 4"


def test_no_text_is_printed_unless_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write_rows(tmp_path)
    main([path])
    assert not any(str(row["text"]) in capsys.readouterr().out for row in ROWS)
    main([path, "--show"])
    shown = capsys.readouterr().out
    assert "missed, line 2, place: somewhere by the water" in shown
    assert "false alarm, line 4, coordinates.geo_uri 'geo:1.5,2.5'" in shown


def test_control_with_a_guard_that_is_blind_recall_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "bench.guard_eval:inspect", lambda _: ())
    assert main([_write_rows(tmp_path)]) == 0
    assert "all                 2      0     0.0 %" in capsys.readouterr().out


def test_a_finding_elsewhere_in_the_text_has_not_caught_the_place() -> None:
    finding = Finding("street.numbered", "block", 4, 9)
    assert is_caught([finding], (8, 12))
    assert not is_caught([finding], (9, 12))
    assert is_caught([finding], None)
    assert not is_caught([], None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Line 1 is no JSON."),
        ("[1]", "Line 1 is no object."),
        ('{"has_location": true, "kind": "x"}', "Line 1: text is missing or no str."),
        (
            '{"text": "secret", "has_location": "yes", "kind": "x"}',
            "has_location is missing or no bool.",
        ),
        ('{"text": "secret", "has_location": true}', "kind is missing or no str."),
        (
            '{"text": "secret", "has_location": true, "kind": "x", "span": [4, 99]}',
            "span is no [from, to]",
        ),
        ("", "holds no line."),
    ],
)
def test_a_file_of_another_form_is_refused_without_its_text(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([_write(tmp_path, line)]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "secret" not in told.err
    assert told.out == ""


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nothing.jsonl")]) == 2
    assert "nothing.jsonl can't be read: FileNotFoundError." in capsys.readouterr().err
