"""Says what of a file was left behind, by the names of its fields.

A name is told only when the standard has it. A file may use any text as a name, a person's among
them, so every other name is told as `(unknown name)`. Values are never told, and neither is how
many there were. What lies deeper than five names is told by its first five, and a file that would
fill pages is told by its outermost names alone: a report is for reading.

Spec: docs/reference/interop.md, "What is left behind".
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway.interop.json_file import JsonValue

UNKNOWN_NAME: Final = "(unknown name)"
DEEPEST_NAME: Final = 5
MOST_NAMES: Final = 300


def name_dropped_fields(
    resource: JsonValue, *, used: Collection[str], whole: Collection[str]
) -> tuple[str, ...]:
    """List the fields of a resource that were not used, sorted, each once.

    Args:
        resource: The file as read.
        used: Dotted paths of the fields that were read, as `code.coding.code`.
        whole: Paths that are told as one, because a list of what lies inside would help nobody.
    """
    found: set[tuple[str, ...]] = set()
    kept = frozenset(tuple(path.split(".")) for path in whole)
    _walk(resource, (), kept, found)
    dropped = {".".join(path) for path in found} - set(used)
    if len(dropped) > MOST_NAMES:
        dropped = {name.partition(".")[0] for name in dropped}
    return tuple(sorted(dropped))


def _walk(
    value: JsonValue,
    path: tuple[str, ...],
    whole: Collection[tuple[str, ...]],
    found: set[tuple[str, ...]],
) -> None:
    if path in whole or len(path) == DEEPEST_NAME:
        found.add(path)
    elif isinstance(value, dict) and (value or not path):
        for name, held in value.items():
            _walk(held, (*path, tell_name(name)), whole, found)
    elif isinstance(value, list) and value:
        inner = [held for held in value if held and isinstance(held, dict | list)]
        for held in inner:
            _walk(held, path, whole, found)
        if len(inner) < len(value):
            found.add(path)
    else:
        found.add(path)


def tell_name(name: str) -> str:
    """Give a name that the standard has; any other may be somebody's."""
    # `_note` carries the extensions of the plain value `note`.
    return name if name.removeprefix("_") in _names() else UNKNOWN_NAME


@cache
def _names() -> frozenset[str]:
    raw = files("quietway.interop").joinpath("fhir_names.json").read_bytes()
    names: dict[str, list[str]] = json.loads(raw)
    return frozenset(name for group in names.values() for name in group)
