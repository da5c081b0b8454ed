"""JSON with one spelling: the only form in which content and signed objects are written.

A decoder that lets a second spelling pass lets two readers see two things in the same signed bytes.
So this one decodes with the standard library's parser, refuses every value that the form does not
have (floats, null, duplicate keys, huge integers, lone surrogates, deep nesting), writes the value
again and demands the same bytes. No exception of the parser gets out. Ordinary request bodies go
through `decode_strict`: the same values, any spacing and order.

Spec: docs/spec/envelope.md, "Content: canonical JSON".
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeAlias

from quietway_schemas.errors import JsonError

JsonValue: TypeAlias = "bool | int | str | list[JsonValue] | dict[str, JsonValue]"
JsonObject: TypeAlias = dict[str, JsonValue]

LARGEST_INTEGER: Final = 2**53 - 1
DEEPEST: Final = 16
_LONGEST_INTEGER_TEXT: Final = 17
_BOM: Final = b"\xef\xbb\xbf"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

REASON_TOO_LONG: Final = "too_long"
REASON_BOM: Final = "byte_order_mark"
REASON_BAD_UTF8: Final = "bad_utf8"
REASON_NOT_JSON: Final = "not_json"
REASON_DUPLICATE_KEY: Final = "duplicate_key"
REASON_FLOAT: Final = "float"
REASON_NULL: Final = "null"
REASON_INTEGER: Final = "integer_out_of_range"
REASON_TOO_DEEP: Final = "too_deep"
REASON_LONE_SURROGATE: Final = "lone_surrogate"
REASON_NOT_AN_OBJECT: Final = "not_an_object"
REASON_NOT_CANONICAL: Final = "not_canonical"
REASON_WRONG_TYPE: Final = "not_a_json_value"


def encode_canonical(obj: Mapping[str, object]) -> bytes:
    """Write an object in its one form.

    Args:
        obj: Strings, booleans, integers, lists or tuples, and mappings with string keys.

    Returns:
        UTF-8.

    Raises:
        JsonError: The object holds what the form does not have.
    """
    _check_value(obj, depth=1)
    return _write(obj)


def write_checked(found: JsonObject) -> bytes:
    """Write, in its one form, what `decode_strict` has read: it holds nothing else any more."""
    return _write(found)


def decode_canonical(raw: bytes, *, max_bytes: int) -> JsonObject:
    """Read an object that is written in its one form.

    Args:
        raw: UTF-8.
        max_bytes: The most that is looked at.

    Raises:
        JsonError: Too long, not JSON, a value that the form does not have, or a second spelling.
    """
    found = decode_strict(raw, max_bytes=max_bytes)
    _demand_same_bytes(raw, found)
    return found


def decode_strict(raw: bytes, *, max_bytes: int) -> JsonObject:
    """Read an object that may be spaced and ordered freely, but holds only what the form has.

    Raises:
        JsonError: Too long, not JSON, or a value that the form does not have.
    """
    if len(raw) > max_bytes:
        raise JsonError(REASON_TOO_LONG)
    if raw.startswith(_BOM):
        raise JsonError(REASON_BOM)
    found = _parse(raw)
    if not isinstance(found, dict):
        raise JsonError(REASON_NOT_AN_OBJECT)
    _check_value(found, depth=1)
    return found


def decode_kept(raw: bytes, *, max_bytes: int) -> JsonObject:
    """Read an object that this program wrote itself, and that nobody else could alter since.

    That is what lies in the device's own store, sealed. It was checked when it was written, and a
    board reads thousands of such: nothing is looked at twice.

    Raises:
        JsonError: Too long, or not a JSON object.
    """
    if len(raw) > max_bytes:
        raise JsonError(REASON_TOO_LONG)
    try:
        found: object = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    # Raised out here: the parser's own error holds the text, and would be our error's context.
    if not isinstance(found, dict):
        raise JsonError(REASON_NOT_JSON)
    return found


def _parse(raw: bytes) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_make_object,
            parse_int=_read_integer,
            parse_float=_refuse_float,
            parse_constant=_refuse_float,
        )
    except UnicodeDecodeError:
        reason = REASON_BAD_UTF8
    except RecursionError:
        reason = REASON_TOO_DEEP
    except ValueError:
        reason = REASON_NOT_JSON
    else:
        return parsed
    # Raised out here: the parser's own error holds the text, and would be our error's context.
    raise JsonError(reason)


def _write(obj: object) -> bytes:
    text = json.dumps(
        obj, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode("utf-8")


def _demand_same_bytes(raw: bytes, found: JsonObject) -> None:
    if _write(found) != raw:
        raise JsonError(REASON_NOT_CANONICAL)


def _make_object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise JsonError(REASON_DUPLICATE_KEY)
    return made


def _read_integer(text: str) -> int:
    # The length is judged first: turning a million digits into a number takes the machine's time.
    if len(text) > _LONGEST_INTEGER_TEXT or text == "-0":
        raise JsonError(REASON_INTEGER)
    return int(text)


def _refuse_float(text: str) -> NoReturn:
    del text
    raise JsonError(REASON_FLOAT)


def _check_value(value: object, *, depth: int) -> None:
    match value:
        case bool():
            return
        case int():
            if abs(value) > LARGEST_INTEGER:
                raise JsonError(REASON_INTEGER)
        case str():
            _check_text(value)
        case Mapping():
            _check_object(value, depth=depth)
        case list() | tuple():
            _check_list(value, depth=depth)
        case None:
            raise JsonError(REASON_NULL)
        case float():
            raise JsonError(REASON_FLOAT)
        case _:
            raise JsonError(REASON_WRONG_TYPE)


def _check_object(value: Mapping[object, object], *, depth: int) -> None:
    if depth > DEEPEST:
        raise JsonError(REASON_TOO_DEEP)
    for key, held in value.items():
        if not isinstance(key, str):
            raise JsonError(REASON_WRONG_TYPE)
        _check_text(key)
        _check_value(held, depth=depth + 1)


def _check_list(value: Sequence[object], *, depth: int) -> None:
    if depth > DEEPEST:
        raise JsonError(REASON_TOO_DEEP)
    for held in value:
        _check_value(held, depth=depth + 1)


def _check_text(text: str) -> None:
    # Asked like this, since the error of `encode` would hold the text.
    if _SURROGATE.search(text):
        raise JsonError(REASON_LONE_SURROGATE)
