"""A new PDF: numbered objects, a table of them, and a trailer that names the first and no more.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, 7.5.
"""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Final

from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NullObject,
    NumberObject,
    StreamObject,
)

from quietway.cleaning.worker.result import Refused

if TYPE_CHECKING:
    from pypdf.generic import PdfObject

MOST_OBJECTS: Final = 200_000
_HEADER: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class PdfFile:
    """A PDF in the making."""

    def __init__(self) -> None:
        self._objects: list[PdfObject] = []
        self._catalogue = DictionaryObject({NameObject("/Type"): NameObject("/Catalog")})
        self._pages = ArrayObject()
        self.tree = self.add(DictionaryObject({NameObject("/Type"): NameObject("/Pages")}))
        self.add(self._catalogue)

    def add(self, made: PdfObject | None = None) -> IndirectObject:
        """Number an object, or keep a number for one that is put later.

        Raises:
            Refused: There are too many.
        """
        if len(self._objects) >= MOST_OBJECTS:
            raise Refused("too_much_inside")
        self._objects.append(NullObject() if made is None else made)
        return IndirectObject(len(self._objects), 0, self)

    def put(self, place: IndirectObject, made: PdfObject) -> None:
        """Put an object where a number was kept for it."""
        self._objects[place.idnum - 1] = made

    def add_page(self, page: DictionaryObject) -> None:
        """Add a page behind the others."""
        page[NameObject("/Type")] = NameObject("/Page")
        page[NameObject("/Parent")] = self.tree
        self._pages.append(self.add(page))

    def write(self) -> bytes:
        """Write the file."""
        self._catalogue[NameObject("/Pages")] = self.tree
        tree = self._objects[0]
        if isinstance(tree, DictionaryObject):
            tree[NameObject("/Kids")] = self._pages
            tree[NameObject("/Count")] = NumberObject(len(self._pages))
        out, places = io.BytesIO(), []
        out.write(_HEADER)
        for number, held in enumerate(self._objects, 1):
            places.append(out.tell())
            out.write(b"%d 0 obj\n" % number)
            held.write_to_stream(out)
            out.write(b"\nendobj\n")
        table = out.tell()
        out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1))
        out.writelines(b"%010d 00000 n \n" % place for place in places)
        out.write(b"trailer\n<</Size %d /Root 2 0 R>>\n" % (len(places) + 1))
        out.write(b"startxref\n%d\n%%%%EOF\n" % table)
        return out.getvalue()


def make_stream(content: bytes, entries: DictionaryObject | None = None) -> StreamObject:
    """Make a stream, packed."""
    stream = StreamObject()
    stream.update(entries or {})
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    stream.set_data(zlib.compress(content))
    return stream
