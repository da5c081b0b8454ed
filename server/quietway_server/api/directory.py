"""The directory's addresses: what agencies sign goes in, all of it comes out.

Rules: who puts something is known by the signature inside; reading takes a signed request of any
device, or of an agency's root key.

Spec: docs/spec/directory.md, "Requests".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from quietway_schemas.canonical import encode_canonical
from quietway_schemas.directory import SignedObject
from quietway_schemas.errors import IdError
from quietway_schemas.ids import AgencyId
from quietway_server.api.auth import authenticate_reader
from quietway_server.api.bodies import JSON, read_body, read_numbers, refuse_body, refuse_query
from quietway_server.core.quota import DIRECTORY_BODY_BYTES
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from quietway_server.services.relay import Relay

ENROLMENT_HEADER: Final = "quietway-enrolment"


class DirectoryDoor:
    """The requests of the directory, and the sign of life.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def put_manifest(self, request: Request) -> Response:
        """`PUT /v1/agencies/{agency}/manifest`."""
        agency = _read_agency(request)
        signed = await _read_signed(request)
        code = request.headers.get(ENROLMENT_HEADER)
        await self._relay.directory.put_manifest(agency, signed, enrolment_code=code)
        return Response(status_code=204)

    async def put_epochs(self, request: Request) -> Response:
        """`PUT /v1/agencies/{agency}/epochs`."""
        agency = _read_agency(request)
        await self._relay.directory.put_epochs(agency, await _read_signed(request))
        return Response(status_code=204)

    async def put_lanes(self, request: Request) -> Response:
        """`PUT /v1/lanes/{week}`."""
        signed = await _read_signed(request)
        await self._relay.directory.put_lanes(request.path_params["week"], signed)
        return Response(status_code=204)

    async def read(self, request: Request) -> Response:
        """`GET /v1/directory?after=N&size=M`."""
        await refuse_body(request)
        await authenticate_reader(self._relay, request)
        after, size = read_numbers(request, after=0, size=0)
        page = await self._relay.directory.page(after=after, log_size=size)
        return Response(page, media_type=JSON)

    async def tell_health(self, request: Request) -> Response:
        """`GET /healthz`."""
        refuse_query(request)
        await refuse_body(request)
        return Response(encode_canonical({"status": "ok"}), media_type=JSON)


def _read_agency(request: Request) -> AgencyId:
    try:
        return AgencyId.from_text(request.path_params["agency"])
    except IdError:
        raise RefusedError("not_found") from None


async def _read_signed(request: Request) -> SignedObject:
    body = await read_body(request, media_type=JSON, limit=DIRECTORY_BODY_BYTES)
    return SignedObject.from_body(body, max_bytes=DIRECTORY_BODY_BYTES)
