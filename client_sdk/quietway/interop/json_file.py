"""Reads a JSON file that a stranger may have written.

The whole file is judged before any of it is used: its size, its encoding, duplicate keys, depth.
Numbers are not read, because no field that is used here is a number; so a number of a million
digits costs nothing. No exception of the parser gets out, and no refusal repeats anything of the
file.

Spec: docs/reference/interop.md, "What is refused".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from quietway.errors import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JsonValue: TypeAlias = "bool | str | Number | list[JsonValue] | dict[str, JsonValue] | None"

LARGEST_FILE_BYTES: Final = 1024 * 1024
DEEPEST: Final = 32
FILE: Final = "file"
"""The field that a refusal names when the file as a whole is to blame."""


class Number:
    """Stands where a number was. Its value is not kept."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Number()"


NUMBER: Final = Number()


def read_json_object(raw: bytes) -> Mapping[str, JsonValue]:
    """Read one JSON object.

    Args:
        raw: The file, UTF-8, with or without a byte order mark; at most 1 MiB.

    Raises:
        ImportRefused: `too_large`, or `malformed`: not UTF-8, not JSON, a duplicate key, too deep,
            not an object.
    """
    if len(raw) > LARGEST_FILE_BYTES:
        raise ImportRefused("too_large", FILE)
    found = _parse(raw)
    if not isinstance(found, dict) or _is_deeper(found, DEEPEST):
        raise ImportRefused("malformed", FILE)
    return found


def _parse(raw: bytes) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_make_object,
            parse_int=_leave_out,
            parse_float=_leave_out,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        # The parser's own sentence quotes the file, so it is not chained.
        raise ImportRefused("malformed", FILE) from None
    return parsed


def _make_object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    made = dict(pairs)
    if len(made) != len(pairs):
        # Two values under one name: which one is meant depends on the reader.
        raise ImportRefused("malformed", FILE)
    return made


def _leave_out(_digits: str) -> Number:
    return NUMBER


def _refuse_constant(_name: str) -> NoReturn:
    raise ImportRefused("malformed", FILE)


def _is_deeper(value: JsonValue, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [inner for held in layer for inner in _list_inner(held)]
        if not layer:
            return False
    return True


def _list_inner(value: JsonValue) -> Iterator[JsonValue]:
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (inner for inner in held if isinstance(inner, dict | list))
