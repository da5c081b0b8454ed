from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import pytest
from tests.server.agency import CLIENT, ENVELOPES, JSON, PARTNER, problem_code
from tests.server.conftest import held_by
from websockets.exceptions import InvalidStatus

from quietway_crypto.encoding import encode_base64

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from tests.relay_process import RelayProcess
    from tests.server.agency import Agency

CANARY = "canary-4f1d-quietly"
WEEK = "2026-W47"
START = "POST /v1/envelopes HTTP/1.1\r\nHost: {host}\r\n"
JSON_ADDRESSES = {
    ("PUT", "/v1/agencies/{agency}/manifest"): 262_144,
    ("PUT", "/v1/agencies/{agency}/epochs"): 262_144,
    ("PUT", f"/v1/lanes/{WEEK}"): 262_144,
    ("POST", "/v1/mailbox/hello"): 16_384,
    ("POST", "/v1/mailbox/ack"): 16_384,
}
BAD_JSON = {
    "not json": b"{" + CANARY.encode(),
    "truncated": b'{"payload":"' + CANARY.encode(),
    "bad utf-8": b'{"payload":"\xff' + CANARY.encode() + b'"}',
    "duplicate keys": f'{{"{CANARY}":1,"{CANARY}":2}}'.encode(),
    "unknown field": f'{{"{CANARY}":1}}'.encode(),
    "wrong type": f'{{"payload":["{CANARY}"],"signature":1,"frame":7}}'.encode(),
    "too deep": b'{"payload":' + b"[" * 4000 + b"]" * 4000 + b"}",
    "a list": f'["{CANARY}"]'.encode(),
    "huge number": b'{"payload":' + b"9" * 5000 + b"}",
    "nothing": b"",
}


@pytest.fixture(scope="module")
def agency(new_agency: Callable[[], Agency]) -> Agency:
    """Give one agency to all tests of this file: none of them may change anything of it."""
    return new_agency()


def _check(relay: RelayProcess, answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    problem_code(answer)
    assert CANARY not in answer.text + str(answer.headers)
    assert CANARY not in relay.output
    assert CANARY.encode() not in held_by(relay)


@pytest.mark.parametrize("bad", BAD_JSON.values(), ids=BAD_JSON.keys())
@pytest.mark.parametrize(("method", "path"), JSON_ADDRESSES, ids=str)
def test_bad_json_is_a_problem_stores_nothing_and_is_not_repeated(
    relay: RelayProcess, agency: Agency, method: str, path: str, bad: bytes
) -> None:
    path = path.format(agency=agency.agency_id)
    headers = {"Content-Type": JSON, **agency.signature(method, path, bad)}
    _check(relay, CLIENT.request(method, agency.url + path, content=bad, headers=headers))


@pytest.mark.parametrize(("method", "path"), JSON_ADDRESSES, ids=str)
def test_a_body_over_its_limit_is_too_large_announced_or_not(
    relay: RelayProcess, agency: Agency, method: str, path: str
) -> None:
    body = CANARY.encode() * (JSON_ADDRESSES[method, path] // len(CANARY) + 1)
    url = agency.url + path.format(agency=agency.agency_id)
    for content in (body, iter([body[:1000], body[1000:]])):
        answer = CLIENT.request(method, url, content=content, headers={"Content-Type": JSON})
        assert problem_code(answer) == "too_large"
        _check(relay, answer)


@pytest.mark.parametrize("shown", ["text/plain", "application/jsonx", "", "multipart/form-data"])
@pytest.mark.parametrize(("method", "path"), [*JSON_ADDRESSES, ("POST", "/v1/envelopes")], ids=str)
def test_another_media_type_is_refused(
    relay: RelayProcess, agency: Agency, method: str, path: str, shown: str
) -> None:
    url = agency.url + path.format(agency=agency.agency_id)
    answer = CLIENT.request(method, url, content=b"{}", headers={"Content-Type": shown})
    assert problem_code(answer) == "wrong_media_type"
    _check(relay, answer)


def test_a_compressed_body_is_refused(relay: RelayProcess, agency: Agency) -> None:
    headers = {"Content-Type": ENVELOPES, "Content-Encoding": "gzip", "Quietway-Lane": "A" * 43}
    answer = CLIENT.post(agency.url + "/v1/envelopes", content=b"x", headers=headers)
    assert problem_code(answer) == "wrong_media_type"
    _check(relay, answer)


@pytest.mark.requirement("A03")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: b"\x02" + raw[1:],
        lambda raw: raw[:1] + b"\x03" + raw[2:],
        lambda raw: raw[:2] + b"\x00" + raw[3:],
        lambda raw: raw * 129,
        lambda _: CANARY.encode() * 100,
        lambda _: json.dumps({"text": CANARY}).encode(),
    ],
    ids=["empty", "truncated", "trailing", "version", "class", "suite", "129", "text", "json"],
)
def test_what_is_not_a_well_formed_envelope_is_refused_and_not_stored(
    relay: RelayProcess, agency: Agency, spoil: object
) -> None:
    """A03: the relay rejects anything that is not a well-formed envelope."""
    assert callable(spoil)
    headers = {
        "Content-Type": ENVELOPES,
        "Quietway-Lane": encode_base64(agency.capability_for(PARTNER)),
    }
    body = spoil(agency.record().pack())
    answer = CLIENT.post(agency.url + "/v1/envelopes", content=body, headers=headers)
    assert problem_code(answer) == "malformed_record"
    _check(relay, answer)
    assert agency.get("/v1/mailbox").content[:8] == bytes(8)


@pytest.mark.parametrize("shown", [None, "", "short", "A" * 42, "=" * 43, "é" * 43, "A" * 44])
def test_a_malformed_capability_is_an_invalid_field(agency: Agency, shown: str | None) -> None:
    headers = {b"Content-Type": ENVELOPES.encode()}
    if shown is not None:
        headers[b"Quietway-Lane"] = shown.encode("latin-1")
    answer = CLIENT.post(
        agency.url + "/v1/envelopes", content=agency.record().pack(), headers=headers
    )
    assert problem_code(answer) == "invalid_field"


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=1&after=2", "after=", "agency=x"])
@pytest.mark.parametrize("path", ["/v1/mailbox", "/v1/directory"])
def test_a_bad_cursor_is_refused(agency: Agency, path: str, query: str) -> None:
    assert agency.get(f"{path}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"/v1/{CANARY}", "not_found"),
        ("GET", "/docs", "not_found"),
        ("GET", "/openapi.json", "not_found"),
        ("GET", "/v1/mailbox/", "not_found"),
        ("PUT", f"/v1/agencies/{CANARY}/manifest", "not_found"),
        ("DELETE", "/v1/mailbox", "method_not_allowed"),
        ("TRACE", "/v1/envelopes", "method_not_allowed"),
        ("OPTIONS", "/v1/envelopes", "method_not_allowed"),
        ("GET", "/v1/envelopes", "method_not_allowed"),
    ],
)
def test_unknown_addresses_and_methods_are_problems(
    relay: RelayProcess, method: str, path: str, code: str
) -> None:
    answer = CLIENT.request(method, relay.url + path, headers={"Origin": "https://evil.example"})
    assert problem_code(answer) == code
    assert ("allow" in answer.headers) == (code == "method_not_allowed")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    _check(relay, answer)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost:80"])
def test_another_host_is_not_served(relay: RelayProcess, host: str) -> None:
    answer = CLIENT.get(relay.url + "/healthz", headers={"Host": host, "X-Forwarded-Host": "x"})
    assert problem_code(answer) == "not_found"


def test_every_answer_has_the_same_headers(
    relay: RelayProcess, new_agency: Callable[[], Agency]
) -> None:
    agency = new_agency()
    for answer in (
        CLIENT.get(relay.url + "/healthz"),
        CLIENT.get(relay.url + "/nothing"),
        agency.get("/v1/mailbox"),
        agency.submit(agency.capability_for(PARTNER), agency.record()),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "raw",
    [
        START + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        START + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        START + "Host: evil\r\nContent-Length: 0\r\n\r\n",
        "GET /v1/mailbox HTTP/1.1\r\n\r\n",
    ],
    ids=["length and chunks", "two lengths", "two hosts", "no host"],
)
def test_an_ambiguous_request_is_refused(relay: RelayProcess, raw: str) -> None:
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as connection:
        connection.sendall(raw.format(host=relay.authority).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer


def test_canaries_everywhere_in_what_is_refused_leave_no_trace(
    relay: RelayProcess, agency: Agency
) -> None:
    noise = {
        "User-Agent": CANARY,
        "Referer": f"http://{CANARY}.example/",
        "Cookie": f"a={CANARY}",
        "X-Forwarded-For": CANARY,
        "Authorization": f"Bearer {CANARY}",
        "Signature": f"quietway=:{CANARY}:",
        "Signature-Input": f'quietway=("{CANARY}");keyid="{CANARY}"',
        "Quietway-Lane": CANARY,
        "Quietway-Enrolment": CANARY,
        "Content-Type": JSON,
    }
    addresses = [*JSON_ADDRESSES, ("POST", "/v1/envelopes"), ("GET", "/v1/directory")]
    for method, path in [*addresses, ("GET", "/v1/mailbox"), ("GET", "/healthz")]:
        url = relay.url + path.format(agency=agency.agency_id)
        for query in ("", f"?{CANARY}={CANARY}"):
            content = None if method == "GET" else json.dumps({"payload": CANARY}).encode()
            answer = CLIENT.request(method, url + query, content=content, headers=noise)
            if (path, query) != ("/healthz", ""):
                _check(relay, answer)
    for frame in (CANARY, json.dumps({"frame": CANARY}), CANARY.encode()):
        with agency.open_socket() as opened:
            opened.send(frame)
            assert CANARY not in str(opened.recv(timeout=10))
    with pytest.raises(InvalidStatus) as refused, agency.open_socket(Origin=CANARY):
        pass
    assert CANARY.encode() not in (refused.value.response.body or b"")
    _check(relay, CLIENT.get(relay.url + "/" + CANARY, headers=noise))
