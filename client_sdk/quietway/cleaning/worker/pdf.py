"""A PDF: a new one, of its pages and of what they are drawn with.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, 7.7, 8.11 and 12.5.
"""

from __future__ import annotations

import codecs
import io
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final

from pypdf import PdfReader, apply_configuration
from pypdf.errors import FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject, NameObject

from quietway.cleaning.frames import MOST_TEXT
from quietway.cleaning.worker.pdf_annotations import draw_annotations
from quietway.cleaning.worker.pdf_carry import Carrier
from quietway.cleaning.worker.pdf_entries import entry
from quietway.cleaning.worker.pdf_file import PdfFile, make_stream
from quietway.cleaning.worker.pdf_layers import find_layers
from quietway.cleaning.worker.result import Refused, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pypdf import PageObject

    from quietway.cleaning.worker.result import Progress

_MOST_PAGES: Final = 2_000
_MOST_UNPACKED: Final = 16 * 1024 * 1024
_MOST_TOKENS: Final = 500_000
_BOXES: Final = ("/MediaBox", "/CropBox", "/Rotate", "/UserUnit")
_OF_CATALOGUE: Final = {
    "/Metadata": "xmp",
    "/AcroForm": "form",
    "/OpenAction": "scripts",
    "/AA": "scripts",
    "/AF": "embedded",
    "/PieceInfo": "custom_data",
}
_OF_NAMES: Final = {"/JavaScript": "scripts", "/EmbeddedFiles": "embedded"}
_OF_PAGE: Final = {"/Thumb": "thumbnail", "/PieceInfo": "custom_data", "/AA": "scripts"}
_CODECS: Final = """
utf_16_be utf_16_le utf_8 latin_1 cp1252 mac_roman ascii gbk gb2312 gb18030 big5 big5hkscs cp950
cp936 cp949 euc_kr euc_jp shift_jis iso2022_jp charmap
"""

_NEEDED_LATER: Final = (
    "_cmap",
    "_codecs.core_font_metrics",
    "_text_extraction",
    "filters",
    "generic._font",
    "generic._image_inline",
    "generic._image_xobject",
    "xmp",
)


def clean(kind: str, content: bytes, progress: Progress) -> Result:
    """Clean a PDF.

    Raises:
        Refused: It is locked, broken, too large inside, or has redactions that were not made.
    """
    limits = apply_configuration(
        zlib_maximum_output_length=_MOST_UNPACKED,
        lzw_maximum_output_length=_MOST_UNPACKED,
        run_length_maximum_output_length=_MOST_UNPACKED,
        array_based_stream_maximum_output_length=_MOST_UNPACKED,
        stream_parsing_work_maximum_count=_MOST_TOKENS,
        page_tree_maximum_entries=4 * _MOST_PAGES,
        jbig2dec_binary=None,
        disable_legacy_handling=True,
    )
    try:
        with limits:
            return _rebuild(kind, content, progress)
    except LimitReachedError:
        raise Refused("too_much_inside") from None
    except FileNotDecryptedError:
        raise Refused("encrypted") from None


def _rebuild(kind: str, content: bytes, progress: Progress) -> Result:
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        raise Refused("encrypted")
    pages = reader.pages
    total = len(pages)
    if not total:
        raise Refused("damaged")
    if total > _MOST_PAGES:
        raise Refused("too_many_pages")
    file = PdfFile()
    catalogue = entry(reader.trailer, "/Root", DictionaryObject())
    carrier = Carrier(file, find_layers(catalogue))
    carrier.removed |= set(_list_told(reader, catalogue, content))
    texts, left = [], MOST_TEXT
    for done, page in enumerate(pages):
        file.add_page(_carry_page(carrier, file, page))
        if left > 0:
            texts.append(_read_words(page))
            left -= len(texts[-1])
        progress(done + 1, total)
    return Result(kind, file.write(), frozenset(carrier.removed), tuple(texts))


def _carry_page(carrier: Carrier, file: PdfFile, page: PageObject) -> DictionaryObject:
    carrier.removed |= {code for name, code in _OF_PAGE.items() if name in page}
    made = DictionaryObject(
        {NameObject(name): carrier.carry(page.raw_get(name)) for name in _BOXES if name in page}
    )
    written, resources = carrier.rewrite_content(
        entry(page, "/Contents"), entry(page, "/Resources")
    )
    drawn = draw_annotations(page, resources, carrier)
    made[NameObject("/Resources")] = resources
    made[NameObject("/Contents")] = file.add(make_stream(b"q\n" + written + b"Q\n" + drawn))
    if isinstance(group := entry(page, "/Group"), DictionaryObject):
        made[NameObject("/Group")] = carrier.carry_entries(group)
    return made


def _read_words(page: PageObject) -> str:
    """Read what a page says, text layers included; a page that can't be read says nothing."""
    with suppress(Exception):
        return page.extract_text()
    return ""


def _list_told(reader: PdfReader, catalogue: Any, content: bytes) -> Iterator[str]:
    yield from (code for name, code in _OF_CATALOGUE.items() if name in catalogue)
    if "/Info" in reader.trailer:
        yield "properties"
    names = entry(catalogue, "/Names", ())
    yield from (code for name, code in _OF_NAMES.items() if name in names)
    if content.count(b"startxref") > (2 if b"/Linearized" in content[:2048] else 1):
        yield "earlier_versions"


# Imported now, since nothing can be opened later: what the library imports when it needs it.
for _name in _CODECS.split():
    codecs.lookup(_name)
for _name in _NEEDED_LATER:
    import_module(f"pypdf.{_name}")
