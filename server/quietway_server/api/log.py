"""The transparency log's addresses: its head, how heads follow each other, and what its leaves are.

Rules: reading takes a signed request, as the directory does. Nothing is asked of one agency.

Spec: docs/spec/transparency-log.md, "Requests".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from quietway_server.api.auth import authenticate_reader
from quietway_server.api.bodies import (
    JSON,
    NOTE,
    read_after,
    read_numbers,
    refuse_body,
    refuse_query,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from quietway_server.services.relay import Relay


class LogDoor:
    """The requests of the log.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def read_checkpoint(self, request: Request) -> Response:
        """`GET /v1/log/checkpoint`."""
        refuse_query(request)
        await self._admit(request)
        return Response(await self._relay.log.checkpoint(), media_type=NOTE)

    async def read_consistency(self, request: Request) -> Response:
        """`GET /v1/log/consistency?from=A&to=B`."""
        await self._admit(request)
        old, new = read_numbers(request, from_=None, to=None)
        found = await self._relay.log.consistency(old, new)
        return Response(found.to_canonical(), media_type=JSON)

    async def read_leaves(self, request: Request) -> Response:
        """`GET /v1/log/leaves?after=N`."""
        await self._admit(request)
        found = await self._relay.log.leaves(read_after(request))
        return Response(found.to_canonical(), media_type=JSON)

    async def _admit(self, request: Request) -> None:
        await refuse_body(request)
        await authenticate_reader(self._relay, request)
