"""A rota as a file: what the template says is read, and what is wrong is named."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from quietway import Rota, Shift
from quietway.content import DeviceId
from quietway_desk.refusals import DeskError
from quietway_desk.rota_file import TEMPLATE, read_rota

if TYPE_CHECKING:
    from collections.abc import Sequence


class Named:
    def __init__(self, number: int) -> None:
        self.device = DeviceId(bytes([number]) * 16)


DEVICES: Any = [Named(1), Named(200)]
ONE, TWO = (str(held.device)[4:12] for held in DEVICES)
FILLED = TEMPLATE.replace('primary = "DEVICE"', f'primary = "{ONE}"').replace(
    'backup = ["DEVICE"]', f'backup = ["{TWO}"]'
)


def read(text: str) -> Rota:
    return read_rota(text, DEVICES)


def test_the_template_is_a_rota_once_devices_are_filled_in() -> None:
    rota = read(FILLED)
    assert rota.time_zone == "America/Chicago"
    assert [crew.primary for crew in rota.crews] == [DEVICES[0].device] * 2
    assert len(rota.shifts) == 14
    assert rota.shifts[0] == Shift(0, "Mon 08:00", "Mon 20:00")
    assert rota.shifts[-1] == Shift(1, "Sun 20:00", "Mon 08:00")


def test_all_of_the_template_is_read_with_what_is_commented_out() -> None:
    lines: Sequence[str] = FILLED.splitlines()
    begun = lines.index("# Or without days, from one day to another:")
    opened = [
        line.removeprefix("# ") if at > begun or line.startswith("# week") else line
        for at, line in enumerate(lines)
    ]
    rota = read("\n".join(opened))
    assert (rota.weeks, rota.week_one) == (2, date(2026, 11, 23))
    assert rota.shifts[-1] == Shift(1, "Fri 20:00", "Mon 08:00", week=2)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('time_zone = "America/Chicago"', "", "time_zone"),
        ('name = "night"', 'name = "day"', "two crews"),
        ('crew = "night"', 'crew = "nihgt"', "nihgt"),
        ('days = ["Mon"', 'days = ["Monday"', "Monday"),
        ("starts =", "begins =", "begins"),
        (f'primary = "{ONE}"', 'primary = "aaaaaaaa"', "aaaaaaaa"),
        ("[[crew]]", "[crew", "TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(before: str, after: str, named: str) -> None:
    assert before in FILLED
    with pytest.raises(DeskError) as refused:
        read(FILLED.replace(before, after))
    assert named.lower() in str(refused.value).lower()
