"""Leave the endpoints where a device is woken.

Rules: the mailbox is the one of the device that signed, with its identity key. What is left is
never given out.

Spec: docs/spec/wake-ups.md, "Leaving endpoints".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from quietway_schemas.wake import WakeEndpoints
from quietway_server.api.auth import authenticate
from quietway_server.api.bodies import JSON, read_body
from quietway_server.core.quota import CONTROL_BODY_BYTES

if TYPE_CHECKING:
    from starlette.requests import Request

    from quietway_server.services.relay import Relay


class WakeDoor:
    """The one request about wake-ups.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def replace(self, request: Request) -> Response:
        """`PUT /v1/wake`: all endpoints of a device; an empty list deletes."""
        body = await read_body(request, media_type=JSON, limit=CONTROL_BODY_BYTES)
        caller = await authenticate(self._relay, request, body=body)
        wanted = WakeEndpoints.from_body(body, max_bytes=CONTROL_BODY_BYTES)
        await self._relay.endpoints.replace(caller.device, wanted)
        return Response(status_code=204)
