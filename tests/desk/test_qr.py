"""QR codes: what was drawn is read back, as people photograph it, and a bomb is left packed."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from typing import TYPE_CHECKING, Final

import pytest
from PIL import Image, ImageChops, ImageFilter
from tests.controls import without

from quietway.testing import Sandbox
from quietway_desk.qr import MOST_PIXELS, draw_qr, is_picture, read_qr, write_qr
from quietway_desk.refusals import UsageRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEGINS: Final = "quietway-invitation:"
HALVES: Final = {" ": (0, 0), "\u2580": (1, 0), "\u2584": (0, 1), "\u2588": (1, 1)}


@pytest.fixture(scope="module")
def invitation() -> str:
    with Sandbox(seed=4) as sandbox:
        return sandbox.agency("HARBOR-SHELTER").partners.invite("Mercy").to_text()


def drawn(text: str, folder: Path) -> Image.Image:
    file = folder / "code.png"
    write_qr(text, file)
    with Image.open(file) as picture:
        return picture.convert("L")


def photographed(picture: Image.Image, folder: Path, kind: str = "PNG") -> Path:
    file = folder / f"photo.{kind.lower()}"
    picture.save(file, kind)
    return file


def on_a_table(picture: Image.Image, *, ground: int = 120) -> Image.Image:
    width, height = picture.size
    table = Image.new("L", (width * 2, height * 2), ground)
    table.paste(picture, (width // 2, height // 3))
    return table


def with_noise(picture: Image.Image, seed: int = 1) -> Image.Image:
    raw = random.Random(seed).randbytes(picture.width * picture.height)
    noise = Image.frombytes("L", picture.size, raw).point(lambda value: value // 4)
    return ImageChops.add(picture.point(lambda value: value * 3 // 4), noise)


def lean(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    corners = (-width * 0.06, -height * 0.03, 0, height, width, height * 1.04, width * 1.05, 0)
    return picture.transform(
        picture.size, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR, fillcolor=120
    )


TAKEN: Final[dict[str, Callable[[Image.Image], Image.Image]]] = {
    "as it is": lambda picture: picture,
    "on a table": on_a_table,
    "turned upside down": lambda picture: on_a_table(picture).rotate(180),
    "turned a little": lambda picture: on_a_table(picture).rotate(
        17, Image.Resampling.BILINEAR, fillcolor=120
    ),
    "half as large": lambda picture: picture.resize(
        (picture.width // 2, picture.height // 2), Image.Resampling.BILINEAR
    ),
    "three times as large": lambda picture: picture.resize((picture.width * 3, picture.height * 3)),
    "noisy": with_noise,
    "from the side": lambda picture: lean(on_a_table(picture)),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
    "turned, small and noisy": lambda picture: with_noise(
        on_a_table(picture)
        .rotate(-31, Image.Resampling.BILINEAR, fillcolor=120)
        .resize((picture.width * 3 // 2, picture.height * 3 // 2), Image.Resampling.BILINEAR)
    ),
    "light on dark": ImageChops.invert,
}


@pytest.mark.parametrize("how", TAKEN)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_was_drawn_is_read_from_a_photograph(
    how: str, kind: str, invitation: str, tmp_path: Path
) -> None:
    photo = photographed(TAKEN[how](drawn(invitation, tmp_path)), tmp_path, kind)
    assert read_qr(photo, begins=BEGINS) == invitation


def test_what_a_terminal_shows_is_a_code(invitation: str, tmp_path: Path) -> None:
    lines = draw_qr(invitation).splitlines()
    assert max(map(len, lines)) <= 100
    rows = [[HALVES[each][half] for each in line] for line in lines for half in (0, 1)]
    picture = Image.new("L", (len(rows[0]), len(rows)))
    picture.putdata([255 * value for row in rows for value in row])
    large = picture.resize((picture.width * 4, picture.height * 4), Image.Resampling.NEAREST)
    assert read_qr(photographed(large, tmp_path), begins=BEGINS) == invitation


def test_an_svg_is_one_file_that_loads_nothing(invitation: str, tmp_path: Path) -> None:
    file = tmp_path / "code.svg"
    write_qr(invitation, file)
    text = file.read_text("utf-8")
    assert "<svg" in text
    assert not re.search(r"href|<script|<image|url\(", text)
    assert file.stat().st_mode & 0o077 == 0


def test_a_picture_is_known_by_its_name(tmp_path: Path) -> None:
    assert [is_picture(tmp_path / name) for name in ("a.png", "a.SVG", "a.jpg", "a")] == [
        *(True, True),
        *(False, False),
    ]


def test_nothing_is_drawn_over_a_file(invitation: str, tmp_path: Path) -> None:
    file = tmp_path / "code.png"
    file.write_bytes(b"mine")
    with pytest.raises(UsageRefused, match="does not exist yet"):
        write_qr(invitation, file)
    assert file.read_bytes() == b"mine"


def test_a_photograph_without_a_code_of_ours_is_told(invitation: str, tmp_path: Path) -> None:
    blank = photographed(Image.new("L", (400, 400), 200), tmp_path)
    with pytest.raises(UsageRefused, match="no such code"):
        read_qr(blank, begins=BEGINS)
    other = photographed(drawn("https://example.org", tmp_path), tmp_path)
    with pytest.raises(UsageRefused, match="no such code"):
        read_qr(other, begins=BEGINS)
    assert invitation


def test_two_codes_in_one_photograph_are_not_chosen_between(
    invitation: str, tmp_path: Path
) -> None:
    one = drawn(invitation, tmp_path)
    (tmp_path / "code.png").unlink()
    other = drawn(BEGINS + "another", tmp_path).resize(one.size)
    both = Image.new("L", (one.width * 2, one.height), 255)
    both.paste(one, (0, 0))
    both.paste(other, (one.width, 0))
    with pytest.raises(UsageRefused, match="two codes"):
        read_qr(photographed(both, tmp_path), begins=BEGINS)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width: int, height: int) -> bytes:
    """Make a PNG of one colour: a small file that unpacks to `width * height` pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def refuse_the_bomb(tmp_path: Path, width: int, height: int) -> None:
    file = tmp_path / "bomb.png"
    file.write_bytes(bomb(width, height))
    assert file.stat().st_size < 1_000_000
    with pytest.raises(UsageRefused, match="could not be read"):
        read_qr(file, begins=BEGINS)


@pytest.mark.parametrize(("width", "height"), [(8_000, 8_000), (10_000, 10_000), (14_000, 14_000)])
def test_a_pixel_bomb_is_left_packed(width: int, height: int, tmp_path: Path) -> None:
    assert width * height > MOST_PIXELS
    refuse_the_bomb(tmp_path, width, height)


def test_control_without_the_bound_the_bomb_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_desk.qr:check_pixels", lambda _width, _height: None)
    with pytest.raises(AssertionError, match="no such code"):
        refuse_the_bomb(tmp_path, 8_000, 8_000)


@pytest.mark.parametrize("raw", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_refused_with_a_sentence(raw: bytes, tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(raw)
    for other in (file, tmp_path / "missing.png", tmp_path):
        with pytest.raises(UsageRefused, match="could not be read"):
            read_qr(other, begins=BEGINS)


def test_a_picture_in_a_format_of_no_camera_is_not_opened(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("L", (64, 64)).save(out, "TIFF")
    file = tmp_path / "photo.tiff"
    file.write_bytes(out.getvalue())
    with pytest.raises(UsageRefused, match="could not be read"):
        read_qr(file, begins=BEGINS)
