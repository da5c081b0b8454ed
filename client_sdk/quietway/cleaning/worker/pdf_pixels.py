"""Pixels in a PDF that are packed without loss: as many as the picture has, packed anew.

What is no pixel of the picture (a file behind its end, or another file in its place) does not
cross. Pixels are repacked piece by piece, so a picture takes no more memory than its packed form.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, 7.4 and 8.9.5.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from pypdf.generic import ArrayObject

from quietway.cleaning.worker.pdf_entries import entry, follow
from quietway.cleaning.worker.result import Refused
from quietway.cleaning.worker.sizes import check_pixels

if TYPE_CHECKING:
    from typing import Any

    from pypdf.generic import StreamObject

FLATE: Final = "/FlateDecode"
UNPACKED_HERE: Final = frozenset(
    {FLATE, "/LZWDecode", "/RunLengthDecode", "/ASCIIHexDecode", "/ASCII85Decode"}
)
OF_FAX: Final = frozenset({"/CCITTFaxDecode", "/JBIG2Decode"})
"""Black and white; they have no room for more than pixels, and no reader of ours."""
_PIECE_BYTES: Final = 1024 * 1024
_LEVEL: Final = 3
_MAY_LACK: Final = 0.1
"""Some writers leave out the last row."""
_COMPONENTS: Final = {
    "/DeviceGray": 1,
    "/CalGray": 1,
    "/Indexed": 1,
    "/Separation": 1,
    "/DeviceRGB": 3,
    "/CalRGB": 3,
    "/Lab": 3,
    "/DeviceCMYK": 4,
}
_PNG_PREDICTORS: Final = 10


def measure_pixels(picture: StreamObject, parameters: Any) -> int:
    """Compute how many bytes a picture's pixels have, unpacked.

    Raises:
        Refused: It says neither its size nor its colours, or has too many pixels.
    """
    width, height = (int(entry(picture, name, 0)) for name in ("/Width", "/Height"))
    check_pixels((width, height), len(picture._data))  # noqa: SLF001 - there is no other way to it
    bits = 1 if entry(picture, "/ImageMask") else int(entry(picture, "/BitsPerComponent", 8))
    row = (width * bits * _count_components(picture) + 7) // 8
    extra = 1 if int(entry(parameters, "/Predictor", 1)) >= _PNG_PREDICTORS else 0
    return (row + extra) * height


def repack(packed: bytes, length: int) -> bytes:
    """Pack pixels anew, and nothing behind them.

    Raises:
        Refused: There are far fewer of them than the picture has.
    """
    unpacker, packer = zlib.decompressobj(), zlib.compressobj(_LEVEL)
    made, left = [], length
    while left > 0 and not unpacker.eof:
        piece = unpacker.decompress(packed, min(left, _PIECE_BYTES))
        packed = unpacker.unconsumed_tail
        if not piece:
            break
        made.append(packer.compress(piece))
        left -= len(piece)
    _demand(length, left)
    return b"".join(made) + packer.flush()


def pack(pixels: bytes, length: int) -> bytes:
    """Pack pixels that are unpacked already, and nothing behind them.

    Raises:
        Refused: There are far fewer of them than the picture has.
    """
    _demand(length, length - len(pixels))
    return zlib.compress(pixels[:length], _LEVEL)


def _demand(length: int, left: int) -> None:
    if left > length * _MAY_LACK:
        raise Refused("damaged")


def _count_components(picture: StreamObject) -> int:
    colours = 1 if entry(picture, "/ImageMask") else entry(picture, "/ColorSpace", "")
    if isinstance(colours, int):
        return colours
    if isinstance(colours, ArrayObject) and colours:
        kind = str(follow(colours[0]))
        if kind == "/ICCBased":
            return int(entry(colours[1], "/N", 3))
        if kind == "/DeviceN":
            return len(follow(colours[1]))
        colours = kind
    if str(colours) not in _COMPONENTS:
        raise Refused("damaged")
    return _COMPONENTS[str(colours)]
