"""The surface as a whole: routes, OpenAPI, telemetry, settings, problems."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.routing import Route, WebSocketRoute
from tests.relay_process import run_relay

from quietway_schemas.fields import WireModel
from quietway_schemas.problems import PROBLEMS
from quietway_server.api.app import TELEMETRY_OFF, make_app
from quietway_server.api.openapi import OPERATIONS, describe
from quietway_server.api.problems import _BY_KIND, _BY_STATUS
from quietway_server.bootstrap import SystemClock, assemble
from quietway_server.log import log_event
from quietway_server.options import SETTINGS, render_reference
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app() -> FastAPI:
    async def make() -> FastAPI:
        relay = assemble(
            read_settings({}, {}),
            store=MemoryStore(),
            clock=SystemClock(),
            on_failure=lambda: None,
        )
        relay.close()
        return make_app(relay)

    return asyncio.run(make())


def test_openapi_covers_every_route_and_only_those(app: FastAPI) -> None:
    routes = {
        (method.lower(), route.path)
        for route in app.router.routes
        if isinstance(route, Route)
        for method in (route.methods or ())
    }
    upgrades = {
        (operation.method, operation.path) for operation in OPERATIONS if operation.status == 101
    }
    assert routes == {(operation.method, operation.path) for operation in OPERATIONS} - upgrades
    sockets = {route.path for route in app.router.routes if isinstance(route, WebSocketRoute)}
    assert sockets == {"/v1/mailbox"} | {path for _, path in upgrades}


def test_openapi_is_printed_by_a_command_and_is_whole(app: FastAPI) -> None:
    printed = json.loads(run_relay("openapi").stdout)
    assert printed == describe() == app.openapi()
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(printed)))
    assert not named - set(printed["components"]["schemas"])
    for item in printed["paths"].values():
        for operation in item.values():
            assert "500" in operation["responses"]


def test_telemetry_is_off_and_stays_off(app: FastAPI) -> None:
    assert not any(TELEMETRY_OFF.values())
    assert not app._native_telemetry.enabled()
    assert (app.docs_url, app.redoc_url, app.openapi_url) == (None, None, None)


def test_the_reference_of_settings_is_exactly_the_list() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert render_reference() in page


def test_a_setting_comes_from_its_option_then_the_environment_then_its_default() -> None:
    environment = {"QUIETWAY_RELAY_PORT": "1234", "QUIETWAY_RELAY_MAX_SOCKETS": "7"}
    settings = read_settings({"port": "99", "max_sockets": None}, environment)
    assert (settings.port, settings.max_sockets, settings.mailbox_sockets) == (99, 7, 4)
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)


def test_the_reference_of_problems_and_the_spec_name_every_code() -> None:
    page = (ROOT / "docs/reference/problems.md").read_text(encoding="utf-8")
    spec = (ROOT / "docs/spec/relay-protocol.md").read_text(encoding="utf-8")
    for problem in PROBLEMS.values():
        row = f"| `{problem.code}` | {problem.status} | {problem.title} | {problem.what_next} |"
        assert row in page
        assert f"`{problem.code}`" in spec
    assert page.count("\n| `") == len(PROBLEMS)


@pytest.mark.parametrize(("event", "key"), [("hello", "envelopes"), ("swept", "path")])
def test_the_log_refuses_what_is_not_on_its_list(event: str, key: str) -> None:
    with pytest.raises(ValueError, match="not on the list"):
        log_event(event, **{key: 1})


_SERVER = ROOT / "server/quietway_server"
_REFUSALS = frozenset({"RefusedError", "ManifestRefusedError"})


def _codes_raised() -> set[str]:
    """Give the codes that the relay's sources refuse with, by reading them."""
    found = set()
    for path in (*_SERVER.rglob("*.py"), *(ROOT / "protocol").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in _REFUSALS and node.args:
                first = node.args[0]
                found |= {str(first.value)} if isinstance(first, ast.Constant) else set()
    return found | set(_BY_STATUS.values()) | {code for _, code in _BY_KIND}


def test_every_refusal_that_can_be_raised_is_registered_listed_and_raised() -> None:
    listed = {code for each in OPERATIONS for code in each.problems} | {"method_not_allowed"}
    raised = _codes_raised()
    assert listed == set(PROBLEMS)
    # Forms are refused by the class of what is wrong with them, in `_refuse_form`.
    by_form = {"malformed_record", "malformed_json", "unknown_field", "invalid_field", "too_large"}
    assert raised <= set(PROBLEMS)
    assert set(PROBLEMS) <= raised | by_form


def test_every_model_that_comes_in_or_goes_out_is_closed_strict_and_frozen() -> None:
    def below(kind: type[WireModel]) -> Iterator[type[WireModel]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    models = list(below(WireModel))
    assert len(models) > 20
    for model in models:
        config = model.model_config
        held = (config.get("extra"), config.get("strict"), config.get("frozen"))
        assert held == ("forbid", True, True), model
    schemas = describe()["components"]["schemas"].values()
    objects = [schema for schema in schemas if schema.get("type") == "object"]
    assert objects
    assert not [schema for schema in objects if schema.get("additionalProperties") is not False]


_CHECKLIST = re.compile(r"^\| ([0-9]+) \|.*?\| (`.*`) \|$", re.MULTILINE)


def test_the_lines_of_the_checklist_name_tests_that_exist() -> None:
    page = (ROOT / "docs/explanation/the-relays-surface.md").read_text(encoding="utf-8")
    rows = _CHECKLIST.findall(page)
    held = {1, 3, 4, 7, 8, 9, 11, 20, 21, 22, 23, 24, 27, 35}
    assert {int(number) for number, _ in rows} == held
    for _, names in rows:
        for name in re.findall(r"`([^`]+)`", names):
            assert (ROOT / "tests" / name).is_file(), name
