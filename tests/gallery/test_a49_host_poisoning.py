"""Row 49: a malformed Host decides which path is authorised (CVE-2026-48710, starlette < 1.0.1).

The attacker writes into the Host what belongs into a path, a query or an authority, and hopes that
one part of the server judges another address than the one that is served. Defences: the door takes
the hosts that it has a list of and no others, what was signed is rebuilt from that Host and the raw
path, no code asks for `request.url`, and the library is of a version without the hole.
"""

from __future__ import annotations

import ast
import re
import socket
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.server.agency import PARTNER
from tests.server.in_process import InProcessRelay

from quietway_server.api.openapi import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.agency import Agency

ROOT: Final = Path(__file__).resolve().parents[2]
HOSTS: Final = (
    b"evil.example",
    b"{host}/v1/log/checkpoint",
    b"{host}/healthz?",
    b"{host}/healthz#",
    b"{host}?x=/healthz",
    b"{host}#",
    b"{host}\\healthz",
    b"user@{host}",
    b"user:pass@{host}",
    b"{host}@evil.example",
    b"{host},evil.example",
    b"{host}, {host}",
    b"{host};",
    b"{host}.",
    b"{host}%2fhealthz",
    b"{host}%00",
    b"http://{host}",
    b"//{host}",
    b"[::1]/../{host}",
    b"[::ffff:127.0.0.1]:{port}",
    b"127.0.0.1",
    b"127.0.0.1:",
    b"127.0.0.1:0{port}",
    b"127.1:{port}",
    b"2130706433:{port}",
    b"0.0.0.0:{port}",
    b"localhost",
    b"localhost:1",
    b"*",
    b"_",
    b"",
    b"{host} evil.example",
    b"\xc3\xa9vil:{port}",
    b"a" * 3_000,
)
_PATHS: Final = {"{agency}": "agy_" + "a" * 26, "{week}": "2026-W47", "{id}": "A" * 22}


@pytest.fixture(scope="module")
def here() -> Iterator[InProcessRelay]:
    with InProcessRelay().running() as relay:
        yield relay


@pytest.fixture(scope="module")
def agency(here: InProcessRelay) -> Agency:
    made = here.new_agency()
    made.submit(made.capability_for(PARTNER), made.record())
    return made


def _ask(port: int, method: str, path: str, host: bytes, more: dict[str, str]) -> bytes:
    """Send a request with this Host; give status and body."""
    own = b"127.0.0.1:%d" % port
    shown = host.replace(b"{host}", own).replace(b"{port}", b"%d" % port)
    fields = b"".join(b"%s: %s\r\n" % (k.encode(), v.encode()) for k, v in more.items())
    head = b"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head % (method.encode(), path.encode(), shown, fields))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return re.sub(rb"date: [^\r]*\r\n", b"", answer)


def _signed(agency: Agency, method: str, path: str) -> dict[str, str]:
    return agency.signature(method, path)


@pytest.mark.parametrize("host", HOSTS, ids=repr)
def test_a_host_that_is_not_ours_is_one_decision_at_every_address(
    here: InProcessRelay, agency: Agency, host: bytes
) -> None:
    unknown = _ask(here.port, "GET", "/v1/nothing", host, {})
    assert re.match(rb"HTTP/1.1 40[04] ", unknown), unknown
    for operation in OPERATIONS:
        path = operation.path
        for name, value in _PATHS.items():
            path = path.replace(name, value)
        method = operation.method.upper()
        told = _ask(here.port, method, path, host, _signed(agency, method, path))
        expected = unknown.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == "HEAD" else unknown
        assert told == expected, (method, path)


def test_control_without_the_list_of_hosts_the_same_requests_are_served(
    here: InProcessRelay, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_server.api.app:Door._check", lambda *_: None)
    told = _ask(here.port, "GET", "/healthz", b"evil.example", _signed(agency, "GET", "/healthz"))
    assert told.startswith(b"HTTP/1.1 200 ")


def test_what_was_signed_for_one_path_opens_no_other_whatever_the_host_says(
    here: InProcessRelay, agency: Agency
) -> None:
    for host in (b"{host}/v1/mailbox?", b"{host}/v1/mailbox#"):
        headers = _signed(agency, "GET", "/v1/mailbox")
        told = _ask(here.port, "GET", "/v1/directory", host, headers)
        assert not told.startswith(b"HTTP/1.1 200 ")
    headers = _signed(agency, "GET", "/v1/mailbox")
    assert _ask(here.port, "GET", "/v1/directory", b"{host}", headers).startswith(b"HTTP/1.1 401 ")


def find_urls(source: str) -> list[int]:
    """Find the lines in which a request is asked for its address."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr in {"url", "base_url", "url_for", "url_path_for"}
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]


def test_nothing_at_the_relay_asks_a_request_for_its_url() -> None:
    assert find_urls("if request.url.path == '/healthz': pass") == [1]
    for path in (ROOT / "server/quietway_server").rglob("*.py"):
        assert find_urls(path.read_text(encoding="utf-8")) == [], path


def test_the_library_is_of_a_version_without_the_hole() -> None:
    assert tuple(int(part) for part in version("starlette").split(".")[:3]) >= (1, 0, 1)
    assert '"starlette>=1.0.1"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for lock in ("server", "dev"):
        page = (ROOT / f"requirements/{lock}.lock").read_text(encoding="utf-8")
        found = re.search(r"^starlette==(\d+)\.(\d+)\.(\d+)", page, re.MULTILINE)
        assert found is not None
        assert tuple(int(part) for part in found.groups()) >= (1, 0, 1)
