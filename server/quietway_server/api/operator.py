"""The operator's listener: a few addresses on a port of their own, and no other.

Rules: what is answered is counts, names of parts and names of events; all that can be said here is
that a canary wake-up arrived, and nothing names anybody. On loopback only loopback names are
served, so that no page in a browser reaches it under a name of its own. It has nothing in common
with the public door but the form of its refusals.

Spec: docs/reference/operating.md, "The operator's listener".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.responses import Response

from quietway_schemas.canonical import encode_canonical
from quietway_server.api.bodies import JSON
from quietway_server.api.problems import answer_problem
from quietway_server.errors import RefusedError
from quietway_server.log import recent_events
from quietway_server.metrics import MEDIA_TYPE
from quietway_server.settings import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from quietway_server.services.operating import Operating

READ: Final = ("GET", "HEAD")
CANARY_PATH: Final = "/wake/canary/"


class OperatorDoor:
    """Everything that the operator's listener serves.

    Args:
        operating: What an operator may ask.
        host: The address that it listens on.
        port: The port.
    """

    def __init__(self, operating: Operating, *, host: str, port: int) -> None:
        self._operating = operating
        names = [f"[{name}]" if ":" in name else name for name in LOOPBACK]
        self._hosts = {f"{name}:{port}" for name in names} if host in LOOPBACK else None
        self._addresses: dict[str, Callable[[], Awaitable[Response]]] = {
            "/healthz": self._tell_health,
            "/readyz": self._tell_ready,
            "/metrics": self._show_metrics,
            "/events": self._show_events,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            response = await self._answer(scope)
        except Exception as error:  # noqa: BLE001, the last resort: nothing gets out but a problem
            response = answer_problem(error)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        await response(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        hosts = Headers(scope=scope).getlist("host")
        is_ours = self._hosts is None or (len(hosts) == 1 and hosts[0].lower() in self._hosts)
        address = self._addresses.get(scope["path"])
        if scope["type"] == "http" and is_ours and scope["path"].startswith(CANARY_PATH):
            return self._take_report(scope)
        if scope["type"] != "http" or not is_ours or address is None:
            raise RefusedError("not_found")
        if scope["method"] not in READ:
            raise RefusedError("method_not_allowed")
        return await address()

    def _take_report(self, scope: Scope) -> Response:
        """`POST /wake/canary/{name}`: a canary wake-up arrived. A body is not read."""
        if scope["method"] != "POST":
            raise RefusedError("method_not_allowed")
        if not self._operating.report_canary(scope["path"].removeprefix(CANARY_PATH)):
            raise RefusedError("not_found")
        return Response(status_code=204)

    async def _tell_health(self) -> Response:
        """`GET /healthz`: the process answers."""
        return Response(encode_canonical({"status": "ok"}), media_type=JSON)

    async def _tell_ready(self) -> Response:
        """`GET /readyz`: whether every part is ready, and which is not."""
        lacking = await self._operating.find_lacking()
        told = {
            "loops": self._operating.find_ages(),
            "not_ready": list(lacking),
            "ready": not lacking,
        }
        body = encode_canonical(told)
        return Response(body, 503 if lacking else 200, media_type=JSON)

    async def _show_metrics(self) -> Response:
        """`GET /metrics`."""
        return Response(await self._operating.render(), headers={"Content-Type": MEDIA_TYPE})

    async def _show_events(self) -> Response:
        """`GET /events`: the last lines of the log."""
        return Response(encode_canonical({"events": recent_events()}), media_type=JSON)
