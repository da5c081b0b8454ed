"""What changed from one dictionary to the next, and the least version step that it takes. Pure.

The rule of evolution, as a machine can check it: what was there stays, with the form it had; what
is new is optional. A change that breaks the rule has no step that would allow it. New words in a
label may say something else, and no machine sees that: people read them before they approve.

Spec: docs/spec/dictionary.md, "The least step".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from quietway_schemas.errors import SchemaError
from quietway_schemas.semver import SemVer, Step, find_step

Json = dict[str, object]
_Compare = Callable[[Json, Json, str], Iterator["Change"]]

_WORDS: Final = frozenset({"title", "description", "$comment", "$id", "$schema"})
_SAID_BY_EACH_VERSION: Final = frozenset({"list", "version"})
_WORDS_OF_A_CODE: Final = ("label", "maps_to")


class DictionaryChangeError(SchemaError):
    """A change that no version step allows, or a step smaller than the changes ask.

    Attributes:
        place: What it is about, as `code_lists/role/auditor`.
        what: What happened to it, as half a sentence.
    """

    def __init__(self, place: str, what: str) -> None:
        self.place = place
        self.what = what
        super().__init__(f"'{place}' {what}.")


class Change(NamedTuple):
    """One change. `step` is None where nothing allows it."""

    place: str
    what: str
    step: Step | None


@dataclass(frozen=True, slots=True)
class DictionaryFiles:
    """The files of one dictionary, by name: the bytes of each."""

    code_lists: Mapping[str, bytes]
    schemas: Mapping[str, bytes]


def list_changes(before: DictionaryFiles, after: DictionaryFiles) -> tuple[Change, ...]:
    """List everything that is different, in the order of its place."""
    lists = _compare_files(before.code_lists, after.code_lists, "code_lists", _compare_list)
    schemas = _compare_files(before.schemas, after.schemas, "schemas", _compare_schema)
    return tuple(sorted((*lists, *schemas), key=lambda change: change.place))


def find_least_step(before: DictionaryFiles, after: DictionaryFiles) -> Step:
    """Say how large a step the changes ask for.

    Raises:
        DictionaryChangeError: One of them is not allowed at all.
    """
    changes = list_changes(before, after)
    for change in changes:
        if change.step is None:
            raise DictionaryChangeError(change.place, change.what)
    return max((change.step for change in changes if change.step is not None), default=Step.NONE)


def check_step(
    before: DictionaryFiles, after: DictionaryFiles, *, former: SemVer, version: SemVer
) -> None:
    """Demand that a version is far enough from the former one for what changed.

    Raises:
        DictionaryChangeError: It is not, or a change is not allowed at all.
    """
    least = find_least_step(before, after)
    if find_step(former, version) < least:
        raise DictionaryChangeError("version", f"takes a {least.name.lower()} step at least")


def _compare_files(
    before: Mapping[str, bytes], after: Mapping[str, bytes], kind: str, compare: _Compare
) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        place = f"{kind}/{name}"
        if name not in after:
            yield Change(place, "is gone", None)
        elif name not in before:
            yield Change(place, "is new", Step.MINOR)
        elif before[name] != after[name]:
            yield from compare(_read(before[name]), _read(after[name]), place)


def _compare_list(before: Json, after: Json, place: str) -> Iterator[Change]:
    yield from _compare_words(before, after, place, skip=frozenset({"codes"}))
    former, latter = _by_code(before), _by_code(after)
    for code in sorted(former.keys() | latter.keys()):
        at = f"{place}/{code}"
        if code not in latter:
            yield Change(at, "is gone", None)
        elif code not in former:
            yield Change(at, "is new", Step.MINOR)
        else:
            yield from _compare_code(former[code], latter[code], at)


def _compare_code(before: Json, after: Json, place: str) -> Iterator[Change]:
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) == after.get(field):
            continue
        words = field in _WORDS_OF_A_CODE
        yield Change(f"{place}/{field}", "is another", Step.PATCH if words else None)


def _compare_words(
    before: Json, after: Json, place: str, *, skip: frozenset[str]
) -> Iterator[Change]:
    for field in sorted((before.keys() | after.keys()) - skip - _SAID_BY_EACH_VERSION):
        if before.get(field) != after.get(field):
            step = Step.PATCH if field in _WORDS else None
            yield Change(f"{place}/{field}", "is another", step)


def _compare_schema(before: Json, after: Json, place: str) -> Iterator[Change]:
    yield from _compare_fields(before, after, place)
    yield from _compare_definitions(before, after, place)
    yield from _compare_codes(before, after, place)
    apart = frozenset({"properties", "required", "$defs", "enum"})
    for key in sorted((before.keys() | after.keys()) - apart):
        yield from _compare_value(before.get(key), after.get(key), f"{place}/{key}", key)


def _compare_value(before: object, after: object, place: str, key: str) -> Iterator[Change]:
    if before == after:
        return
    if key in _WORDS:
        yield Change(place, "is another", Step.PATCH)
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _compare_schema(before, after, place)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (former, latter) in enumerate(zip(before, after, strict=True)):
            yield from _compare_value(former, latter, f"{place}/{number}", "")
    else:
        yield Change(place, "has another form", None)


def _compare_fields(before: Json, after: Json, place: str) -> Iterator[Change]:
    former, latter = _object(before, "properties"), _object(after, "properties")
    asked_before, asked = _names(before, "required"), _names(after, "required")
    for name in sorted(former.keys() | latter.keys()):
        at = f"{place}/{name}"
        if name not in latter:
            yield Change(at, "is gone", None)
        elif name not in former:
            is_optional = name not in asked
            yield Change(
                at,
                "is new" if is_optional else "is new, and required",
                Step.MINOR if is_optional else None,
            )
        else:
            if (name in asked_before) != (name in asked):
                yield Change(at, "is required in one of them only", None)
            yield from _compare_value(former[name], latter[name], at, "")


def _compare_definitions(before: Json, after: Json, place: str) -> Iterator[Change]:
    former, latter = _object(before, "$defs"), _object(after, "$defs")
    for name in sorted(former.keys() | latter.keys()):
        at = f"{place}/$defs/{name}"
        if name not in latter:
            yield Change(at, "is gone", None)
        elif name not in former:
            yield Change(at, "is new", Step.MINOR)
        else:
            yield from _compare_value(former[name], latter[name], at, "")


def _compare_codes(before: Json, after: Json, place: str) -> Iterator[Change]:
    if ("enum" in before) != ("enum" in after):
        yield Change(f"{place}/enum", "has another form", None)
        return
    former, latter = _names(before, "enum"), _names(after, "enum")
    for code in sorted(former ^ latter):
        gone = code in former
        what, step = ("is gone", None) if gone else ("is new", Step.MINOR)
        yield Change(f"{place}/enum/{code}", what, step)


def _read(raw: bytes) -> Json:
    found = json.loads(raw)
    if not isinstance(found, dict):
        raise DictionaryChangeError("file", "is not one JSON object")
    return found


def _by_code(held: Json) -> dict[str, Json]:
    rows = held.get("codes")
    return {row["code"]: row for row in rows} if isinstance(rows, list) else {}


def _object(held: Json, key: str) -> Json:
    found = held.get(key)
    return found if isinstance(found, dict) else {}


def _names(held: Json, key: str) -> frozenset[str]:
    found = held.get(key)
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()
