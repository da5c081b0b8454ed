"""What annotations and form fields show: drawn into the page, and they themselves left behind.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, 12.5.5 (appearance streams).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pypdf.generic import DictionaryObject, NameObject, StreamObject

from quietway.cleaning.worker.pdf_entries import entry, follow, members
from quietway.cleaning.worker.result import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pypdf import PageObject

    from quietway.cleaning.worker.pdf_carry import Carrier

_MOST: Final = 5_000
_UNSEEN: Final = 0x02 | 0x20
"""The flags Hidden and NoView."""
_NOT_DRAWN: Final = frozenset(
    {"/Popup", "/Link", "/Text", "/FileAttachment", "/Sound", "/Movie", "/Screen", "/3D"}
    | {"/RichMedia", "/PrinterMark", "/TrapNet"}
)
_CODES: Final = {"/Link": "links", "/Widget": "form", "/FileAttachment": "embedded"}


def draw_annotations(page: PageObject, resources: DictionaryObject, carrier: Carrier) -> bytes:
    """Give what draws the annotations of a page, and add to its resources what that needs.

    Raises:
        Refused: A redaction was marked and not made, or there are too many.
    """
    drawn = []
    for number, annotation in enumerate(_list_annotations(page)):
        if number >= _MOST:
            raise Refused("too_much_inside")
        kind = str(entry(annotation, "/Subtype"))
        if kind == "/Redact":
            raise Refused("unmade_redaction")
        carrier.removed.add(_CODES.get(kind, "annotations"))
        shown = _find_appearance(annotation)
        if shown is None or kind in _NOT_DRAWN or int(entry(annotation, "/F", 0)) & _UNSEEN:
            continue
        if (placed := _place(annotation, shown)) is None or carrier.is_off(annotation):
            continue
        name = f"/Drawn{number}"
        _add_form(resources, name, carrier.carry_form(shown))
        drawn.append(b"q %s cm %s Do Q\n" % (placed, name.encode()))
    return b"".join(drawn)


def _list_annotations(page: PageObject) -> Iterator[DictionaryObject]:
    for each in members(entry(page, "/Annots")):
        found = follow(each)
        if isinstance(found, DictionaryObject):
            yield found


def _find_appearance(annotation: DictionaryObject) -> StreamObject | None:
    """Find what an annotation shows in its present state."""
    shown = entry(entry(annotation, "/AP"), "/N")
    if isinstance(shown, DictionaryObject) and not isinstance(shown, StreamObject):
        shown = entry(shown, str(entry(annotation, "/AS", "/Off")))
    return shown if isinstance(shown, StreamObject) else None


def _place(annotation: DictionaryObject, shown: StreamObject) -> bytes | None:
    """Compute what brings an appearance into its rectangle."""
    try:
        left, low, right, high = _list_numbers(annotation, "/Rect")
        box = _list_numbers(shown, "/BBox")
        a, b, c, d, e, f = _list_numbers(shown, "/Matrix") or (1, 0, 0, 1, 0, 0)
        corners = [(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    except (IndexError, TypeError, ValueError):
        return None
    across = [a * x + c * y + e for x, y in corners]
    up = [b * x + d * y + f for x, y in corners]
    width, height = max(across) - min(across), max(up) - min(up)
    if not width or not height:
        return None
    wide = abs(right - left) / width
    tall = abs(high - low) / height
    x, y = min(left, right) - min(across) * wide, min(low, high) - min(up) * tall
    return b"%.5f 0 0 %.5f %.5f %.5f" % (wide, tall, x, y)


def _list_numbers(held: DictionaryObject, name: str) -> list[float]:
    return [float(follow(each)) for each in members(entry(held, name))]


def _add_form(resources: DictionaryObject, name: str, form: Any) -> None:
    forms = entry(resources, "/XObject", DictionaryObject())
    forms[NameObject(name)] = form
    resources[NameObject("/XObject")] = forms
