"""Read bodies and queries within their bounds.

Rules: nothing is read beyond its limit, after its time, or without room for it; nothing is
unpacked; a media type is exactly the one asked for.

Spec: docs/spec/relay-protocol.md, "Ground rules" and "Limits".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from quietway_server.api.places import find_place, waiting_at
from quietway_server.core.quota import BODY_SECONDS, BUSY_RETRY_SECONDS
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

JSON: Final = "application/json"
ENVELOPES: Final = "application/vnd.quietway.envelopes"
LADDER: Final = "application/vnd.quietway.ladder"
CLAIM: Final = "application/vnd.quietway.claim"
OCTETS: Final = "application/octet-stream"
PAGE: Final = "application/vnd.quietway.page"
WITHDRAWALS: Final = "application/vnd.quietway.withdrawals"
NOTE: Final = "text/plain"
LARGEST_CURSOR: Final = 2**53 - 1
_CURSOR_DIGITS: Final = 16


async def read_body(request: Request, *, media_type: str, limit: int) -> bytes:
    """Read a body of at most `limit` bytes.

    Raises:
        RefusedError: `wrong_media_type`, `too_large`, `unknown_field` where the address has a
            query, or `overloaded` when it takes too long.
    """
    refuse_query(request)
    shown = request.headers.get("content-type", "").lower().replace(" ", "")
    if shown not in {media_type, f"{JSON};charset=utf-8" if media_type == JSON else media_type}:
        raise RefusedError("wrong_media_type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError("wrong_media_type")
    return await _read(request, limit)


async def refuse_body(request: Request) -> None:
    """Make sure that a request has no body.

    Raises:
        RefusedError: `too_large`: it has one.
    """
    await _read(request, 0)


def refuse_query(connection: HTTPConnection) -> None:
    """Make sure that an address has no query.

    Raises:
        RefusedError: `unknown_field`: it has one.
    """
    if connection.scope["query_string"]:
        raise RefusedError("unknown_field")


def read_after(request: Request) -> int:
    """Read the cursor of a query, which holds nothing else; 0 where it is missing.

    Raises:
        RefusedError: `unknown_field` or `invalid_field`.
    """
    (after,) = read_numbers(request, after=0)
    return after


def read_numbers(request: Request, **defaults: int | None) -> tuple[int, ...]:
    """Read the numbers of a query, which holds nothing else.

    Args:
        request: The request.
        defaults: Each number's name, with a `_` after it where it is a word of Python, and what
            counts where it is missing; None where it may not be.

    Returns:
        The numbers, in the order of `defaults`.

    Raises:
        RefusedError: `unknown_field` or `invalid_field`.
    """
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    names = {name.rstrip("_"): default for name, default in defaults.items()}
    if any(name not in names for name, _ in pairs):
        raise RefusedError("unknown_field")
    return tuple(
        _read_number([text for shown, text in pairs if shown == name], name, default)
        for name, default in names.items()
    )


def _read_number(texts: list[str], name: str, default: int | None) -> int:
    if not texts and default is not None:
        return default
    text = texts[0] if len(texts) == 1 else ""
    is_number = text.isascii() and text.isdigit() and len(text) <= _CURSOR_DIGITS
    if not is_number or int(text) > LARGEST_CURSOR:
        raise RefusedError("invalid_field", field=name)
    return int(text)


async def _read(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()) or int(announced[:20]) > limit:
        raise RefusedError("too_large")
    try:
        with waiting_at(request.scope):
            async with asyncio.timeout(BODY_SECONDS):
                return await _collect(request, limit)
    except TimeoutError:
        raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS) from None


async def _collect(request: Request, limit: int) -> bytes:
    place = find_place(request.scope)
    pieces: list[bytes] = []
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > limit:
            raise RefusedError("too_large")
        if place is not None:
            place.hold(len(chunk))
        pieces.append(chunk)
    return b"".join(pieces)
