"""What of a PDF's objects crosses into the new one: what pages are drawn with, by a list of names.

Whatever a name is not in the list for stays behind, known or not: a key of metadata that a program
of next year writes is left out like those of today. Objects are carried once; content is rewritten,
fonts and functions are unpacked and packed anew, pictures keep their packed pixels.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, chapters 8 and 9.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from PIL import (  # noqa: F401 - a plugin that is not imported now can't be later
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    TiffImagePlugin,
)
from pypdf.generic import (
    ArrayObject,
    ContentStream,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NullObject,
    StreamObject,
)

from quietway.cleaning.worker.pdf_content import Reading, rewrite
from quietway.cleaning.worker.pdf_entries import entry, follow
from quietway.cleaning.worker.pdf_file import make_stream
from quietway.cleaning.worker.pdf_names import (
    CROSS,
    NAMED_BY_PAGES,
    OF_ONE,
    OF_PACKING,
    OF_STREAMS,
)
from quietway.cleaning.worker.pdf_pixels import (
    FLATE,
    OF_FAX,
    UNPACKED_HERE,
    measure_pixels,
    pack,
    repack,
)
from quietway.cleaning.worker.result import Refused
from quietway.cleaning.worker.segments import strip_jpeg, strip_jpeg2000
from quietway.cleaning.worker.sizes import check_pixels
from quietway.cleaning.worker.told import list_exif, list_marks

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pypdf.generic import PdfObject

    from quietway.cleaning.worker.pdf_file import PdfFile

Image.preinit()
MOST_UNPACKED: Final = 64 * 1024 * 1024
_OF_ICC: Final = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}
_CONTENT: Final = "content"
"""The name under which a stream is content, whatever it says of itself."""
_STRIPPED: Final = {"/DCTDecode": strip_jpeg, "/JPXDecode": strip_jpeg2000}


class Carrier:
    """Carries objects from one PDF into another.

    Args:
        file: The new one.
        is_off: Says of an optional-content entry whether its layer is off.

    Attributes:
        removed: Codes of what stayed behind.
    """

    def __init__(self, file: PdfFile, is_off: Callable[[Any], bool]) -> None:
        self._file = file
        self._is_layer_off = is_off
        self._carried: dict[tuple[int, int], IndirectObject] = {}
        self._unpacked = 0
        self.removed: set[str] = set()

    def carry(self, held: Any, name: str = "") -> PdfObject:
        """Carry an object, and what it needs."""
        if isinstance(held, IndirectObject):
            return self._carry_numbered(held, name)
        if isinstance(held, StreamObject):
            return self._file.add(self._carry_stream(held, name))
        if isinstance(held, DictionaryObject):
            return self.carry_entries(held, name)
        if isinstance(held, ArrayObject):
            return self._carry_array(held, name)
        return held if held is not None else NullObject()

    def carry_entries(self, held: DictionaryObject, name: str = "") -> DictionaryObject:
        """Carry the entries of a dictionary that may cross."""
        of_own_names = name in NAMED_BY_PAGES
        within = _CONTENT if name == "/CharProcs" else name + OF_ONE
        return DictionaryObject(
            {
                NameObject(key): self.carry(held.raw_get(key), within if of_own_names else key)
                for key in list(held)
                if of_own_names or key in CROSS
            }
        )

    def carry_resources(self, held: Any, drawn: set[str]) -> DictionaryObject:
        """Carry the resources of content; of what can be drawn, what is."""
        made = DictionaryObject()
        for name in sorted(NAMED_BY_PAGES):
            found = entry(held, name)
            if isinstance(found, DictionaryObject) and not isinstance(found, StreamObject):
                kept = (each for each in found if name != "/XObject" or each in drawn)
                chosen = DictionaryObject({each: found.raw_get(each) for each in kept})
                made[NameObject(name)] = self.carry_entries(chosen, name)
        return made

    def carry_form(self, held: StreamObject) -> PdfObject:
        """Carry what an annotation shows, as a form."""
        place = held.indirect_reference
        if place is not None and (place.idnum, place.generation) in self._carried:
            return self._carried[place.idnum, place.generation]
        made = self._carry_stream(held, _CONTENT)
        made[NameObject("/Subtype")] = NameObject("/Form")
        kept = self._file.add(made)
        if place is not None:
            self._carried[place.idnum, place.generation] = kept
        return kept

    def is_off(self, held: DictionaryObject) -> bool:
        """Say whether an XObject or an annotation belongs to a layer that is off."""
        return "/OC" in held and self._is_layer_off(held.raw_get("/OC"))

    def rewrite_content(self, content: Any, resources: Any) -> tuple[bytes, DictionaryObject]:
        """Read content and write it without what is not seen; carry what it is drawn with."""
        stream = ContentStream(content, None)
        self._count(len(stream.get_data()))
        reading = Reading(self._ask_of(resources), self.removed)
        written = rewrite(stream, reading)
        return written, self.carry_resources(resources, reading.drawn)

    def _ask_of(self, resources: Any) -> Callable[[str, str], bool]:
        def is_off(kind: str, name: str) -> bool:
            known = entry(resources, kind)
            if not isinstance(known, DictionaryObject) or name not in known:
                return False
            return (
                self.is_off(follow(known.raw_get(name)))
                if kind == "/XObject"
                else (self._is_layer_off(known.raw_get(name)))
            )

        return is_off

    def _carry_numbered(self, held: IndirectObject, name: str) -> PdfObject:
        number = (held.idnum, held.generation)
        if number not in self._carried:
            found = held.get_object()
            place = self._file.add()
            self._carried[number] = place
            if isinstance(found, StreamObject):
                self._file.put(place, self._carry_stream(found, name))
            else:
                self._file.put(place, self.carry(found, name))
        return self._carried[number]

    def _carry_array(self, held: ArrayObject, name: str) -> PdfObject:
        if len(held) > 1 and held[0] == "/ICCBased":
            self.removed.add("colour_profile")
            return NameObject(_OF_ICC.get(int(entry(held[1], "/N", 3)), "/DeviceRGB"))
        within = name + OF_ONE if name in NAMED_BY_PAGES else name
        return ArrayObject([self.carry(each, within) for each in held])

    def _carry_stream(self, held: StreamObject, name: str) -> StreamObject:
        kind = entry(held, "/Subtype")
        if kind == "/Form" or entry(held, "/PatternType") == 1 or name == _CONTENT:
            return self._carry_content(held)
        entries = self.carry_entries(held)
        if kind == "/Image":
            return self._carry_picture(held, entries)
        if name.removesuffix(OF_ONE) not in OF_STREAMS:
            return make_stream(b"")
        content = held.get_data()
        self._count(len(content))
        return make_stream(content, entries)

    def _carry_content(self, held: StreamObject) -> StreamObject:
        written, resources = self.rewrite_content(held, entry(held, "/Resources"))
        kept = DictionaryObject({key: held.raw_get(key) for key in held if key != "/Resources"})
        entries = self.carry_entries(kept)
        if "/Resources" in held:
            entries[NameObject("/Resources")] = resources
        return make_stream(written, entries)

    def _carry_picture(self, held: StreamObject, entries: DictionaryObject) -> StreamObject:
        filters = entry(held, "/Filter", ArrayObject())
        filters = [filters] if isinstance(filters, str) else [follow(each) for each in filters]
        stream = StreamObject()
        stream.update(entries)
        if filters and filters[-1] in _STRIPPED:
            content = held.get_data()
            self._count(len(content))
            self._tell(content)
            stream[NameObject("/Filter")] = NameObject(filters[-1])
            stream.set_data(_STRIPPED[filters[-1]](content))
        elif filters and filters[-1] in OF_FAX and len(filters) == 1:
            check_pixels(_measure(held), len(held._data))  # noqa: SLF001 - it stays as it is packed
            stream[NameObject("/Filter")] = NameObject(filters[-1])
            if "/DecodeParms" in held:
                packing = self._carry_packing(held.raw_get("/DecodeParms"))
                stream[NameObject("/DecodeParms")] = packing
            stream.set_data(held._data)  # noqa: SLF001
        elif set(filters) <= UNPACKED_HERE:
            self._carry_pixels(held, stream, filters)
        else:
            raise Refused("damaged")
        return stream

    def _carry_pixels(self, held: StreamObject, stream: StreamObject, filters: list[str]) -> None:
        """Carry the pixels of a picture that is packed without loss."""
        stream[NameObject("/Filter")] = NameObject(FLATE)
        parameters = entry(held, "/DecodeParms")
        if isinstance(parameters, ArrayObject):
            parameters = follow(parameters[0]) if parameters else None
        if filters == [FLATE]:
            if parameters is not None:
                stream[NameObject("/DecodeParms")] = self._carry_packing(parameters)
            stream.set_data(repack(held._data, measure_pixels(held, parameters)))  # noqa: SLF001
        else:
            pixels = held.get_data()
            self._count(len(pixels))
            stream.set_data(pack(pixels, measure_pixels(held, None)))

    def _carry_packing(self, held: Any) -> PdfObject:
        """Carry how a picture is packed."""
        found = held.get_object() if isinstance(held, IndirectObject) else held
        if isinstance(found, ArrayObject):
            return ArrayObject([self._carry_packing(each) for each in found])
        if isinstance(found, DictionaryObject) and not isinstance(found, StreamObject):
            return DictionaryObject(
                {
                    NameObject(key): self.carry(found.raw_get(key))
                    for key in list(found)
                    if key in OF_PACKING
                }
            )
        return self.carry(found)

    def _tell(self, content: bytes) -> None:
        self.removed |= set(list_marks(content))
        with suppress(Exception):  # it only tells
            self.removed |= set(list_exif(Image.open(io.BytesIO(content), formats=("JPEG", "MPO"))))

    def _count(self, length: int) -> None:
        self._unpacked += length
        if self._unpacked > MOST_UNPACKED:
            raise Refused("too_much_inside")


def _measure(held: StreamObject) -> tuple[int, int]:
    return int(entry(held, "/Width", 0)), int(entry(held, "/Height", 0))
