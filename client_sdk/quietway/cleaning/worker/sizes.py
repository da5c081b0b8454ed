"""How many pixels a picture may claim, judged by its header before anything is unpacked.

Fifty million pixels at most, as telephones take them. A picture that claims more than sixteen
million must have the bytes for it: no camera packs two hundred pixels into a byte, and a small
file must not take a machine's memory.

Spec: docs/spec/cleaning.md, "Limits".
"""

from __future__ import annotations

from typing import Final

from quietway.cleaning.worker.result import Refused

MOST_PIXELS: Final = 50_000_000
_ANY_FILE_MAY: Final = 16_000_000
_PIXELS_A_BYTE: Final = 200
_WEBP_HEAD: Final = 30


def check_pixels(size: tuple[int, int], length: int) -> None:
    """Demand that a picture is of a size that can be unpacked.

    Args:
        size: Its width and height.
        length: Of the file, in bytes.

    Raises:
        Refused: It has too many pixels, or none.
    """
    pixels = size[0] * size[1]
    if pixels < 1:
        raise Refused("damaged")
    if pixels > MOST_PIXELS or pixels > max(_ANY_FILE_MAY, length * _PIXELS_A_BYTE):
        raise Refused("too_many_pixels")


def measure_webp(content: bytes) -> tuple[int, int]:
    """Read a WebP picture's size from its header: the library takes its memory on opening it.

    Source: RFC 9649, sections 2.5 to 2.7.

    Raises:
        Refused: It has no such header.
    """
    chunk, body = content[12:16], content[20:]
    if len(content) < _WEBP_HEAD:
        raise Refused("damaged")
    if chunk == b"VP8X":
        return (
            1 + int.from_bytes(body[4:7], "little"),
            1 + int.from_bytes(body[7:10], "little"),
        )
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return (
            int.from_bytes(body[6:8], "little") & 0x3FFF,
            int.from_bytes(body[8:10], "little") & 0x3FFF,
        )
    raise Refused("damaged")
