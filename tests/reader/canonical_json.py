"""A second decoder of canonical JSON, byte by byte, for the independent reader.

Written from `docs/spec/envelope.md`, "Content: canonical JSON". Nothing is decoded twice to
compare: every rule is a refusal at the byte where it is broken. It uses no JSON library and shares
no code with the product.
"""

from __future__ import annotations

import re
from typing import Final

Value = bool | int | str | list["Value"] | dict[str, "Value"]

MAX_DEPTH: Final = 16
MAX_INTEGER: Final = 2**53 - 1
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?![0-9.eE])")
_SHORT_ESCAPES: Final = {
    '"': '"',
    "\\": "\\",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
}
_LONG_ESCAPE: Final = re.compile(r"u00[01][0-9a-f]")


class NotCanonicalError(Exception):
    """The bytes are not the canonical form of anything."""


def decode(raw: bytes) -> dict[str, Value]:
    """Return the object that the bytes are the one canonical form of."""
    try:
        text = raw.decode("utf-8")  # Python's decoder refuses surrogates and overlong forms.
    except UnicodeDecodeError:
        raise NotCanonicalError("not UTF-8") from None
    value, end = _value(text, 0, 0)
    if end != len(text) or not isinstance(value, dict):
        raise NotCanonicalError("not one object")
    return value


def _value(text: str, at: int, depth: int) -> tuple[Value, int]:
    first = text[at : at + 1]
    if first == "{":
        return _object(text, at + 1, depth + 1)
    if first == "[":
        return _array(text, at + 1, depth + 1)
    if first == '"':
        return _string(text, at + 1)
    for word, value in (("true", True), ("false", False)):
        if text.startswith(word, at):
            return value, at + len(word)
    return _integer(text, at)


def _integer(text: str, at: int) -> tuple[int, int]:
    found = _INTEGER.match(text, at)
    if found is None or found.group() == "-0" or abs(int(found.group())) > MAX_INTEGER:
        raise NotCanonicalError("not a value of canonical JSON")
    return int(found.group()), found.end()


def _object(text: str, at: int, depth: int) -> tuple[dict[str, Value], int]:
    members: dict[str, Value] = {}
    last: str | None = None
    _check_depth(depth)
    if text.startswith("}", at):
        return members, at + 1
    while True:
        _expect(text, at, '"')
        key, at = _string(text, at + 1)
        if last is not None and key <= last:
            raise NotCanonicalError("keys out of order, or twice")
        _expect(text, at, ":")
        members[key], at = _value(text, at + 1, depth)
        last = key
        if text.startswith("}", at):
            return members, at + 1
        _expect(text, at, ",")
        at += 1


def _array(text: str, at: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    _check_depth(depth)
    if text.startswith("]", at):
        return items, at + 1
    while True:
        item, at = _value(text, at, depth)
        items.append(item)
        if text.startswith("]", at):
            return items, at + 1
        _expect(text, at, ",")
        at += 1


def _string(text: str, at: int) -> tuple[str, int]:
    letters: list[str] = []
    while at < len(text):
        letter = text[at]
        if letter == '"':
            return "".join(letters), at + 1
        if letter < " ":
            raise NotCanonicalError("a control that is not escaped")
        if letter == "\\":
            letter, at = _escape(text, at + 1)
        else:
            at += 1
        letters.append(letter)
    raise NotCanonicalError("a string without an end")


def _escape(text: str, at: int) -> tuple[str, int]:
    short = _SHORT_ESCAPES.get(text[at : at + 1])
    if short is not None:
        return short, at + 1
    if _LONG_ESCAPE.match(text, at) is None:
        raise NotCanonicalError("an escape that is not needed")
    letter = chr(int(text[at + 1 : at + 5], 16))
    if letter in _SHORT_ESCAPES.values():
        raise NotCanonicalError("a long escape where a short one exists")
    return letter, at + 5


def _expect(text: str, at: int, letter: str) -> None:
    if not text.startswith(letter, at):
        raise NotCanonicalError(f"no {letter} where one must stand")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotCanonicalError("too deep")
