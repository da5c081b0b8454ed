"""Take batches of envelopes from whoever shows a capability.

Rules: no identity is asked for, and none is kept. This is the busiest address, so it is a plain
ASGI application beside the framework's routes.

Spec: docs/spec/relay-protocol.md, "Submitting".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from quietway_crypto.encoding import decode_base64
from quietway_crypto.errors import EncodingError
from quietway_crypto.lanes import hash_capability
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.envelope import unpack_records
from quietway_server.api.bodies import ENVELOPES, JSON, read_body
from quietway_server.core.quota import ENVELOPES_BODY_BYTES
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import Receive, Scope, Send

    from quietway_server.services.relay import Relay

LANE_HEADER: Final = "quietway-lane"
_CAPABILITY_BYTES: Final = 32


class SubmitEnvelopes:
    """`POST /v1/envelopes`.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one batch."""
        request = Request(scope, receive)
        body = await read_body(request, media_type=ENVELOPES, limit=ENVELOPES_BODY_BYTES)
        capability = read_capability(request)
        records = unpack_records(body)
        urgent = await self._relay.urgency.judge(hash_capability(capability))
        accepted = await self._relay.ingest.submit(
            capability, records, body_bytes=len(body), urgent=urgent
        )
        answer = Response(encode_canonical({"accepted": accepted}), 201, media_type=JSON)
        await answer(scope, receive, send)


def read_capability(connection: HTTPConnection) -> bytes:
    """Read the capability that a request, or the upgrade of a websocket, shows.

    Returns:
        32 bytes.

    Raises:
        RefusedError: `invalid_field`: it is missing, repeated, or not 32 bytes of base64.
    """
    shown = connection.headers.getlist(LANE_HEADER)
    if len(shown) != 1:
        raise RefusedError("invalid_field", field=LANE_HEADER)
    try:
        capability = decode_base64(shown[0])
    except EncodingError:
        raise RefusedError("invalid_field", field=LANE_HEADER) from None
    if len(capability) != _CAPABILITY_BYTES:
        raise RefusedError("invalid_field", field=LANE_HEADER)
    return capability
