"""QR codes: a text drawn for the other side's camera, and read back from a photograph of one.

A photograph is somebody else's file: its size is looked at before it is read, and how many pixels
it claims before one of them is unpacked, so that a small file can't take a machine's memory. Only
the plain formats of cameras and screenshots are opened, and of a code only the text is used that
begins as it must.

Rules: what is drawn may be a secret (an invitation is), so a file of it is for this user alone and
never over another. Nothing is kept of a photograph.

Spec: docs/reference/desk.md, "quietway partner".
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Final

from quietway_desk.files import write_new
from quietway_desk.refusals import UsageRefused

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image as Picture
    from segno import QRCode

PICTURES: Final = frozenset({".png", ".svg"})
MOST_FILE_BYTES: Final = 20_000_000
MOST_PIXELS: Final = 50_000_000
"""A telephone's camera has 12 to 50 million."""
_WELL_READABLE: Final = (2_000, 2_000)
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_ERROR_LEVEL: Final = "m"
_PIXELS_A_MODULE: Final = 6
_NO_PICTURE: Final = (
    "The photograph could not be read. Save it as JPEG or PNG, at most 20 MB and 50 million "
    "pixels, then try again."
)


def draw_qr(text: str) -> str:
    """Draw a text as a QR code in lines of half blocks, for a terminal."""
    out = io.StringIO()
    _make(text).terminal(out, compact=True)
    return out.getvalue().rstrip("\n")


def is_picture(file: Path) -> bool:
    """Tell by its name whether a file is to be a picture."""
    return file.suffix.lower() in PICTURES


def write_qr(text: str, file: Path) -> None:
    """Draw a text as a QR code into a new file for this user alone: SVG or PNG, by its name.

    Raises:
        UsageRefused: It could not be written, or there is a file already.
    """
    out = io.BytesIO()
    _make(text).save(out, kind=file.suffix.lower().removeprefix("."), scale=_PIXELS_A_MODULE)
    write_new(file, out.getvalue())


def read_qr(file: Path, *, begins: str) -> str:
    """Read the one QR code of a photograph whose text begins as it must.

    Args:
        file: JPEG, PNG or WebP; of any orientation.
        begins: As `quietway-invitation:`.

    Raises:
        UsageRefused: No readable picture, too large a one, no such code in it, or two of them.
    """
    import zxingcpp  # noqa: PLC0415 - of all commands only those with a photograph need it

    found = {
        code.text
        for code in zxingcpp.read_barcodes(
            _open(_read(file)),
            formats=zxingcpp.barcode_formats_from_str("QRCode"),
            text_mode=zxingcpp.TextMode.Plain,
        )
    }
    texts = [text for text in found if text.startswith(begins)]
    if len(texts) > 1:
        raise UsageRefused("There are two codes in the photograph: take one of the right code.")
    if not texts:
        raise UsageRefused(
            "There is no such code in the photograph. Take another: the whole code, straight from "
            "the front, sharp and without a reflection."
        )
    return texts[0]


def _make(text: str) -> QRCode:
    import segno  # noqa: PLC0415 - of all commands only those that draw need it

    return segno.make_qr(text, error=_ERROR_LEVEL)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MOST_FILE_BYTES + 1)
    except OSError:
        raise UsageRefused(_NO_PICTURE) from None
    if len(raw) > MOST_FILE_BYTES:
        raise UsageRefused(_NO_PICTURE)
    return raw


def _open(raw: bytes) -> Picture:
    from PIL import Image  # noqa: PLC0415 - as above

    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb before it refuses a larger one; here both are refused.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(raw), formats=_FORMATS)
            check_pixels(*picture.size)
            # A JPEG is unpacked no larger than is needed to read it.
            picture.draft("L", _WELL_READABLE)
            return picture.convert("L")
    except Exception:  # noqa: BLE001 - a decoder of pictures raises whatever it likes
        raise UsageRefused(_NO_PICTURE) from None


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture that would take more memory than a photograph does.

    Raises:
        UsageRefused: It claims more than 50 million pixels.
    """
    if width * height > MOST_PIXELS:
        raise UsageRefused(_NO_PICTURE)
