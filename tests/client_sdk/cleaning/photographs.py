"""Photographs as they come from telephones: with the place where they were taken in them."""

from __future__ import annotations

import io

import pillow_heif
from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo

pillow_heif.register_heif_opener()

ORIENTATION, DESCRIPTION, GPS, DETAILS, MAKER_NOTE = 0x0112, 0x010E, 0x8825, 0x8769, 0x927C
XMP_OF_TIFF = 700
NAMES = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tif",
    "AVIF": "avif",
    "HEIF": "heic",
    "MPO": "jpg",
}
MARKS = (
    b"Exif",
    b"EXIF",
    b"eXIf",
    b"xpacket",
    b"xmpmeta",
    b"GPS",
    b"Photoshop 3.0",
    b"ICC_PROFILE",
)
"""What an independent reader of bytes looks for."""
XMP = (
    b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b"<exif:GPSLatitude>48,8.5N</exif:GPSLatitude></x:xmpmeta><?xpacket end='w'?>"
)


def draw_scene(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Draw a picture whose corners differ, with soft colours that encoders keep well."""
    scene = Image.new("RGB", size, (200, 180, 160))
    pen = ImageDraw.Draw(scene)
    width, height = size
    pen.rectangle((0, 0, width // 2, height // 2), fill=(40, 90, 160))
    pen.rectangle((width // 2, height // 2, width, height), fill=(60, 140, 70))
    return scene


def note_place(orientation: int = 1) -> Image.Exif:
    """Write down what a telephone does: place, time, maker's notes."""
    exif = Image.Exif()
    exif[DESCRIPTION] = "the shelter"
    exif[ORIENTATION] = orientation
    exif.get_ifd(GPS).update({1: "N", 2: (48.0, 8.0, 30.0), 3: "E", 4: (11.0, 34.0, 30.0)})
    exif.get_ifd(DETAILS).update({MAKER_NOTE: b"serial 12345"})
    return exif


def take(form: str, orientation: int = 1, scene: Image.Image | None = None) -> bytes:
    """Take a photograph in a format, with everything in it that tells its place."""
    out = io.BytesIO()
    scene = scene or draw_scene()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = note_place(orientation)
    more: dict[str, object] = {"icc_profile": profile}
    if form == "PNG":
        notes = PngInfo()
        notes.add_text("Comment", "behind the church")
        notes.add_itxt("XML:com.adobe.xmp", XMP.decode())
        more["pnginfo"] = notes
    elif form == "TIFF":
        exif[XMP_OF_TIFF] = XMP
    elif form == "MPO":
        more |= {"save_all": True, "append_images": [scene.rotate(180)]}
    else:
        more["xmp"] = XMP
    if form in {"WEBP", "AVIF", "HEIF"}:
        more["quality"] = 95
    if form in {"JPEG", "MPO"}:
        more |= {"quality": 95, "subsampling": 0}
    if form == "JPEG":
        more["comment"] = b"behind the church"
    scene.save(out, form, exif=exif.tobytes(), **more)
    return out.getvalue()


def find_place(content: bytes) -> set[str]:
    """Look for a place as an independent reader does: by tags, and by marks in the bytes."""
    found = {mark.decode() for mark in MARKS if mark in content}
    with Image.open(io.BytesIO(content)) as picture:
        exif = picture.getexif()
        if exif.get_ifd(GPS):
            found.add("GPS tags")
        if exif.get_ifd(DETAILS) or exif.get(DESCRIPTION):
            found.add("EXIF tags")
        found |= set(picture.info) & {"exif", "xmp", "icc_profile", "comment", "photoshop"}
    return found
