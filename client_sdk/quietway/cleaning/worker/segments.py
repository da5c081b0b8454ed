"""JPEG and JPEG 2000 as they stand inside a PDF: kept as they are, without what decodes nothing.

They are not decoded anew here: a PDF says elsewhere in which colours and over which mask they are
meant, and would show something else. So their segments are listed by what decoding needs, the rest
is left out, and the file ends where the picture does.

Spec: docs/spec/cleaning.md, "PDF". Source: ITU-T T.81, annex B; ITU-T T.800, annex I.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.cleaning.worker.result import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BEGIN: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
_ADOBE: Final = 0xEE
_ADOBE_BODY: Final = 12
_DECODING: Final = frozenset({*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD})
"""Frames, tables, scans, lines, restarts. Of the others, only Adobe's says how to decode."""
_TABLES_OF_CODES: Final = 0xC4
_CONDITIONS: Final = 0xCC
_TABLES_OF_STEPS: Final = 0xDB
_OF_TWO_BYTES: Final = frozenset({0xDC, 0xDD})
_RESTARTS: Final = range(0xD0, 0xD8)
_BARE: Final = frozenset({0x01, *_RESTARTS})
_BOXES: Final = frozenset({b"jP  ", b"ftyp", b"jp2h", b"jp2c"})
_CODESTREAM: Final = b"\xff\x4f\xff\x51"


def strip_jpeg(content: bytes) -> bytes:
    """Keep of a JPEG what decodes it.

    Raises:
        Refused: It is none, or not whole.
    """
    at = content.find(_BEGIN)
    if at < 0:
        raise Refused("damaged")
    return _BEGIN + b"".join(_list_segments(content, at + 2)) + _END


def strip_jpeg2000(content: bytes) -> bytes:
    """Keep of a JPEG 2000 what decodes it.

    Raises:
        Refused: It is none, or not whole.
    """
    if content.startswith(_CODESTREAM):
        return content
    kept, at = [], 0
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        kind = content[at + 4 : at + 8]
        end = at + length if length else len(content)
        if length == 1:
            end = at + int.from_bytes(content[at + 8 : at + 16], "big")
        if end <= at or end > len(content):
            raise Refused("damaged")
        if kind in _BOXES:
            kept.append(content[at:end])
        at = end
    if not any(box[4:8] == b"jp2c" for box in kept):
        raise Refused("damaged")
    return b"".join(kept)


def _list_segments(content: bytes, at: int) -> Iterator[bytes]:
    while True:
        marker, at = _find_marker(content, at)
        if marker == _END[1]:
            return
        if marker in _BARE:
            yield bytes((0xFF, marker))
            continue
        length = int.from_bytes(content[at : at + 2], "big")
        body = content[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:  # noqa: PLR2004 - the length counts itself
            raise Refused("damaged")
        at += length
        if marker == _ADOBE and body.startswith(b"Adobe"):
            body = body[:_ADOBE_BODY]
        elif marker not in _DECODING:
            continue
        elif not _is_sound(marker, body):
            raise Refused("damaged")
        yield bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
        if marker == _SCAN:
            end = _find_end_of_scan(content, at)
            yield content[at:end]
            at = end


def _is_sound(marker: int, body: bytes) -> bool:
    """Say whether a segment is as long as what it says, so that nothing else stands in it."""
    match marker:
        case _ if marker in _OF_TWO_BYTES:
            return len(body) == 2  # noqa: PLR2004 - a u16
        case _ if marker == _CONDITIONS:
            return len(body) % 2 == 0 and len(body) <= 2 * 8
        case _ if marker == _SCAN:
            return len(body) == 4 + 2 * body[0]
        case _ if marker == _TABLES_OF_STEPS:
            return _sum_tables(body, lambda table: 1 + 64 * (1 + (table[0] >> 4))) == len(body)
        case _ if marker == _TABLES_OF_CODES:
            return _sum_tables(body, lambda table: 17 + sum(table[1:17])) == len(body)
        case _:
            return len(body) == 6 + 3 * body[5]


def _sum_tables(body: bytes, measure: Callable[[bytes], int]) -> int:
    at = 0
    while at < len(body):
        at += measure(body[at:])
    return at


def _find_marker(content: bytes, at: int) -> tuple[int, int]:
    """Find the next marker; returns it and the place behind it. A file cut off ends there."""
    at = content.find(b"\xff", at)
    while 0 <= at < len(content) and content[at] == _BEGIN[0]:
        at += 1
    return (content[at], at + 1) if 0 <= at < len(content) else (_END[1], len(content))


def _find_end_of_scan(content: bytes, at: int) -> int:
    while True:
        at = content.find(b"\xff", at)
        if at < 0 or at + 1 >= len(content):
            return len(content)
        if content[at + 1] and content[at + 1] not in _RESTARTS:
            return at
        at += 2
