"""A POST to another program on this machine.

Rules: it goes to 127.0.0.1 or [::1] and nowhere else, whatever a name resolves to: no name is
taken. No proxy, no redirect, no cookie; of the answer the status counts, and nothing else.

Spec: docs/reference/webhook.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway.errors import ContentRefused, RelayUnreachable
from quietway.transport.wire import Wire
from quietway.webhook import SIGNATURE_HEADER, sign_body

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

LONGEST_ANSWER_BYTES: Final = 65_536
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_TAKEN: Final = range(200, 300)


class LocalWebhook:
    """The way to one receiver.

    Args:
        url: `http://127.0.0.1:PORT/path` or `http://[::1]:PORT/path`.
        secret: What signs each body.

    Raises:
        ContentRefused: It is another address.
    """

    def __init__(self, url: str, secret: str) -> None:
        origin, self._target = read_local(url)
        self._secret = secret
        self._wire = Wire(origin, proxy=None, keep=True)

    async def post(self, body: bytes, at: Instant) -> bool:
        """Send a body, and say whether it was taken: answered by a status of 2xx."""
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: sign_body(self._secret, body, at),
        }
        try:
            answer = await self._wire.ask(
                "POST", self._target, body=body, headers=headers, limit_bytes=LONGEST_ANSWER_BYTES
            )
        except RelayUnreachable:
            return False
        return answer.status in _TAKEN

    async def aclose(self) -> None:
        """Close the connection; closing twice is fine."""
        await self._wire.aclose()


def read_local(url: str) -> tuple[str, str]:
    """Split an address on this machine into its origin and what follows.

    Raises:
        ContentRefused: It is another address: what happens here is told to nobody elsewhere.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme != "http" or host not in _LOOPBACK or "@" in parts.netloc or parts.fragment:
        raise ContentRefused(
            "url", "is not on this machine: take http://127.0.0.1:PORT/path or http://[::1]:PORT/."
        )
    shown = f"[{host}]" if ":" in host else host
    query = f"?{parts.query}" if parts.query else ""
    return f"http://{shown}:{port or 80}", f"{parts.path or '/'}{query}"
