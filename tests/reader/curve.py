"""Edwards25519 in a page of integers, to judge a signing key before a signature is checked.

Written for the independent reader from RFC 8032, section 5.1, and `docs/spec/envelope.md`,
"Conventions". It reads public bytes only, so its running time may depend on them. It shares no code
with the product.
"""

from __future__ import annotations

from typing import Final

P: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, P) % P
_ROOT_OF_MINUS_ONE: Final = pow(2, (P - 1) // 4, P)
_NEUTRAL: Final = (0, 1)

Point = tuple[int, int]


def read_point(raw: bytes) -> Point | None:
    """Return the point of 32 bytes, or None unless they are its one canonical encoding."""
    number = int.from_bytes(raw, "little")
    odd, y = number >> 255, number & (2**255 - 1)
    x = _solve_for_x(y) if len(raw) == 32 and y < P else None
    if x is None or (x == 0 and odd):
        return None
    return (x if x & 1 == odd else P - x), y


def _solve_for_x(y: int) -> int | None:
    u, v = (y * y - 1) % P, (_D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    for candidate in (x, x * _ROOT_OF_MINUS_ONE % P):
        if v * candidate * candidate % P == u:
            return candidate
    return None


def _add(left: Point, right: Point) -> Point:
    (x1, y1), (x2, y2) = left, right
    k = _D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def _multiply(times: int, point: Point) -> Point:
    total = _NEUTRAL
    while times:
        if times & 1:
            total = _add(total, point)
        point, times = _add(point, point), times >> 1
    return total


def may_sign(public_key: bytes) -> bool:
    """Tell whether a key is canonical, not neutral, and in the subgroup of prime order."""
    point = read_point(public_key)
    return point is not None and point != _NEUTRAL and _multiply(ORDER, point) == _NEUTRAL
