"""Take envelopes back for whoever shows what their submission committed to.

Rules: no identity and no lane is asked for, and none is kept.

Spec: docs/spec/relay-protocol.md, "Taking back".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from quietway_schemas.canonical import encode_canonical
from quietway_schemas.withdrawal import unpack_slips
from quietway_server.api.bodies import JSON, WITHDRAWALS, read_body
from quietway_server.core.quota import WITHDRAWALS_BODY_BYTES

if TYPE_CHECKING:
    from starlette.requests import Request

    from quietway_server.services.relay import Relay


class WithdrawEnvelopes:
    """`POST /v1/envelopes/withdraw`.

    Args:
        relay: The services.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def withdraw(self, request: Request) -> Response:
        """Answer 1 to 128 slips, each with true or false."""
        body = await read_body(request, media_type=WITHDRAWALS, limit=WITHDRAWALS_BODY_BYTES)
        withdrawn = await self._relay.withdrawals.withdraw(unpack_slips(body))
        return Response(encode_canonical({"withdrawn": withdrawn}), media_type=JSON)
