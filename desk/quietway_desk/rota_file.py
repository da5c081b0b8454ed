"""A rota as a file that a person writes: TOML, with devices as `device list` calls them.

Spec: docs/reference/desk.md, "quietway oncall".
"""

from __future__ import annotations

import tomllib
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from quietway import Crew, Rota, Shift
from quietway_desk.naming import find_named
from quietway_desk.refusals import UsageRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quietway import OwnDevice
    from quietway.content import DeviceId

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TEMPLATE: Final = """\
# Who is on call at our agency. Then: quietway oncall set FILE
# Devices are called as `quietway device list` calls them.

time_zone = "America/Chicago"

# A cycle of several weeks; week_one is the Monday of a first week.
# weeks = 2
# week_one = 2026-11-23

# Who is called together: one primary, one backup or more. Supervisors and leadership are added
# by their roles, unless they are named here.
[[crew]]
name = "day"
primary = "DEVICE"
backup = ["DEVICE"]
# supervisor = ["DEVICE"]
# leadership = ["DEVICE"]

[[crew]]
name = "night"
primary = "DEVICE"
backup = ["DEVICE"]

# Local times. A shift that ends before it starts ends on the next day.
[[shift]]
crew = "day"
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
starts = "08:00"
ends = "20:00"

[[shift]]
crew = "night"
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
starts = "20:00"
ends = "08:00"

# Or without days, from one day to another:
# [[shift]]
# crew = "night"
# week = 2
# starts = "Fri 20:00"
# ends = "Mon 08:00"
"""
_TOP: Final = frozenset({"time_zone", "weeks", "week_one", "crew", "shift"})
_CREW: Final = frozenset({"name", "primary", "backup", "supervisor", "leadership"})
_SHIFT: Final = frozenset({"crew", "days", "starts", "ends", "week"})


def read_rota(text: str, devices: Sequence[OwnDevice]) -> Rota:
    """Read a rota out of a file.

    Args:
        text: TOML.
        devices: The agency's own.

    Raises:
        UsageRefused: It is no TOML, or something in it is missing, unknown or of another form.
        NotListed: It names a device that the agency has not.
    """
    try:
        held = tomllib.loads(text)
    except tomllib.TOMLDecodeError as refused:
        raise UsageRefused(f"The file is no TOML: {refused}.") from None
    _check_names(held, _TOP, "the file")
    crews = _take(held, "crew", list)
    names = [_take(crew, "name", str) for crew in crews]
    if len(names) != len(set(names)):
        raise UsageRefused("Two crews have one name: give each its own.")
    week_one = {"week_one": _take(held, "week_one", date)} if "week_one" in held else {}
    return Rota(
        _take(held, "time_zone", str),
        tuple(_read_crew(crew, devices) for crew in crews),
        tuple(shift for one in _take(held, "shift", list) for shift in _read_shifts(one, names)),
        held.get("weeks", 1),
        **week_one,
    )


def _read_crew(held: dict[str, Any], devices: Sequence[OwnDevice]) -> Crew:
    _check_names(held, _CREW, "a crew")

    def find(name: object) -> DeviceId:
        return find_named(str(name), devices).device

    def find_all(field: str) -> tuple[DeviceId, ...]:
        return tuple(find(name) for name in _take(held, field, list)) if field in held else ()

    return Crew(
        find(_take(held, "primary", str)),
        find_all("backup"),
        find_all("supervisor"),
        find_all("leadership"),
    )


def _read_shifts(held: dict[str, Any], names: Sequence[str]) -> Iterator[Shift]:
    _check_names(held, _SHIFT, "a shift")
    named = _take(held, "crew", str)
    if named not in names:
        raise UsageRefused(f"A shift names the crew {named!r}: there is none by that name.")
    crew, week = names.index(named), held.get("week", 1)
    starts, ends = _take(held, "starts", str), _take(held, "ends", str)
    if "days" not in held:
        yield Shift(crew, starts, ends, week)
        return
    for day in _take(held, "days", list):
        if day not in DAYS:
            raise UsageRefused(f"{day!r} is no day: write {', '.join(DAYS)}.")
        place = DAYS.index(day)
        after = DAYS[(place + 1) % len(DAYS)] if ends <= starts else day
        yield Shift(crew, f"{day} {starts}", f"{after} {ends}", week)


def _check_names(held: object, known: frozenset[str], where: str) -> None:
    if not isinstance(held, dict):
        raise UsageRefused(f"Something is wrong with {where}: compare it with the template.")
    for name in held:
        if name not in known:
            raise UsageRefused(f"{name!r} in {where} is not known: compare it with the template.")


def _take(held: dict[str, Any], name: str, kind: type) -> Any:
    if not isinstance(held.get(name), kind):
        raise UsageRefused(f"{name!r} is missing, or of another form: compare the template.")
    return held[name]
