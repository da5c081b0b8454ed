"""The scenarios that come with the SDK: files beside this one, read when they are asked for.

Spec: docs/spec/drills.md, "Scenarios".
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from quietway.drilling.scenario import Scenario, read_scenario
from quietway.errors import NotFound

LISTED_BY = "quietway drill list"


@cache
def read_files() -> tuple[bytes, ...]:
    """Give the files of the library, in no order."""
    folder = resources.files("quietway.drilling").joinpath("scenarios")
    return tuple(file.read_bytes() for file in folder.iterdir() if file.name.endswith(".toml"))


@cache
def list_scenarios() -> tuple[Scenario, ...]:
    """Give every scenario of the library, in the order of their names."""
    read = (read_scenario(raw) for raw in read_files())
    return tuple(sorted(read, key=lambda scenario: scenario.name))


def find_scenario(name: str) -> Scenario:
    """Find a scenario of the library.

    Raises:
        NotFound: There is none of that name.
    """
    for scenario in list_scenarios():
        if scenario.name == name:
            return scenario
    raise NotFound("A scenario of that name", LISTED_BY)
