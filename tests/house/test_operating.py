"""The page for operators says what the relay's program does, and nothing that it does not."""

from __future__ import annotations

import re

from tests.house.pages import ROOT

from quietway_server.__main__ import _ARGUMENTS, _MEANINGS
from quietway_server.log import EVENTS
from quietway_server.metrics import METRICS, render_reference
from quietway_server.services.operating import PARTS

PAGE = (ROOT / "docs" / "reference" / "operating.md").read_text("utf-8")


def list_rows(heading: str) -> list[str]:
    """Give the first cells of the tables under a heading, without their marks."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = (each for each in section if each.startswith(f"{heading}\n"))
    rows = re.findall(r"^\| (?:\*\*)?`([^`]+)`", text, re.MULTILINE)
    assert rows
    return rows


def test_every_metric_is_documented_as_it_is() -> None:
    assert render_reference() in PAGE
    assert len(list_rows("Metrics")) == len(METRICS)


def test_every_event_of_the_log_is_documented_and_no_other() -> None:
    assert sorted(list_rows("Log events")) == sorted(EVENTS)


def test_every_command_is_documented_with_what_it_takes_and_no_other() -> None:
    rows = [row.split() for row in list_rows("Commands")]
    assert {row[1] for row in rows} == set(_MEANINGS)
    named = [option for command in _ARGUMENTS.values() for option in command if "--" in option]
    assert [option for option in named if f"`{option}" not in PAGE] == []


def test_every_alarm_is_about_a_metric_that_there_is() -> None:
    shown = {metric.shown for metric in METRICS}
    alarms = [name.partition("{")[0] for name in list_rows("What deserves an alarm")]
    assert len(alarms) > 10
    assert [name for name in alarms if name not in shown] == []


def test_every_part_that_may_not_be_ready_is_documented() -> None:
    listed = [name for name in list_rows("The operator's listener") if " " not in name]
    assert tuple(listed) == PARTS
