"""The content of a page: read operator by operator, and written without what is not seen.

Marks of structure and their properties (which may hold words) go, text in the invisible rendering
mode goes, and what belongs to a layer that is off goes: what would paint is left out, what sets the
state for later stays.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, 8.2, 8.11 and 9.3.6.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pypdf.generic import ContentStream, DictionaryObject, NameObject

from quietway.cleaning.worker.pdf_names import OF_PICTURES_WITHIN
from quietway.cleaning.worker.segments import strip_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PATHS: Final = frozenset(b"S s f F f* B B* b b* n".split())
_SHOWS: Final = frozenset(b"Tj TJ".split())
_SHOWS_BELOW: Final = frozenset((b"'", b'"'))
_PICTURE: Final = b"INLINE IMAGE"
_STATES: Final = frozenset(
    b"q Q cm w J j M d ri i gs m l c v y h re W W* BT ET Tc Tw Tz TL Tf Tr Ts Td TD Tm T* "
    b"d0 d1 CS cs SC SCN sc scn G g RG rg K k".split()
)
_BEGINS: Final = frozenset(b"BMC BDC".split())
_INVISIBLE: Final = 3
_DCT: Final = frozenset({"/DCT", "/DCTDecode"})


@dataclass(slots=True)
class Reading:
    """How far the content is read: the state that decides what is seen.

    Attributes:
        is_off: Says of a layer's name, or of an XObject's, whether it belongs to one that is off.
        removed: Codes of what was left out.
        drawn: The names of the XObjects that are drawn.
    """

    is_off: Callable[[str, str], bool]
    removed: set[str]
    drawn: set[str] = field(default_factory=set)
    mode: int = 0
    saved: list[int] = field(default_factory=list)
    layers: list[bool] = field(default_factory=list)

    @property
    def is_hidden(self) -> bool:
        """Whether this place belongs to a layer that is off."""
        return any(self.layers)


def rewrite(content: ContentStream, reading: Reading) -> bytes:
    """Write content anew, without what is not seen."""
    out = io.BytesIO()
    for operands, operator in content.operations:
        _follow(operands, operator, reading)
        if operator == _PICTURE:
            if not reading.is_hidden:
                _write_picture(out, operands)
            continue
        kept = _judge(operands, operator, reading)
        if kept is None:
            continue
        for operand in operands if kept == operator else ():
            operand.write_to_stream(out)
            out.write(b" ")
        out.write(kept + b"\n")
    return out.getvalue()


def _follow(operands: Any, operator: bytes, reading: Reading) -> None:
    """Follow the state: what is saved and restored, the mode of text, and the layers."""
    if operator == b"q":
        reading.saved.append(reading.mode)
    elif operator == b"Q" and reading.saved:
        reading.mode = reading.saved.pop()
    elif operator == b"Tr" and operands:
        reading.mode = int(operands[0])
    elif operator in _BEGINS:
        is_layer = operator == b"BDC" and len(operands) > 1 and operands[0] == "/OC"
        off = is_layer and reading.is_off("/Properties", str(operands[1]))
        reading.layers.append(off)
        if off:
            reading.removed.add("hidden_layers")
    elif operator == b"EMC" and reading.layers:
        reading.layers.pop()


def _judge(operands: Any, operator: bytes, reading: Reading) -> bytes | None:
    """Say what is written for an operator: itself, another one without operands, or nothing."""
    hidden = reading.is_hidden
    if operator in _STATES:
        return operator
    if operator in _PATHS:
        return b"n" if hidden else operator
    if operator in _SHOWS or operator in _SHOWS_BELOW:
        if not hidden and reading.mode != _INVISIBLE:
            return operator
        if not hidden:
            reading.removed.add("hidden_text")
        return b"T*" if operator in _SHOWS_BELOW else None
    if operator == b"Do" and operands and not hidden:
        return _judge_drawing(str(operands[0]), reading)
    return operator if operator == b"sh" and not hidden else None


def _judge_drawing(name: str, reading: Reading) -> bytes | None:
    if reading.is_off("/XObject", name):
        reading.removed.add("hidden_layers")
        return None
    reading.drawn.add(name)
    return b"Do"


def _write_picture(out: io.BytesIO, held: dict[str, Any]) -> None:
    """Write a picture that stands within the content."""
    settings, pixels = held["settings"], held["data"]
    kept = DictionaryObject(
        {NameObject(name): value for name, value in settings.items() if name in OF_PICTURES_WITHIN}
    )
    filters = settings.get("/F", settings.get("/Filter", ""))
    if filters in _DCT or (isinstance(filters, list) and _DCT & set(filters)):
        if isinstance(filters, list) and len(filters) > 1:
            return
        pixels = strip_jpeg(pixels)
    words = io.BytesIO()
    kept.write_to_stream(words)
    out.write(b"BI" + words.getvalue()[2:-2] + b"ID " + pixels + b"\nEI\n")
