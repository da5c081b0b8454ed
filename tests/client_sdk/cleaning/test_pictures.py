"""Pictures come out as pixels and nothing besides. Spec: docs/spec/cleaning.md, "Pictures"."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import segno
from PIL import Image, ImageChops, ImageCms, ImageStat
from tests.client_sdk.cleaning.photographs import NAMES, draw_scene, find_place, take
from tests.client_sdk.cleaning.rooms import clean_here
from tests.controls import without

from quietway.cleaning.worker import pictures
from quietway.cleaning.worker.result import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quietway.cleaning.cleaned import Cleaned
    from quietway.cleaning.worker.result import Result

FORMS = sorted(NAMES)


def open_plain(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def differ(left: Image.Image, right: Image.Image) -> float:
    """Say how much two pictures differ, in levels of 255 on average."""
    assert left.size == right.size
    return max(ImageStat.Stat(ImageChops.difference(left, right)).mean)


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("form", FORMS)
async def test_no_format_keeps_its_place(
    form: str, cleaned: Callable[..., Awaitable[Cleaned]]
) -> None:
    """A26: a photograph that is sent tells no place: 0 tags of EXIF, XMP or GPS, same pixels."""
    content = take(form)
    assert find_place(content) >= {"GPS tags", "EXIF tags"}
    new = await cleaned(content, f"IMG_1.{NAMES[form]}")
    written = new.path.read_bytes()
    assert find_place(written) == set()
    assert {"gps", "exif", "maker_note", "colour_profile"} <= set(new.removed)
    assert differ(open_plain(written), draw_scene()) < 3


@pytest.mark.parametrize("form", FORMS)
def test_control_without_the_pixels_alone_the_place_is_found(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(picture: Image.Image, _removed: set[str], **_: bool) -> Image.Image:
        return picture

    def write_all(plain: Image.Image, kind: str) -> bytes:
        out = io.BytesIO()
        plain.save(out, kind.upper(), exif=plain.getexif())
        return out.getvalue()

    def pass_on(content: bytes, removed: set[str], _: object) -> Result:
        del removed
        return pictures.Result("tiff", content)

    without(monkeypatch, "quietway.cleaning.worker.pictures:make_plain", keep)
    without(monkeypatch, "quietway.cleaning.worker.pictures:write_picture", write_all)
    without(monkeypatch, "quietway.cleaning.worker.pictures:_clean_pages", pass_on)
    assert "GPS tags" in find_place(clean_here(take(form)).content)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_camera_was_held(orientation: int) -> None:
    backwards = {5: 5, 6: 2, 7: 6, 8: 4, 2: 0, 3: 3, 4: 1}
    scene = draw_scene()
    held = scene
    if orientation in backwards:
        held = scene.transpose(Image.Transpose(backwards[orientation]))
    written = clean_here(take("JPEG", orientation, held)).content
    assert differ(open_plain(written), scene) < 3


def test_colours_of_another_profile_become_those_of_srgb() -> None:
    linear = ImageCms.createProfile("LAB")
    lab = Image.new("LAB", (8, 8), (128, 160, 100))
    out = io.BytesIO()
    lab.save(out, "TIFF", icc_profile=ImageCms.ImageCmsProfile(linear).tobytes())
    written = open_plain(clean_here(out.getvalue()).content)
    wanted = ImageCms.profileToProfile(
        lab, linear, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert wanted is not None
    assert differ(written, wanted) < 6


def test_what_stands_under_transparency_does_not_travel() -> None:
    picture = draw_scene().convert("RGBA")
    picture.putalpha(0)
    out = io.BytesIO()
    picture.save(out, "PNG")
    new = clean_here(out.getvalue())
    assert "transparency" in new.removed
    assert open_plain(new.content).getcolors() == [(96 * 64, (255, 255, 255))]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16", "CMYK", "YCbCr"])
def test_every_mode_of_pixels_comes_out_as_grey_or_colour(mode: str) -> None:
    out, form = io.BytesIO(), "TIFF" if mode in {"CMYK", "YCbCr"} else "PNG"
    if mode == "I;16":
        Image.new("I;16", (8, 8), 0x8000).save(out, form)
    else:
        draw_scene().convert(mode).save(out, form)
    with Image.open(io.BytesIO(clean_here(out.getvalue()).content)) as picture:
        assert picture.mode in {"L", "RGB"}


def test_what_hangs_behind_a_picture_is_gone() -> None:
    new = clean_here(take("JPEG") + b"\0\0\0\x18ftypmp42 a short film")
    assert "trailing" in new.removed
    assert b"ftyp" not in new.content


def test_pages_of_a_tiff_are_each_cleaned() -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(take("TIFF"))).save(
        out, "TIFF", save_all=True, append_images=[draw_scene().rotate(180)]
    )
    written = clean_here(out.getvalue()).content
    assert find_place(written) == set()
    with Image.open(io.BytesIO(written)) as pages:
        assert pages.n_frames == 2
        pages.seek(1)
        assert differ(pages.convert("RGB"), draw_scene().rotate(180)) < 3


def test_a_code_in_a_picture_is_read_for_the_guard() -> None:
    out = io.BytesIO()
    segno.make("https://maps.example/417-elm").save(out, kind="png", scale=6)
    assert clean_here(out.getvalue()).texts == ("https://maps.example/417-elm",)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_picture_that_moves_is_refused(form: str) -> None:
    out, scene = io.BytesIO(), draw_scene()
    scene.save(out, form, save_all=True, append_images=[scene.rotate(180)])
    with pytest.raises(Refused, match="animated"):
        clean_here(out.getvalue())
