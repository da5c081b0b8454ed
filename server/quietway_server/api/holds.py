"""The address of ladders: alerts come to be released in their time, and claims that stop them.

Rules: no identity is asked for, and none is kept. Placing shows a lane, claiming shows what lay in
an alert, and nothing else.

Spec: docs/spec/holds.md, "The ladder", "Claim".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from quietway_crypto.encoding import decode_base64
from quietway_crypto.errors import EncodingError
from quietway_crypto.lanes import hash_capability
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.holds import HOLD_ID_BYTES
from quietway_server.api.bodies import CLAIM, JSON, LADDER, read_body
from quietway_server.api.envelopes import read_capability
from quietway_server.core.quota import HOLDS_BODY_BYTES
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from quietway_server.services.relay import Relay


class HoldDoor:
    """`/v1/holds/{id}` and `/v1/holds/{id}/claim`.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._holds = relay.holds
        self._urgency = relay.urgency

    async def place(self, request: Request) -> Response:
        """Answer a ladder with how many places it has."""
        hold, capability = _read_id(request), read_capability(request)
        body = await read_body(request, media_type=LADDER, limit=HOLDS_BODY_BYTES)
        urgent = await self._urgency.judge(hash_capability(capability))
        accepted = await self._holds.place(capability, hold, body, urgent=urgent)
        return Response(encode_canonical({"accepted": accepted}), 201, media_type=JSON)

    async def claim(self, request: Request) -> Response:
        """Answer a claim with whether it is the first one."""
        hold = _read_id(request)
        body = await read_body(request, media_type=CLAIM, limit=HOLDS_BODY_BYTES)
        first = await self._holds.claim(hold, body)
        return Response(encode_canonical({"first": first}), media_type=JSON)


def _read_id(request: Request) -> bytes:
    try:
        hold = decode_base64(request.path_params["id"])
    except EncodingError:
        raise RefusedError("not_found") from None
    if len(hold) != HOLD_ID_BYTES:
        raise RefusedError("not_found")
    return hold
