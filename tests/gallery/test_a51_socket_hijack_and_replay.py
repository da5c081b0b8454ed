"""Row 51: a page opens a socket in a browser's name, or somebody replays what they captured.

The attacker has a web page that the victim visits, or a captured request, whole and rightly signed,
from a log, a proxy or a broken TLS. Defences: a socket with an Origin is refused, a signature is
for one method, one address, one body and one nonce that is taken once, and no token stands in any
URL or in any log.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.controls import without
from tests.relay_process import RelayProcess
from tests.server.agency import CLIENT, JSON, PARTNER, join, problem_code
from tests.server.conftest import make_code
from tests.server.in_process import InProcessRelay
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from quietway_crypto.encoding import encode_base64
from quietway_protocol.request_signature import SKEW_MS
from quietway_schemas.frames import MailboxPage
from quietway_server.api.openapi import OPERATIONS, describe
from quietway_server.core.nonces import NonceMemory
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.agency import Agency

ORIGINS = ("https://evil.example", "null", "http://127.0.0.1", "", "file://")


@pytest.fixture
def here() -> Iterator[InProcessRelay]:
    with InProcessRelay().running() as relay:
        yield relay


def _open(agency: Agency, path: str, origin: str) -> int:
    """Open a socket as a page would; give the status, 101 where it opens."""
    headers = {
        **agency.signature("GET", path),
        "Quietway-Lane": encode_base64(agency.capability_for(PARTNER)),
        "Origin": origin,
    }
    address = "ws" + agency.url.removeprefix("http") + path
    try:
        with connect(address, additional_headers=headers, compression=None, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("path", ["/v1/mailbox", "/v1/submit"])
def test_a_socket_that_a_page_opens_is_refused(here: InProcessRelay, path: str) -> None:
    agency = here.new_agency()
    assert {_open(agency, path, origin) for origin in (*ORIGINS, here.url)} == {404}


def test_control_without_looking_at_the_origin_the_page_would_read_along(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = here.new_agency()
    without(monkeypatch, "quietway_server.api.app:Door._check", lambda *_: None)
    assert _open(agency, "/v1/mailbox", ORIGINS[0]) == 101


def _acknowledge(agency: Agency) -> tuple[dict[str, str], bytes]:
    body = b'{"frame":"ack","through":9}'
    headers = agency.signature("POST", "/v1/mailbox/ack", body)
    return {**headers, "Content-Type": JSON}, body


def test_a_captured_request_opens_nothing_again_anywhere(here: InProcessRelay) -> None:
    agency = here.new_agency()
    headers = agency.signature("GET", "/v1/mailbox?after=0")
    url = here.url + "/v1/mailbox?after=0"
    assert CLIENT.get(url, headers=headers).status_code == 200
    assert CLIENT.get(url, headers=headers).status_code == 401
    with httpx.Client(trust_env=False) as other:
        assert other.get(url, headers=headers).status_code == 401
        # For another method, path, query or body it never was.
        for target in ("/v1/mailbox?after=1", "/v1/mailbox", "/v1/directory?after=0"):
            fresh = agency.signature("GET", "/v1/mailbox?after=0")
            assert other.get(here.url + target, headers=fresh).status_code == 401
        fresh = agency.signature("GET", "/v1/mailbox/ack")
        posted = other.post(
            here.url + "/v1/mailbox/ack", content=b"{}", headers={**fresh, "Content-Type": JSON}
        )
        assert posted.status_code == 401
        shown, body = _acknowledge(agency)
        changed = body.replace(b"9", b"8")
        answer = other.post(here.url + "/v1/mailbox/ack", content=changed, headers=shown)
        assert answer.status_code == 401


def test_a_captured_upgrade_opens_no_second_socket(here: InProcessRelay) -> None:
    agency = here.new_agency()
    address = "ws" + here.url.removeprefix("http") + "/v1/mailbox"
    headers = agency.signature("GET", "/v1/mailbox")
    with connect(address, additional_headers=headers, compression=None, proxy=None):
        pass
    with pytest.raises(InvalidStatus, match="401"):
        connect(address, additional_headers=headers, compression=None, proxy=None)
    # Nor does it serve as a poll: it was taken already.
    assert CLIENT.get(here.url + "/v1/mailbox", headers=headers).status_code == 401


def test_a_request_of_another_key_or_another_time_is_refused(here: InProcessRelay) -> None:
    agency, other = here.new_agency(), here.new_agency()
    stolen = agency.signature("GET", "/v1/mailbox", key=other.identity)
    assert CLIENT.get(here.url + "/v1/mailbox", headers=stolen).status_code == 401
    for seconds in (-SKEW_MS // 1000 - 60, SKEW_MS // 1000 + 60):
        then = agency.issued // 1000 + seconds
        late = CLIENT.get(
            here.url + "/v1/mailbox", headers=agency.signature("GET", "/v1/mailbox", created=then)
        )
        assert problem_code(late) == "clock_skew"


@pytest.mark.parametrize("after_seconds", [0, 60, 3_600, SKEW_MS // 1000])
def test_a_nonce_is_known_for_as_long_as_its_signature_would_be_taken(after_seconds: int) -> None:
    memory = NonceMemory(window_seconds=SKEW_MS // 1000)
    memory.remember("n" * 22, signer="dev", created=1_000_000, now_seconds=1_000_000)
    with pytest.raises(RefusedError, match="not_authenticated"):
        memory.remember(
            "n" * 22, signer="dev", created=1_000_000, now_seconds=1_000_000 + after_seconds
        )


def test_control_without_the_memory_of_nonces_a_captured_acknowledgement_works_again(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = here.new_agency()
    without(monkeypatch, "quietway_server.core.nonces:NonceMemory.remember", lambda *_, **__: None)
    headers, body = _acknowledge(agency)
    for _ in range(2):
        agency.submit(agency.capability_for(PARTNER), agency.record())
        CLIENT.post(here.url + "/v1/mailbox/ack", content=body, headers=headers)
    assert MailboxPage.unpack(agency.get("/v1/mailbox").content).entries == ()


def test_no_address_takes_a_token() -> None:
    queries = {
        (parameter["name"], parameter["schema"]["type"])
        for item in describe()["paths"].values()
        for operation in item.values()
        for parameter in operation["parameters"]
        if parameter["in"] == "query"
    }
    assert queries
    assert {kind for _, kind in queries} == {"integer"}
    in_paths = {name for each in OPERATIONS for name in re.findall(r"{(\w+)}", each.path)}
    # Ids are names and no rights: whoever knows one still shows a secret, or signs.
    assert in_paths <= {"agency", "week", "id"}


def test_the_log_holds_no_token(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as relay:
        agency = join(relay.url, make_code(relay), 51)
        headers = agency.signature("GET", "/v1/mailbox")
        CLIENT.get(relay.url + "/v1/mailbox", headers=headers)
        CLIENT.get(relay.url + "/v1/mailbox", headers=headers)
        agency.submit(agency.capability_for(PARTNER), agency.record())
        _open(agency, "/v1/submit", ORIGINS[0])
        relay.stop()
        shown = {
            *headers.values(),
            str(agency.device_id),
            encode_base64(agency.capability_for(PARTNER)),
            "/v1/",
            "127.0.0.1 ",
        }
        log = relay.output.partition("\n")[2]
        assert not [token for token in shown if token in log]
