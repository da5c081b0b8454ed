"""Entries of a PDF's objects, followed to what they refer to.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, 7.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NullObject

if TYPE_CHECKING:
    from typing import Any


def follow(held: Any) -> Any:
    """Give what a reference refers to; what is no reference is given back, null as nothing."""
    found = held.get_object() if isinstance(held, IndirectObject) else held
    return None if isinstance(found, NullObject) else found


def entry(held: Any, name: str, default: Any = None) -> Any:
    """Give an entry of a dictionary, followed; the default where there is none."""
    found = follow(held)
    if not isinstance(found, DictionaryObject) or name not in found:
        return default
    value = follow(found.raw_get(name))
    return default if value is None else value


def members(held: Any) -> list[Any]:
    """Give what stands in an array, not followed; nothing where there is none."""
    found = follow(held)
    return list(found) if isinstance(found, ArrayObject) else []
