"""Row 52: a secret comes out in a log, a refusal's body, a trace, a metric or a crash report.

The attacker reads what an operator reads: standard output and error, logs, answers, the database. A
canary of its own goes into every header, query, part of a path and field of a body of every
operation, malformed and well-formed; afterwards none of them is found anywhere. Defences: refusals
repeat nothing, the log can write only listed events, and only what the tables name is stored.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from starlette.responses import JSONResponse
from tests.controls import without
from tests.relay_process import RelayProcess
from tests.server.agency import CLIENT, JSON, join
from tests.server.conftest import held_by, make_code
from tests.server.in_process import InProcessRelay

from quietway_server.api.openapi import OPERATIONS, describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from starlette.types import Receive, Scope
    from tests.server.agency import Agency

NOISE: Final = (
    "User-Agent",
    "Referer",
    "Cookie",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Real-IP",
    "Forwarded",
    "Authorization",
    "Proxy-Authorization",
    "From",
    "If-None-Match",
    "Accept",
    "Accept-Language",
    "traceparent",
    "baggage",
    "Range",
    "Expect",
)


class Canaries:
    """Draws canaries that are never alike."""

    def __init__(self) -> None:
        self._next = 0
        self.drawn: list[str] = []

    def draw(self) -> str:
        """Give a new one."""
        self._next += 1
        self.drawn.append(f"CANARY{self._next:05d}yranac")
        return self.drawn[-1]


@dataclass(frozen=True)
class Ask:
    """A request full of canaries."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def _fields(schema: dict[str, object], schemas: dict[str, object]) -> list[str]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    held = schemas.get(name, schema)
    assert isinstance(held, dict)
    return list(held.get("properties", {}))


def _bodies(media_type: str, names: list[str], canaries: Canaries) -> list[bytes]:
    """Write bodies, malformed and well-formed, each with canaries of its own."""
    if media_type != JSON:
        return [canaries.draw().encode() * 3, b"\0\xff" + canaries.draw().encode()]
    whole = {name: canaries.draw() for name in names}
    return [
        json.dumps(whole).encode(),
        json.dumps({**whole, canaries.draw(): canaries.draw()}).encode(),
        json.dumps({name: [canaries.draw()] for name in names}).encode(),
        json.dumps({name: {canaries.draw(): 1} for name in names}).encode(),
        json.dumps(canaries.draw()).encode(),
        b'{"' + canaries.draw().encode() + b'"',
        b'{"a":"\xff' + canaries.draw().encode() + b'"}',
        b'{"%b":1,"%b":2}' % ((canaries.draw().encode(),) * 2),
    ]


def write_requests(agency: Agency, canaries: Canaries) -> Iterator[Ask]:
    """Write requests to every operation with a canary in each place that it has."""
    described = describe()
    schemas = described["components"]["schemas"]
    for operation in OPERATIONS:
        details = described["paths"][operation.path][operation.method]
        content = details.get("requestBody", {}).get("content", {})
        media_type = next(iter(content), "")
        names = _fields(content.get(media_type, {}).get("schema", {}), schemas)
        in_path = [p["name"] for p in details["parameters"] if p["in"] == "path"]
        in_query = [p["name"] for p in details["parameters"] if p["in"] == "query"]
        in_header = [p["name"] for p in details["parameters"] if p["in"] == "header"]
        path = operation.path
        for name in in_path:
            path = path.replace(f"{{{name}}}", canaries.draw())
        queries = ["", f"?{canaries.draw()}={canaries.draw()}"]
        queries += [f"?{name}={canaries.draw()}" for name in in_query]
        bodies = _bodies(media_type, names, canaries) if media_type else [b""]
        method = operation.method.upper()
        for query in queries:
            for body in bodies:
                shown = {name: canaries.draw() for name in (*NOISE, *in_header)}
                shown["Content-Type"] = media_type or canaries.draw()
                yield Ask(method, path + query, shown, body)
                # Signed, it comes further.
                signed = agency.signature(method, path + query, body)
                yield Ask(method, path + query, {**shown, **signed}, body)


def _send(url: str, ask: Ask) -> httpx.Response:
    return CLIENT.request(ask.method, url + ask.target, headers=ask.headers, content=ask.body)


def _told(answer: httpx.Response) -> str:
    return f"{answer.headers}{answer.text}"


def test_canaries_in_every_place_of_every_operation_come_out_nowhere(tmp_path: Path) -> None:
    canaries = Canaries()
    bodies: dict[tuple[str, str], set[str]] = {}
    with RelayProcess(tmp_path) as relay:
        agency = join(relay.url, make_code(relay), 52)
        for ask in write_requests(agency, canaries):
            answer = _send(relay.url, ask)
            assert answer.status_code < 500, ask
            assert "CANARY" not in _told(answer), ask
            if answer.status_code >= 400 and answer.text:
                told = answer.json()
                # But for a field's name and a record's place, a problem is a constant.
                known = (str(told.pop("field", "")), str(told.pop("index", "")))
                bodies.setdefault((str(told["type"]), str(known)), set()).add(json.dumps(told))
        held = held_by(relay)
        relay.stop()
        output = relay.output
    assert len(canaries.drawn) > 1_000
    assert "CANARY" not in output
    assert b"CANARY" not in held
    assert all(len(each) == 1 for each in bodies.values()), bodies


def test_control_a_refusal_as_the_framework_gives_it_repeats_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse_and_echo(
        answer: object, _error: Exception, scope: Scope, receive: Receive
    ) -> None:
        told = [[str(name), str(value)] for name, value in scope["headers"]]
        body = {"detail": [{"loc": scope["path"], "input": told}]}
        await JSONResponse(body, 422)(scope, receive, answer)  # type: ignore[arg-type]  # it sends

    without(monkeypatch, "quietway_server.api.app:_Answer.refuse", refuse_and_echo)
    canaries = Canaries()
    with InProcessRelay().running() as relay:
        asks = list(write_requests(relay.new_agency(), canaries))
        leaked = [ask for ask in asks if "CANARY" in _told(_send(relay.url, ask))]
    assert leaked


def test_control_a_log_that_takes_any_text_would_keep_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from quietway_server import log  # noqa: PLC0415, for one test

    with pytest.raises(ValueError, match="not on the list"):
        log.log_event("request_failed", body="CANARY")  # a key that is not on the list
    without(
        monkeypatch,
        "quietway_server.log:log_event",
        lambda event, **values: log._LOGGER.error("%s %s", event, values),
    )
    log.log_event("request_failed", body="CANARY")
    assert "CANARY" in caplog.text


def test_a_crash_tells_the_class_of_its_error_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from quietway_server import log  # noqa: PLC0415, for one test

    caplog.set_level("INFO", logger="quietway_server")
    log._log_crash(RuntimeError, RuntimeError("CANARY"), None)
    log.log_loop_failure(None, {"exception": RuntimeError("CANARY"), "message": "CANARY"})  # type: ignore[arg-type]  # no loop is needed
    assert threading.current_thread().name
    assert "RuntimeError" in caplog.text
    assert "CANARY" not in caplog.text
