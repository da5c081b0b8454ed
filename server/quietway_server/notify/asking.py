"""Ask a relay's operator listener how it is.

Rules: the answer is bounded in size and time, nothing of the environment is used, no redirect is
followed. Whatever goes wrong is one thing: it did not answer.

Spec: docs/spec/wake-ups.md, "Who watches".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import httpx

from quietway_server.errors import NotTakenError

READY_PATH: Final = "/readyz"
ASK_SECONDS: Final = 10.0
_MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Told:
    """What a relay told of itself."""

    status: int
    body: bytes


async def ask_ready(url: str, *, seconds: float = ASK_SECONDS) -> Told:
    """Ask whether a relay is ready.

    Args:
        url: Its operator's listener, as `http://127.0.0.1:8741`.
        seconds: How long it has.

    Raises:
        NotTakenError: It did not answer.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _ask(url + READY_PATH, seconds)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        raise NotTakenError("connection") from None


async def _ask(url: str, seconds: float) -> Told:
    async with (
        httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=seconds) as client,
        client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        body = b""
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > _MOST_BYTES:
                raise NotTakenError("status")
        return Told(answer.status_code, body)
