"""Files that are made to take a machine's memory or time: small, and enormous inside.

    python -m tests.client_sdk.cleaning.bombs HOME

has each of them cleaned, one after the other, and prints what was answered and how much memory the
largest of the cleaning processes took, in kilobytes.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import resource
import struct
import sys
import zipfile
import zlib
from pathlib import Path

from PIL import Image
from tests.client_sdk.cleaning.documents import BODY, W, write_docx
from tests.client_sdk.cleaning.pages import list_objects, stream, write_pdf
from tests.client_sdk.cleaning.photographs import take

from quietway.attaching.sealed_file import Source
from quietway.attaching.staging import staged
from quietway.cleaning.cleaning import CLEANING, clean
from quietway.errors import AttachmentUnfit

_MEGABYTE = bytes(1_000_000)


def pack_zeros(megabytes: int) -> bytes:
    """Pack zeros as one stream, a thousand times smaller; its end is missing, which nobody sees."""
    return b"".join(_list_blocks(megabytes))


def pack_ten_gigabytes() -> bytes:
    """Pack ten gigabytes of zeros twice, into some ten kilobytes: each block again a stream."""
    first, again, *_ = _list_blocks(2)
    outer = zlib.compressobj(9)
    packed = outer.compress(first) + b"".join(outer.compress(again) for _ in range(9_999))
    return packed + outer.flush()


def _list_blocks(megabytes: int) -> list[bytes]:
    packer = zlib.compressobj(9)
    first = packer.compress(_MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(_MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return [first] + [again] * (megabytes - 1)


def write_png(width: int, height: int, *more: tuple[bytes, bytes]) -> bytes:
    """Write a PNG that claims a size, with further chunks."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), *more]
    chunks += [(b"IDAT", pack_zeros(1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def write_tiff(pages: int) -> bytes:
    """Write a TIFF whose pages are one and the same, as often as is asked."""
    out = io.BytesIO()
    Image.new("1", (8, 8)).save(out, "TIFF")
    one = out.getvalue()
    first = struct.unpack_from("<I", one, 4)[0]
    count = struct.unpack_from("<H", one, first)[0]
    entries = one[first : first + 2 + 12 * count]
    directories, at = b"", len(one)
    for page in range(pages):
        following = at + (page + 1) * (len(entries) + 4)
        directories += entries + struct.pack("<I", following if page + 1 < pages else 0)
    return one[:4] + struct.pack("<I", at) + one[8:] + directories


def claim_size(content: bytes, mark: bytes, at: int, size: bytes) -> bytes:
    """Write another size behind each mark of a picture."""
    changed, place = bytearray(content), content.find(mark)
    while place >= 0:
        changed[place + len(mark) + at : place + len(mark) + at + len(size)] = size
        place = content.find(mark, place + 1)
    return bytes(changed)


def write_jpeg(width: int, height: int) -> bytes:
    """Write a JPEG that claims a size."""
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, "JPEG")
    return claim_size(out.getvalue(), b"\xff\xc0", 3, struct.pack(">HH", height, width))


def pdf_with(content: bytes, filters: str) -> bytes:
    """Write a PDF whose page has this content."""
    return write_pdf(list_objects() | {4: stream(content, f"/Filter [{filters}]")})


def zip_of(name: str, megabytes: int) -> bytes:
    """Write a package with one enormous part."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package,
        package.open(name, "w") as part,
    ):
        for _ in range(megabytes):
            part.write(_MEGABYTE)
    return out.getvalue()


def docx_with(document: str) -> bytes:
    """Write a DOCX whose document is this."""
    return write_docx(more={"word/document.xml": document.encode()})


def list_laughs() -> str:
    """Write entities of entities of entities."""
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!DOCTYPE l [<!ENTITY l0 "ha">{lines}]><w:document xmlns:w="{W}">&l11;</w:document>'


def list_bombs() -> dict[str, tuple[bytes, str]]:
    """List the bombs, each with why it is refused."""
    heic, webp = take("HEIF"), b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6 + bytes(20)
    return {
        "gzip": (gzip.compress(_MEGABYTE), "archive"),
        "zip of 101 MB": (zip_of("a.txt", 101), "too_much_inside"),
        "zip of a zip": (zip_of("a.zip", 1), "archive"),
        "PDF of 10 GB": (
            pdf_with(pack_ten_gigabytes(), "/FlateDecode /FlateDecode"),
            "too_much_inside",
        ),
        "PDF of 40 MB": (pdf_with(pack_zeros(40), "/FlateDecode"), "too_much_inside"),
        "PDF of tokens": (
            pdf_with(zlib.compress(b"0 " * 4_000_000), "/FlateDecode"),
            "too_much_inside",
        ),
        "PNG of 10 gigapixels": (write_png(100_000, 100_000), "too_many_pixels"),
        "PNG of 40 megapixels in 1 KB": (write_png(8_000, 5_000), "too_many_pixels"),
        "PNG with a text of 100 MB": (
            write_png(8, 8, (b"zTXt", b"Comment\0\0" + pack_zeros(100))),
            "damaged",
        ),
        "PNG with a profile of 100 MB": (
            write_png(8, 8, (b"iCCP", b"ICC\0\0" + pack_zeros(100))),
            "damaged",
        ),
        "JPEG of 4 gigapixels": (write_jpeg(65_000, 65_000), "too_many_pixels"),
        "WebP of 280 terapixels": (webp, "too_many_pixels"),
        "HEIC of 900 megapixels": (
            claim_size(heic, b"ispe", 4, struct.pack(">II", 30_000, 30_000)),
            "too_many_pixels",
        ),
        "TIFF of 5,000 pages": (write_tiff(5_000), "too_many_pages"),
        "DOCX of 1 billion laughs": (docx_with(list_laughs()), "too_much_inside"),
        "DOCX of 20 MB": (docx_with(f"<a>{' ' * 20_000_000}</a>"), "too_much_inside"),
        "DOCX of 2 million elements": (
            docx_with(f'<w:document xmlns:w="{W}">{"<w:p/>" * 1_300_000}</w:document>'),
            "too_much_inside",
        ),
        "DOCX nested 100,000 deep": (
            docx_with(f'<w:document xmlns:w="{W}">{"<w:p>" * 100_000}{BODY[:0]}</w:document>'),
            "damaged",
        ),
    }


async def answer(content: bytes, home: Path) -> str:
    """Have a file cleaned; returns why it was refused, or nothing."""
    try:
        place = staged(home, CLEANING, b"bomb")
        await clean(Source.of(content), name="", media_type="", place=place)
    except AttachmentUnfit as unfit:
        return unfit.reason
    return ""


async def main() -> None:
    """Answer for each bomb."""
    home = Path(sys.argv[1])
    answers = {name: await answer(content, home) for name, (content, _) in list_bombs().items()}
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sys.stdout.write(json.dumps({"answers": answers, "kilobytes": most}))


if __name__ == "__main__":
    asyncio.run(main())
