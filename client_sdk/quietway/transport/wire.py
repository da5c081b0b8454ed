"""One HTTP connection pool, as bare as it can be: no cookies, no redirects, no log, no netrc.

It uses httpx below its client, at the one method where a request becomes an answer. What the
client would add there is what a relay could use to recognise somebody (cookies), to send them
elsewhere (redirects), or what would write addresses down (its log). Bodies are read raw, up to a
limit: nothing is decompressed. TLS is always verified.

Spec: docs/spec/relay-protocol.md, "Ground rules".
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING, Final

import httpx

from quietway.errors import RelayUnreachable
from quietway.transport.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 30.0
_TIMEOUT: Final = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
# The same for every program that embeds us: which one it is, is nobody's business.
_HEADERS: Final = {"user-agent": "quietway", "accept-encoding": "identity"}


@cache
def make_tls_context() -> ssl.SSLContext:
    """Make the rules under which a relay's certificate is believed: at least TLS 1.2, verified."""
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Wire:
    """Connections of their own to one relay; two wires never share one.

    Args:
        url: The relay's checked address.
        proxy: The proxy that leads there, or None.
        keep: Whether a connection is kept for the next request.
    """

    def __init__(self, url: str, *, proxy: str | None, keep: bool) -> None:
        self._url = url
        self._transport = httpx.AsyncHTTPTransport(
            verify=make_tls_context(),
            http2=False,
            trust_env=False,
            proxy=None if proxy is None else httpx.Proxy(proxy),
            limits=httpx.Limits(max_keepalive_connections=1 if keep else 0, max_connections=4),
        )

    async def ask(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int,
    ) -> Answer:
        """Send a request and read its answer to the end.

        Args:
            method: In capitals.
            target: Path and query.
            body: None where there is none.
            headers: On top of the few that every request has.
            limit_bytes: A longer answer is not a relay's.

        Raises:
            RelayUnreachable: No whole answer came. The relay may have done as asked.
        """
        request = httpx.Request(
            method,
            self._url + target,
            content=body,
            headers={**_HEADERS, **(headers or {})},
            extensions={"timeout": _TIMEOUT.as_dict()},
        )
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return await _read(response, limit_bytes)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, OSError):
            raise RelayUnreachable from None

    async def aclose(self) -> None:
        """Close the connections; closing twice is fine."""
        await self._transport.aclose()


async def _read(response: httpx.Response, limit_bytes: int) -> Answer:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit_bytes:
            raise RelayUnreachable
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, bytes(body))
