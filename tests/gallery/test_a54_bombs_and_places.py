"""Row 54: bombs, and the place of the shelter in a photograph.

One sender means harm: a file of some kilobytes unpacks to gigabytes, as a picture, a PDF, a DOCX or
an archive, and takes the memory of whoever looks into it (Bridgefy: one message shut the network).
Another is careless: the photograph of a child's drawing carries the coordinates of the shelter.
Defences: every file is written anew from what it shows before it is sealed, by a process with
limits of memory and time, and sizes are judged before anything is unpacked. What was received is
never unpacked at all.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zlib
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.cleaning.bombs import list_bombs, write_png, zip_of
from tests.client_sdk.cleaning.pages import list_objects, stream, write_pdf
from tests.client_sdk.cleaning.photographs import MARKS, find_place, take
from tests.client_sdk.cleaning.rooms import clean_here
from tests.controls import without
from tests.house.pages import ROOT

from quietway.attaching.sealed_file import Source
from quietway.attaching.staging import staged
from quietway.cleaning.cleaning import CLEANING, clean
from quietway.cleaning.worker.package import open_package, unpack
from quietway.cleaning.worker.result import Refused

if TYPE_CHECKING:
    import zipfile
    from contextlib import AbstractContextManager
    from pathlib import Path

ALLOWED_KILOBYTES = 200 * 1024


@pytest.mark.requirement("A26")
def test_no_bomb_takes_two_hundred_megabytes(tmp_path: Path) -> None:
    """A26: what looks into files for places bears any file: bombs are refused, within bounds."""
    # In a program of its own, since the system tells memory of the largest child only.
    done = subprocess.run(
        [sys.executable, "-m", "tests.client_sdk.cleaning.bombs", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    told, bombs = json.loads(done.stdout), list_bombs()
    assert len(bombs["PDF of 10 GB"][0]) < 40_000
    assert told["answers"] == {name: reason for name, (_, reason) in bombs.items()}
    assert told["kilobytes"] < ALLOWED_KILOBYTES
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("form", ["JPEG", "HEIF"])
async def test_a_photograph_that_is_sent_has_no_tag(form: str, tmp_path: Path) -> None:
    """A26: a photograph tells no place: 0 tags of EXIF, XMP and GPS in what is sealed."""
    content = take(form)
    assert "GPS tags" in find_place(content)
    place = staged(tmp_path, CLEANING, b"one")
    await clean(Source.of(content), name="", media_type="", place=place)
    assert find_place(place.read_bytes()) == set()


async def test_a_pdf_that_is_sent_has_no_tag(tmp_path: Path) -> None:
    content = write_pdf(list_objects())
    assert sum(mark in content for mark in MARKS) > 3
    place = staged(tmp_path, CLEANING, b"one")
    await clean(Source.of(content), name="", media_type="", place=place)
    assert [mark for mark in MARKS if mark in place.read_bytes()] == []


def test_control_without_the_cap_a_kilobyte_becomes_forty_million_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = write_png(8_000, 5_000)
    with pytest.raises(Refused, match="too_many_pixels"):
        clean_here(content)
    seen: list[int] = []

    def let_through(size: tuple[int, int], _: int) -> None:
        seen.append(size[0] * size[1])

    without(monkeypatch, "quietway.cleaning.worker.pictures:check_pixels", let_through)
    with pytest.raises(Refused, match="damaged"):  # unpacked to the end, of which a part is missing
        clean_here(content)
    assert seen == [40_000_000]


def test_control_without_the_limit_a_part_is_unpacked_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = open_package(zip_of("word/document.xml", 40))
    with pytest.raises(Refused, match="too_much_inside"):
        unpack(package, "word/document.xml", 8_000_000)

    def read_all(package: zipfile.ZipFile, name: str, _: int) -> bytes:
        return package.read(name)

    without(monkeypatch, "quietway.cleaning.worker.docx:unpack", read_all)
    from quietway.cleaning.worker import docx  # noqa: PLC0415 - as it is without the defence

    assert len(docx.unpack(package, "word/document.xml", 8_000_000)) == 40_000_000


def test_control_without_the_limit_a_stream_is_unpacked_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = list_objects()
    objects[5] = b"<</Type /Font /FontDescriptor <</FontFile 21 0 R>>>>"
    objects[21] = stream(zlib.compress(bytes(20_000_000)), "/Filter /FlateDecode")
    with pytest.raises(Refused, match="too_much_inside"):
        clean_here(write_pdf(objects))

    def limit_nothing(**_: object) -> AbstractContextManager[None]:
        return nullcontext()

    without(monkeypatch, "quietway.cleaning.worker.pdf:apply_configuration", limit_nothing)
    assert clean_here(write_pdf(objects)).kind == "pdf"


def test_control_without_the_pixels_alone_the_place_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def copy(plain: object, _: str) -> bytes:
        del plain
        return io.BytesIO(take("JPEG")).getvalue()

    without(monkeypatch, "quietway.cleaning.worker.pictures:write_picture", copy)
    assert "GPS tags" in find_place(clean_here(take("JPEG")).content)
