"""A plain POST to a provider, which is taken to be hostile.

Rules: where it goes is decided when it is sent, each time: the operator's lists first, then what
the name resolves to, and the connection goes to an address that was looked at. No redirect is
followed, no proxy of the environment used, no cookie and no connection kept. Of the answer the
status is read, and nothing else.

Spec: docs/spec/wake-ups.md, "What is sent" and "Trying, and trying again".
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

import httpx

from quietway_crypto.encoding import encode_base64
from quietway_schemas.errors import ContentError
from quietway_schemas.wake import WAKE_TEXT, read_url
from quietway_server.core.waking import ATTEMPT_SECONDS
from quietway_server.errors import NotTakenError
from quietway_server.notify.addresses import Resolve, choose_address, resolve

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway_schemas.wake import WebTarget

USER_AGENT: Final = "quietway"
_KEPT_SECONDS: Final = "86400"
"""How long a provider may keep it for a device that is off."""
_TAKEN: Final = range(200, 300)


class Webhook:
    """Sends to webhooks, UnifiedPush and ntfy among them.

    Args:
        hosts: The public hosts that are allowed, as origins.
        own_hosts: The hosts of the operator's own network, as origins.
        resolve: Gives the addresses of a host.
        seconds: How long an attempt may take, from the name to the answer.
    """

    def __init__(
        self,
        hosts: Collection[str],
        own_hosts: Collection[str] = (),
        *,
        resolve: Resolve = resolve,
        seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._hosts = frozenset(hosts)
        self._own_hosts = frozenset(own_hosts)
        self._resolve = resolve
        self._seconds = seconds
        self._tls = ssl.create_default_context()

    def check(self, target: str) -> None:
        """Make sure that the operator allows this target's host."""
        self._read(target)

    async def notify(self, target: str, *, key: bytes, text: str = WAKE_TEXT) -> None:
        """POST a text; coming back means that the provider said it took it."""
        url = self._read(target)
        try:
            async with asyncio.timeout(self._seconds):
                status = await self._post(url, await self._find_address(url), key, text)
        except TimeoutError:
            raise NotTakenError("time") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError):
            raise NotTakenError("connection") from None
        if status not in _TAKEN:
            raise NotTakenError("status")

    def _read(self, target: str) -> WebTarget:
        try:
            url = read_url(target)
        except ContentError:
            raise NotTakenError("target") from None
        if url.origin not in self._hosts | self._own_hosts:
            raise NotTakenError("target")
        return url

    async def _find_address(self, url: WebTarget) -> str:
        try:
            found = await self._resolve(url.host.strip("[]"), url.port)
        except (OSError, UnicodeError):
            raise NotTakenError("name") from None
        return choose_address(found, is_own=url.origin in self._own_hosts)

    async def _post(self, url: WebTarget, address: str, key: bytes, text: str) -> int:
        host = f"[{address}]" if ":" in address else address
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, verify=self._tls, timeout=self._seconds
        ) as client:
            request = client.build_request(
                "POST",
                f"{url.scheme}://{host}:{url.port}{url.path}",
                content=text.encode("ascii"),
                headers={
                    "Host": url.authority,
                    "Accept": "*/*",
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                    "User-Agent": USER_AGENT,
                    "Content-Type": "text/plain; charset=utf-8",
                    "TTL": _KEPT_SECONDS,
                    "Urgency": "high",
                    "Idempotency-Key": encode_base64(key),
                },
                # The certificate is the host's, though the connection goes to an address.
                extensions={"sni_hostname": url.host.strip("[]")},
            )
            response = await client.send(request, stream=True)
            await response.aclose()
            return response.status_code
