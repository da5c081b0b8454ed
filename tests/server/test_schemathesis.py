"""The whole OpenAPI document, tried by schemathesis: no answer that is not in it, and no failure.

Requests are drawn from the document, and from what breaks it. A part of them is signed as the SDK
signs, and shows a lane that is open and secrets that fit, so that they reach behind the door. It
asks for more than schemathesis does by itself: a header field that is not in the document is found,
and so is a problem that the operation does not list. `positive_data_acceptance` is left out, since
strict models refuse what a schema can't express (a signature that does not verify).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.responses import Response
from tests.controls import without
from tests.faults.counts import FIRST_SEED, trials
from tests.server.agency import CLIENT, PARTNER
from tests.server.in_process import InProcessRelay
from tests.server.ladders import Sealer
from tests.server.strangers import ROW

from quietway_crypto.blob_rights import hash_opening
from quietway_crypto.encoding import encode_base64
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.instants import iso_week
from quietway_schemas.withdrawal import Slip
from quietway_server.api.bodies import CLAIM, ENVELOPES, JSON, LADDER, OCTETS, WITHDRAWALS
from quietway_server.api.openapi import OPERATIONS, SWITCHED, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemathesis import Case
    from starlette.requests import Request
    from tests.server.agency import Agency

    from quietway_server.api.openapi import Operation

CHECKS: Final = [
    allow_header_conformance,
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
OF_HTTP: Final = frozenset({"connection", "content-length", "content-type", "date"})
"""What every answer may carry, and no document describes."""
SCHEMA: Final = schemathesis.openapi.from_dict(describe())
for media_type in (CLAIM, ENVELOPES, LADDER, OCTETS, WITHDRAWALS):
    schemathesis.openapi.media_type(media_type, st.binary(max_size=300))
_PROBED: Final = [each for each in OPERATIONS if each.status != SWITCHED]


@pytest.fixture(scope="module")
def here() -> Iterator[InProcessRelay]:
    with InProcessRelay().running() as relay:
        yield relay


@pytest.fixture(scope="module")
def agency(here: InProcessRelay) -> Agency:
    made = here.new_agency()
    made.submit(made.capability_for(PARTNER), made.record(), made.record())
    return made


class Session:
    """Sends cases, some of them with all the rights that there are.

    Args:
        agency: Whose rights.
    """

    def __init__(self, agency: Agency) -> None:
        self._agency = agency
        self._session = requests.Session()
        self._session.trust_env = False
        self._blob, self._opening, self._writer = (agency.draw(count) for count in (16, 32, 32))
        self.statuses: list[int] = []

    def call(self, case: Case, *, is_let_in: bool) -> requests.Response:
        """Send one case."""
        kwargs: dict[str, Any] = case.as_transport_kwargs(base_url=self._agency.url)
        kwargs.pop("allow_redirects", None)
        prepared = self._session.prepare_request(
            requests.Request(**{name: kwargs.get(name) for name in _REQUEST if name in kwargs})
        )
        if is_let_in:
            self._let_in(prepared)
        answer = self._session.send(prepared, allow_redirects=False, timeout=30)
        self.statuses.append(answer.status_code)
        return answer

    def _let_in(self, prepared: requests.PreparedRequest) -> None:
        agency, path = self._agency, str(prepared.path_url)
        if path.startswith("/v1/blobs/"):
            if prepared.method != "PUT":
                self._upload()
            path = f"/v1/blobs/{encode_base64(self._blob)}"
            prepared.url = agency.url + path
        body = self._write_body(prepared, path)
        if body is not None:
            prepared.body = body
            prepared.headers["Content-Length"] = str(len(body))
        held = prepared.body or b""
        raw = held.encode() if isinstance(held, str) else bytes(held)  # type: ignore[arg-type]  # bytes, or text
        signature = agency.signature(str(prepared.method), str(prepared.path_url), raw or None)
        shown = {
            "Quietway-Lane": encode_base64(agency.capability_for(PARTNER)),
            "Quietway-Blob": encode_base64(hash_opening(self._opening)),
            "Quietway-Blob-Opening": encode_base64(self._opening),
            "Quietway-Blob-Writer": encode_base64(self._writer),
            "Content-Range": f"bytes 0-{ROW - 1}/{ROW}",
        }
        prepared.headers.update(signature)
        prepared.headers.update(
            {name: value for name, value in shown.items() if name in prepared.headers}
        )

    def _upload(self) -> None:
        """Store a file, so that there is one."""
        agency = self._agency
        self._blob = agency.draw(16)
        headers = {
            "Content-Type": OCTETS,
            "Content-Range": f"bytes 0-{ROW - 1}/{ROW}",
            "Quietway-Lane": encode_base64(agency.capability_for(PARTNER)),
            "Quietway-Blob": encode_base64(hash_opening(self._opening)),
            "Quietway-Blob-Writer": encode_base64(self._writer),
        }
        address = f"{agency.url}/v1/blobs/{encode_base64(self._blob)}"
        assert CLIENT.put(address, content=bytes(ROW), headers=headers).status_code == 201

    def _write_body(self, prepared: requests.PreparedRequest, path: str) -> bytes | None:  # noqa: C901, PLR0911, one for each address
        """Write a body that is right, where what was drawn could hardly be; None leaves it."""
        agency = self._agency
        match (prepared.method, path.partition("?")[0]):
            case ("POST", "/v1/envelopes"):
                return agency.record().pack()
            case ("POST", "/v1/envelopes/withdraw"):
                record = agency.record()
                return Slip(
                    record.header.mailbox, record.header.envelope_id, agency.draw(32)
                ).pack()
            case ("PUT", target) if target.startswith("/v1/blobs/"):
                return bytes(ROW)
            case ("PUT", target) if target.startswith("/v1/holds/"):
                sealed = Sealer(agency.draw(1)[0]).ladder({7_200: (agency.mailbox.value,)})
                prepared.url = f"{agency.url}/v1/holds/{encode_base64(sealed.hold)}"
                return sealed.body
            case ("PUT", "/v1/wake"):
                return encode_canonical({"endpoints": []})
            case ("PUT", target) if target.endswith("/manifest"):
                prepared.url = agency.url + agency.manifest_path
                return agency.sign_manifest(agency.manifest()).to_canonical()
            case ("PUT", target) if target.endswith("/epochs"):
                prepared.url = f"{agency.url}/v1/agencies/{agency.agency_id}/epochs"
                return agency.epochs().to_canonical()
            case ("PUT", target) if target.startswith("/v1/lanes/"):
                week = iso_week(agency.issued)
                prepared.url = f"{agency.url}/v1/lanes/{week}"
                return agency.week_of_lanes([PARTNER], week=week).to_canonical()
            case ("POST", "/v1/mailbox/ack"):
                return encode_canonical({"frame": "ack", "seqs": [2**40]})
            case ("POST", "/v1/mailbox/hello"):
                return encode_canonical(agency.hello(now=agency.draw(16)))
        return None


_REQUEST: Final = ("method", "url", "headers", "params", "data", "json", "cookies", "files")


def check(operation: Operation, case: Case, answer: requests.Response) -> None:
    """Hold an answer to the document, header fields and codes of problems included."""
    case.validate_response(answer, checks=CHECKS)
    described = describe()["paths"][operation.path][operation.method]["responses"]
    named = {name.lower() for name in described[str(answer.status_code)]["headers"]}
    assert {name.lower() for name in answer.headers} <= named | OF_HTTP
    if answer.status_code >= 400 and answer.content:
        code = answer.json()["type"].removeprefix("urn:quietway:problem:")
        assert code in (*operation.problems, "method_not_allowed")


def explore(operation: Operation, session: Session, *, count: int) -> None:
    """Send this many drawn requests to one operation."""
    held = SCHEMA[operation.path][operation.method.upper()]
    cases = st.one_of(
        held.as_strategy(generation_mode=GenerationMode.POSITIVE),
        held.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        if operation.parameters or operation.takes
        else held.as_strategy(generation_mode=GenerationMode.POSITIVE),
    )

    @seed(FIRST_SEED)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_let_in=st.booleans())
    def run(case: Case, *, is_let_in: bool) -> None:
        check(operation, case, session.call(case, is_let_in=is_let_in))

    run()


ENOUGH: Final = 100


@pytest.mark.parametrize("operation", _PROBED, ids=lambda each: f"{each.method} {each.path}")
def test_every_answer_is_in_the_document(
    agency: Agency, operation: Operation, record_property: Callable[[str, object], None]
) -> None:
    session = Session(agency)
    explore(operation, session, count=trials("openapi"))
    record_property("figures", f"{len(session.statuses)} calls: {sorted(set(session.statuses))}")
    # It was reached behind the door, but where that takes what was kept from before.
    is_deep = operation.path.endswith(("/manifest", "/epochs", "/claim"))
    # A dozen draws may all miss; a thousand do not.
    is_told = trials("openapi") >= ENOUGH
    assert min(session.statuses) < 300 or is_deep or not is_told, set(session.statuses)


_HEALTH: Final = next(each for each in OPERATIONS if each.path == "/healthz")


async def _fail(*_: object) -> Response:
    raise RuntimeError(random.Random(1).random())


async def _tell_more(_: object, __: Request) -> Response:
    return Response(b'{"status":"ok","uptime":7}', media_type=JSON)


async def _tell_teapot(_: object, __: Request) -> Response:
    return Response(status_code=418)


async def _show_more(_: object, __: Request) -> Response:
    return Response(b'{"status":"ok"}', headers={"X-Served-By": "relay-7"}, media_type=JSON)


@pytest.mark.parametrize("planted", [_fail, _tell_more, _tell_teapot, _show_more])
def test_control_a_planted_failure_field_status_or_header_is_found(
    monkeypatch: pytest.MonkeyPatch, planted: Callable[..., object]
) -> None:
    without(monkeypatch, "quietway_server.api.directory:DirectoryDoor.tell_health", planted)
    with InProcessRelay().running() as relay:
        session = Session(relay.new_agency())
        with pytest.raises((AssertionError, BaseExceptionGroup)):
            explore(_HEALTH, session, count=5)
