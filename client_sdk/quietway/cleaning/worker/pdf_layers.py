"""Which layers of a PDF are off.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, 8.11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypdf.generic import DictionaryObject, IndirectObject

from quietway.cleaning.worker.pdf_entries import entry, follow, members

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def find_layers(catalogue: DictionaryObject) -> Callable[[Any], bool]:
    """Give what says of an optional-content entry whether it is off, as the file is opened."""
    settings = entry(entry(catalogue, "/OCProperties"), "/D")
    on, off = (_list_numbers(entry(settings, name)) for name in ("/ON", "/OFF"))
    is_off_at_first = entry(settings, "/BaseState") == "/OFF"

    def is_off(layer: Any) -> bool:
        if entry(layer, "/Type") == "/OCMD":
            return _is_member_off(follow(layer), is_off)
        number = layer.idnum if isinstance(layer, IndirectObject) else -1
        return number in off or (is_off_at_first and number not in on)

    return is_off


def _is_member_off(membership: DictionaryObject, is_off: Callable[[Any], bool]) -> bool:
    """Say of a membership whether its policy leaves it unseen."""
    if "/OCGs" not in membership:
        return False
    held = membership.raw_get("/OCGs")
    is_one = isinstance(follow(held), DictionaryObject)
    states = [is_off(layer) for layer in ([held] if is_one else members(held))]
    match str(entry(membership, "/P", "/AnyOn")):
        case "/AllOn":
            return any(states)
        case "/AnyOff":
            return not any(states)
        case "/AllOff":
            return not all(states)
        case _:
            return bool(states) and all(states)


def _list_numbers(held: Any) -> set[int]:
    return {each.idnum for each in members(held) if isinstance(each, IndirectObject)}
