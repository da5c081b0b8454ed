"""What a picture says besides its pixels, so that its sender learns what was removed.

This only tells: what is removed does not depend on it, since nothing but pixels crosses over. So it
looks for marks in the bytes and parses little, and may miss what is hidden well.

Spec: docs/spec/cleaning.md, "What comes back".
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

_MARKS: Final = (
    (b"http://ns.adobe.com/xap/1.0/", "xmp"),
    (b"<x:xmpmeta", "xmp"),
    (b"XML:com.adobe.xmp", "xmp"),
    (b"GPSLatitude", "gps"),
    (b"GPSLongitude", "gps"),
    (b"Photoshop 3.0\0", "iptc"),
    (b"MPF\0", "other_pictures"),
)
_GPS: Final = 0x8825
_DETAILS: Final = 0x8769
_MAKER_NOTE: Final = 0x927C
_THUMBNAILS: Final = 1
_THUMBNAIL: Final = 0x0201
_OF_ANY_TIFF: Final = frozenset(
    {*range(0x00FE, 0x0108), 0x0111, *range(0x0115, 0x011E), 0x0128, *range(0x013D, 0x0154)}
)
"""Tags that only say how pixels are stored."""
_PNG_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")


def list_marks(content: bytes) -> Iterator[str]:
    """List the codes of what a picture's bytes say besides, by the marks that begin it."""
    yield from (code for mark, code in _MARKS if mark in content)
    if content.startswith(b"\xff\xd8"):
        if b"\xff\xfe" in content[:4096]:
            yield "comments"
        if content[content.rfind(b"\xff\xd9") + 2 :].strip(b"\0"):
            yield "trailing"
    elif content.startswith(b"\x89PNG") and any(mark in content for mark in _PNG_TEXTS):
        yield "comments"


def list_exif(picture: Image.Image) -> Iterator[str]:
    """List what a picture's EXIF says, as far as it can be read."""
    with suppress(Exception):  # whatever is broken in it is removed all the same
        exif = picture.getexif()
        if exif.get_ifd(_GPS):
            yield "gps"
        if exif.get_ifd(_THUMBNAILS).get(_THUMBNAIL):
            yield "thumbnail"
        if _MAKER_NOTE in exif.get_ifd(_DETAILS):
            yield "maker_note"
        if set(exif) - _OF_ANY_TIFF:
            yield "exif"
