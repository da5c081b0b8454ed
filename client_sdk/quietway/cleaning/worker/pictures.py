"""Pictures: decoded to pixels, turned upright, brought into sRGB, and written anew.

Only pixels cross over, so whatever else a file held stays behind, known or not: EXIF with its
places, XMP, IPTC, maker notes, thumbnails, comments, colour profiles, further pictures. What stands
under full transparency is unseen and would travel, so transparency is painted on white.

Rules: how many pixels a picture claims is judged before one of them is unpacked.

Spec: docs/spec/cleaning.md, "Pictures".
"""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pi_heif.options
import zxingcpp
from PIL import (  # noqa: F401 - a plugin that is not imported now can't be opened later
    AvifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from quietway.cleaning.worker.result import Refused, Result
from quietway.cleaning.worker.sizes import check_pixels, measure_webp
from quietway.cleaning.worker.told import list_exif, list_marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.cleaning.worker.result import Progress

_FORMATS: Final = {
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "webp": ("WEBP",),
    "avif": ("AVIF",),
    "tiff": ("TIFF",),
}
_WRITTEN_AS: Final = {"heic": "jpeg", "avif": "jpeg"}
_MOST_PAGES: Final = 100
_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture of each orientation upright."""
_DEEP: Final = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_QUALITY: Final = 90
_WELL_READABLE: Final = 2_500
"""Pixels of the longer side of a picture in which codes are looked for."""

Image.preinit()
# Sizes are judged here and not there; what exceeds ours is refused before it is loaded.
Image.MAX_IMAGE_PIXELS = None
pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = False
pi_heif.options.DEPTH_IMAGES = False
pi_heif.options.AUX_IMAGES = False


def clean(kind: str, content: bytes, progress: Progress) -> Result:
    """Clean a picture.

    Raises:
        Refused: It is too large, moves, or can't be read.
    """
    warnings.simplefilter("ignore")
    removed = set(list_marks(content))
    if kind == "tiff":
        return _clean_pages(content, removed, progress)
    picture = _open_heic(content) if kind == "heic" else _open(kind, content)
    # A HEIC file says elsewhere how it is turned, and its library has turned it.
    plain = make_plain(picture, removed, is_to_turn=kind != "heic")
    written = _WRITTEN_AS.get(kind, kind)
    return Result(written, write_picture(plain, written), frozenset(removed), read_codes(plain))


def make_plain(picture: Image.Image, removed: set[str], *, is_to_turn: bool = True) -> Image.Image:
    """Give a picture's pixels alone: upright, sRGB or grey, with nothing beside them."""
    # Before the pixels: a TIFF's tags are read from the file, which is let go of with them.
    removed |= set(list_exif(picture))
    if "xmp" in picture.info:
        removed.add("xmp")
    picture.load()
    profile = picture.info.get("icc_profile")
    if profile:
        removed.add("colour_profile")
    upright = _turn(picture) if is_to_turn else picture
    if _is_transparent(upright):
        removed.add("transparency")
        upright = _paint_on_white(upright)
    return _let_go(_to_srgb(upright, profile))


def write_picture(plain: Image.Image, kind: str) -> bytes:
    """Write pixels as a new file."""
    out = io.BytesIO()
    if kind == "jpeg":
        plain.save(out, "JPEG", quality=_QUALITY, subsampling="4:4:4")
    elif kind == "webp":
        plain.save(out, "WEBP", quality=_QUALITY, method=2)
    else:
        plain.save(out, "PNG", compress_level=6)
    return out.getvalue()


def read_codes(plain: Image.Image) -> tuple[str, ...]:
    """Read what QR codes in a picture say: a code on a poster may be a link to a map."""
    factor = -(-max(plain.size) // _WELL_READABLE)
    found = zxingcpp.read_barcodes(plain.reduce(factor) if factor > 1 else plain)
    return tuple(code.text for code in found if code.text)


def _open(kind: str, content: bytes) -> Image.Image:
    if kind == "webp":
        check_pixels(measure_webp(content), len(content))
    try:
        picture = Image.open(io.BytesIO(content), formats=_FORMATS[kind])
    except Image.DecompressionBombError:
        raise Refused("too_many_pixels") from None
    check_pixels(picture.size, len(content))
    if kind != "jpeg" and getattr(picture, "n_frames", 1) > 1:
        raise Refused("animated")
    return picture


def _open_heic(content: bytes) -> Image.Image:
    # Nothing is decoded yet; the first of several pictures is the one that is shown.
    held = pi_heif.open_heif(io.BytesIO(content))
    check_pixels(held.size, len(content))
    picture: Image.Image = held.to_pillow()
    return picture


def _clean_pages(content: bytes, removed: set[str], progress: Progress) -> Result:
    texts: list[str] = []
    with Image.open(io.BytesIO(content), formats=_FORMATS["tiff"]) as file:
        pages = _list_pages(file, len(content))

        def make_pages() -> Iterator[Image.Image]:
            for done, page in enumerate(pages):
                file.seek(page)
                plain = make_plain(file, removed)
                texts.extend(read_codes(plain))
                yield plain
                progress(done + 1, len(pages))

        made = make_pages()
        out = io.BytesIO()
        next(made).save(
            out, "TIFF", compression="tiff_adobe_deflate", save_all=True, append_images=made
        )
    return Result("tiff", out.getvalue(), frozenset(removed), tuple(texts))


def _list_pages(file: Image.Image, length: int) -> range:
    """Judge every page of a TIFF before one of them is unpacked."""
    pixels = 0
    for page in range(_MOST_PAGES + 1):
        try:
            file.seek(page)
        except EOFError:
            return range(page)
        pixels += file.width * file.height
        check_pixels((pixels, 1), length)
    raise Refused("too_many_pages")


def _turn(picture: Image.Image) -> Image.Image:
    orientation = 1
    with suppress(Exception):  # a broken EXIF says nothing
        orientation = picture.getexif().get(_ORIENTATION, 1)
    if orientation not in _TURNS:
        return picture
    upright = picture.transpose(_TURNS[orientation])
    upright.info.update(picture.info)
    if picture.format != "TIFF":
        # Two of the largest pictures are held at once, and not three.
        picture.close()
    return upright


def _is_transparent(picture: Image.Image) -> bool:
    return picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info


def _paint_on_white(picture: Image.Image) -> Image.Image:
    seen = picture.convert("RGBA")
    white = Image.new("RGB", seen.size, "white")
    white.paste(seen, mask=seen.getchannel("A"))
    return white


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if picture.mode in _DEEP:
        return picture.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if profile and picture.mode in {"RGB", "CMYK"}:
        # A profile that is broken, or of another kind of picture, is only dropped.
        with suppress(ImageCms.PyCMSError, OSError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            turned = ImageCms.profileToProfile(
                picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if turned is not None:
                return turned
    if picture.mode in {"L", "RGB"}:
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _let_go(picture: Image.Image) -> Image.Image:
    """Give the same pixels as a picture that was read from no file and has nothing beside them."""
    plain = picture._new(picture.im)  # noqa: SLF001 - a public copy would take as much memory again
    plain.info.clear()
    return plain
