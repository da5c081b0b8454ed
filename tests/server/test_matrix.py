"""Every caller, every object, every address: what is not allowed looks like what is not there.

Operations come from the OpenAPI table, so a new address comes in by itself, and fails here until it
has a row of expectations. The relay is real, on a database whose tables are compared row by row.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.server.asks import ALLOWED, NOTHING
from tests.server.in_process import InProcessRelay
from tests.server.matrix import ROWS, cells
from tests.server.strangers import OBJECTS, World

from quietway_schemas.problems import PROBLEMS
from quietway_server.api.openapi import OPERATIONS
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.asks import Answer, Row


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "r.db"
    with InProcessRelay(store=SqliteStore(path)).running() as relay:
        yield World(relay, path)


def _is_listed(told: Answer, operation: tuple[str, str]) -> bool:
    """Tell whether an operation's problems list the one that it answered with."""
    if operation == ("get", "/v1/submit"):
        # What a frame says is what the request would have been told.
        operation = ("post", "/v1/envelopes")
    (found,) = (each for each in OPERATIONS if (each.method, each.path) == operation)
    return told.code in ("", *found.problems)


def _judge(world: World, operation: tuple[str, str], row: Row) -> tuple[list[str], int]:
    """Ask for every cell of a row, the forbidden ones first; give what is wrong, and how many."""
    caller, what = row.nothing
    nothing = row.ask(world, world.find(caller), what).send(world)
    before = world.dump()
    wrong, later = [], []
    for who, which in cells(world):
        expected = row.expect(who.name, which)
        if expected == ALLOWED:
            later.append((who, which))
            continue
        told = row.ask(world, who, which).send(world)
        is_right = told == nothing if expected == NOTHING else told.code.endswith(expected)
        if not is_right or not _is_listed(told, operation):
            wrong.append(f"{who.name}, {which}: {told}, not {expected}")
    if world.dump() != before:
        wrong.append("something has changed")
    for who, which in later:
        told = row.ask(world, who, which).send(world)
        if told.status >= 400 or (told == nothing and row.hides):
            wrong.append(f"{who.name}, {which}: {told}, not allowed")
    return wrong, len(cells(world))


def test_every_operation_has_its_row_and_every_row_its_operation() -> None:
    assert set(ROWS) == {(operation.method, operation.path) for operation in OPERATIONS}


def test_what_is_not_allowed_looks_like_what_is_not_there_and_changes_nothing(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    wrong, count = [], 0
    # What is taken back or deleted when it is allowed is needed until then.
    for (method, path), rows in sorted(ROWS.items(), key=lambda item: item[0][0] == "delete"):
        for row in rows:
            found, judged = _judge(world, (method, path), row)
            wrong += [f"{method} {path}: {each}" for each in found]
            count += judged
    figures = f"{len(ROWS)} operations, {len(world.callers)} callers, {len(OBJECTS)} objects"
    record_property("figures", f"{count} cells: {figures}")
    sys.stdout.write(f"{count} cells: {figures}\n")
    assert not wrong, "\n".join(wrong)
    assert count >= 400


@pytest.mark.parametrize(
    ("defence", "replacement", "operation"),
    [
        (
            "quietway_protocol.request_signature:_Sodium.verify",
            lambda *_, **__: None,
            ("get", "/v1/mailbox"),
        ),
        (
            "quietway_server.services.blobs:constant_time_equal",
            lambda *_: True,
            ("get", "/v1/blobs/{id}"),
        ),
        (
            "quietway_server.services.directory:_check_by_device",
            lambda *_: None,
            ("put", "/v1/lanes/{week}"),
        ),
    ],
    ids=["whose signature", "whose file", "whose lanes"],
)
def test_control_without_a_check_of_whose_it_is_cells_let_strangers_through(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    defence: str,
    replacement: Callable[..., object],
    operation: tuple[str, str],
) -> None:
    without(monkeypatch, defence, replacement)
    wrong, _ = _judge(world, operation, ROWS[operation][0])
    assert [each for each in wrong if "other" in each]


def test_the_expectations_name_registered_problems_only(world: World) -> None:
    for rows in ROWS.values():
        for row in rows:
            named = {row.expect(who.name, which) for who, which in cells(world)}
            assert named - {ALLOWED, NOTHING} <= set(PROBLEMS)
            caller, what = row.nothing
            assert not row.hides or row.expect(caller, what) == NOTHING
