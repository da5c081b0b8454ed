"""The address of sealed files: parts come in, ranges go out, and nobody says who they are.

Rules: writing shows a lane and the writer's secret, fetching the opening secret alone; each header
stands there once. An answer is sent row by row, so that a large file needs little memory.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse

from quietway_crypto.encoding import decode_base64
from quietway_crypto.errors import EncodingError
from quietway_schemas.canonical import encode_canonical
from quietway_server.api.bodies import JSON, OCTETS, read_body, refuse_body, refuse_query
from quietway_server.api.envelopes import read_capability
from quietway_server.core.quota import BLOB_PART_BYTES
from quietway_server.errors import RefusedError
from quietway_server.services.blobs import RANGE_FIELD, Part

if TYPE_CHECKING:
    from starlette.requests import Request

    from quietway_server.rows import BlobRow
    from quietway_server.services.relay import Relay

BLOB_PATH: Final = "/v1/blobs/{id}"
HASH_HEADER: Final = "quietway-blob"
WRITER_HEADER: Final = "quietway-blob-writer"
OPENING_HEADER: Final = "quietway-blob-opening"
STORED_HEADER: Final = "quietway-blob-stored"
EXPIRES_HEADER: Final = "quietway-blob-expires"
_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 16
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})", re.ASCII)
_RANGE: Final = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})", re.ASCII)


class BlobDoor:
    """`/v1/blobs/{id}`.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._blobs = relay.blobs

    async def serve(self, request: Request) -> Response:
        """Answer one request, whichever its method."""
        match request.method:
            case "PUT":
                return await self._put(request)
            case "HEAD":
                return await self._tell(request)
            case "DELETE":
                return await self._delete(request)
            case _:
                return await self._fetch(request)

    async def _put(self, request: Request) -> Response:
        blob = _read_id(request)
        first, last, total = _read_content_range(request)
        part_of = {
            "capability": read_capability(request),
            "opening_hash": _read_secret(request, HASH_HEADER),
            "writer": _read_secret(request, WRITER_HEADER),
        }
        body = await read_body(request, media_type=OCTETS, limit=BLOB_PART_BYTES)
        if len(body) != last + 1 - first:
            raise RefusedError("invalid_field", field=RANGE_FIELD)
        part = Part(blob=blob, first=first, total=total, body=body, **part_of)
        row = await self._blobs.put_part(part)
        answer = encode_canonical({"expires": row.expires, "stored": row.stored})
        return Response(answer, 201, media_type=JSON)

    async def _tell(self, request: Request) -> Response:
        await _expect_nothing_more(request)
        row = await self._blobs.status(_read_id(request), _read_secret(request, WRITER_HEADER))
        return Response(headers={STORED_HEADER: str(row.stored), EXPIRES_HEADER: str(row.expires)})

    async def _fetch(self, request: Request) -> Response:
        await _expect_nothing_more(request)
        row = await self._blobs.find(_read_id(request), _read_secret(request, OPENING_HEADER))
        asked = _read_range(request, row)
        first, last = asked or (0, row.total - 1)
        headers = {"Content-Length": str(last + 1 - first), "Accept-Ranges": "bytes"}
        if asked:
            headers["Content-Range"] = f"bytes {first}-{last}/{row.total}"
        return StreamingResponse(
            self._blobs.read(row, first, last), 206 if asked else 200, headers, OCTETS
        )

    async def _delete(self, request: Request) -> Response:
        await _expect_nothing_more(request)
        await self._blobs.delete(_read_id(request), _read_secret(request, WRITER_HEADER))
        return Response(status_code=204)


async def _expect_nothing_more(request: Request) -> None:
    refuse_query(request)
    await refuse_body(request)


def _read_id(request: Request) -> bytes:
    try:
        blob = decode_base64(request.path_params["id"])
    except EncodingError:
        raise RefusedError("not_found") from None
    if len(blob) != _ID_BYTES:
        raise RefusedError("not_found")
    return blob


def _read_secret(request: Request, name: str) -> bytes:
    shown = request.headers.getlist(name)
    try:
        secret = decode_base64(shown[0]) if len(shown) == 1 else b""
    except EncodingError:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise RefusedError("invalid_field", field=name)
    return secret


def _read_content_range(request: Request) -> tuple[int, int, int]:
    shown = request.headers.getlist(RANGE_FIELD)
    found = _CONTENT_RANGE.fullmatch(shown[0]) if len(shown) == 1 else None
    if found is None:
        raise RefusedError("invalid_field", field=RANGE_FIELD)
    first, last, total = (int(number) for number in found.groups())
    if not first <= last < total:
        raise RefusedError("invalid_field", field=RANGE_FIELD)
    return first, last, total


def _read_range(request: Request, row: BlobRow) -> tuple[int, int] | None:
    """Read which bytes are asked for; None for all of them.

    Raises:
        RefusedError: `range_not_satisfiable`: they lie outside the blob.
    """
    shown = request.headers.getlist("range")
    found = _RANGE.fullmatch(shown[0]) if len(shown) == 1 else None
    if found is None:
        return None
    first, last = int(found[1]), int(found[2] or row.total - 1)
    if last < first and found[2]:
        return None
    if first >= row.total:
        raise RefusedError("range_not_satisfiable")
    return first, min(last, row.total - 1)
