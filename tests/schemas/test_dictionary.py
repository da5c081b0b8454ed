"""The signed form of the dictionary, and the least step that a change takes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.schemas.samples import make_packet, make_status

from quietway_schemas.canonical import encode_canonical
from quietway_schemas.codebook.lists import DICTIONARY_VERSION
from quietway_schemas.content.registry import encode_content, parse_content
from quietway_schemas.dictionary import ApprovedDictionary, DictionaryRelease, ReleasedFile
from quietway_schemas.dictionary_steps import (
    DictionaryChangeError,
    DictionaryFiles,
    check_step,
    find_least_step,
    list_changes,
)
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import (
    ContentError,
    UnknownCodeError,
    UnknownFieldError,
    UnsupportedDictionaryError,
)
from quietway_schemas.export import make_dictionary_files
from quietway_schemas.ids import AgencyId
from quietway_schemas.semver import SemVer, Step, find_step

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, object]

HELD = make_dictionary_files()
ONE = SemVer(0, 1, 0)
HASH = bytes(32)


def change_list(name: str, change: Callable[[Json], object]) -> DictionaryFiles:
    return replace(HELD, code_lists=_changed(HELD.code_lists, name, change))


def change_schema(name: str, change: Callable[[Json], object]) -> DictionaryFiles:
    return replace(HELD, schemas=_changed(HELD.schemas, name, change))


def _changed(files: object, name: str, change: Callable[[Json], object]) -> dict[str, bytes]:
    held: dict[str, bytes] = dict(files)  # type: ignore[call-overload]  # a mapping of files
    read = json.loads(held[name])
    change(read)
    return held | {name: json.dumps(read).encode()}


def codes(read: Json) -> list[Json]:
    found = read["codes"]
    assert isinstance(found, list)
    return found


def fields(read: Json) -> Json:
    found = read["properties"]
    assert isinstance(found, dict)
    return found


def required(read: Json) -> list[str]:
    found = read["required"]
    assert isinstance(found, list)
    return found


MINOR_CHANGES = {
    "a new code": change_list("role", lambda read: codes(read).append({"code": "x", "label": "X"})),
    "a new list": replace(HELD, code_lists={**HELD.code_lists, "novel": b'{"codes": []}'}),
    "a new type": replace(HELD, schemas={**HELD.schemas, "novel.type": b"{}"}),
    "a new optional field": change_schema(
        "message.text", lambda read: fields(read).update(tone={"type": "string"})
    ),
    "a new code in a schema": change_schema(
        "status.indicator",
        lambda read: fields(read)["code"]["enum"].append("novel"),  # type: ignore[index]  # JSON
    ),
}
PATCH_CHANGES = {
    "a label": change_list("role", lambda read: codes(read)[0].update(label="Advocate")),
    "a mapping": change_list("role", lambda read: codes(read)[0].update(maps_to={"fhir": "x"})),
    "a list's title": change_list("role", lambda read: read.update(title="Other words")),
    "a description": change_schema("message.text", lambda read: read.update(description="Words.")),
}
FORBIDDEN = {
    "a code is gone": change_list("role", lambda read: codes(read).pop()),
    "a reason changed sides": change_list(
        "reason", lambda read: codes(read)[0].update(side="system")
    ),
    "a list is gone": replace(
        HELD, code_lists={k: v for k, v in HELD.code_lists.items() if k != "role"}
    ),
    "a type is gone": replace(
        HELD, schemas={k: v for k, v in HELD.schemas.items() if k != "message.text"}
    ),
    "a field is gone": change_schema("message.text", lambda read: fields(read).pop("text")),
    "a field is required now": change_schema(
        "message.text", lambda read: required(read).append("exercise")
    ),
    "a field is required no more": change_schema(
        "message.text", lambda read: required(read).remove("text")
    ),
    "a new field is required": change_schema(
        "message.text",
        lambda read: (fields(read).update(tone={"type": "string"}), required(read).append("tone")),
    ),
    "a field has another form": change_schema(
        "message.text", lambda read: fields(read).update(text={"type": "integer"})
    ),
    "a text may be longer": change_schema(
        "message.text",
        lambda read: fields(read)["text"].update(maxLength=9_999),  # type: ignore[attr-defined]  # JSON
    ),
}


def test_nothing_that_changed_takes_no_step() -> None:
    assert list_changes(HELD, HELD) == ()
    assert find_least_step(HELD, HELD) is Step.NONE
    check_step(HELD, HELD, former=ONE, version=ONE)


@pytest.mark.parametrize("name", MINOR_CHANGES)
def test_what_is_new_and_optional_takes_a_minor_step(name: str) -> None:
    after = MINOR_CHANGES[name]
    assert find_least_step(HELD, after) is Step.MINOR
    check_step(HELD, after, former=ONE, version=SemVer(0, 2, 0))
    with pytest.raises(DictionaryChangeError, match="minor step"):
        check_step(HELD, after, former=ONE, version=SemVer(0, 1, 1))


@pytest.mark.parametrize("name", PATCH_CHANGES)
def test_words_take_a_patch_step(name: str) -> None:
    assert find_least_step(HELD, PATCH_CHANGES[name]) is Step.PATCH
    with pytest.raises(DictionaryChangeError, match="patch step"):
        check_step(HELD, PATCH_CHANGES[name], former=ONE, version=ONE)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_removed_or_repurposed_is_not_allowed_in_any_step(name: str) -> None:
    with pytest.raises(DictionaryChangeError):
        check_step(HELD, FORBIDDEN[name], former=ONE, version=SemVer(9, 0, 0))


def test_the_version_that_each_list_names_is_no_change_of_the_list() -> None:
    assert list_changes(HELD, change_list("role", lambda read: read.update(version="9.9.9"))) == ()


def test_versions_compare_as_numbers_and_have_one_spelling() -> None:
    assert SemVer.from_text("0.10.0") > SemVer.from_text("0.9.9")
    assert str(SemVer.from_text("1.20.3")) == "1.20.3"
    steps = [
        find_step(ONE, SemVer(*found)) for found in ((0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 0, 0))
    ]
    assert steps == [Step.NONE, Step.PATCH, Step.MINOR, Step.MAJOR]
    assert find_step(ONE, SemVer(0, 0, 9)) is Step.NONE
    for wrong in ("1.0", "01.0.0", "1.0.0-rc1", "1.0.0\n", "", "1.0.0.0"):
        with pytest.raises(ContentError):
            SemVer.from_text(wrong)


def make_release(**changes: object) -> DictionaryRelease:
    listed = (ReleasedFile(name="role", hash=HASH),)
    given: dict[str, object] = {
        "name": "county",
        "version": "0.2.0",
        "code_lists": listed,
        "schemas": listed,
        "changes": ("First.",),
        "agencies": (AgencyId(bytes(16)),),
        "issued": 1,
    }
    return DictionaryRelease.model_validate(given | changes)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "0.2"},
        {"previous": {"version": "0.2.0", "hash": HASH}},
        {"changes": ()},
        {"changes": ("two\nlines",)},
        {"changes": ("é" * 141,)},
        {"agencies": (AgencyId(b"b" * 16), AgencyId(b"a" * 16))},
        {"code_lists": (ReleasedFile(name="role", hash=HASH),) * 2},
    ],
)
def test_a_release_that_is_not_well_formed_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ContentError):
        make_release(**change)


def test_a_file_whose_payload_has_a_second_spelling_is_refused() -> None:
    payload = make_release().to_canonical()
    assert ApprovedDictionary(payload=payload, approvals=()).release == make_release()
    with pytest.raises(Exception, match="not canonical"):
        ApprovedDictionary(payload=payload.replace(b":", b": ", 1), approvals=())


def said(**changes: object) -> bytes:
    return encode_canonical({**json.loads(encode_content(make_status())), **changes})


@pytest.mark.requirement("C37")
def test_a_message_names_its_dictionary_and_another_major_version_is_refused_by_name() -> None:
    """C37: the message carries the dictionary's version, and V13 asks that it is supported."""
    assert make_packet().dictionary_version == DICTIONARY_VERSION
    for version in ("0.1.7", "0.9.0"):
        read = parse_content(said(dictionary_version=version), EnvelopeClass.CASE)
        assert read.dictionary_version == version
        assert read.to_canonical() == said(dictionary_version=version)
    with pytest.raises(UnsupportedDictionaryError, match="update quietway"):
        parse_content(said(dictionary_version="1.0.0"), EnvelopeClass.CASE)


@pytest.mark.parametrize(
    "change", [{"mood": "calm"}, {"code": "novel"}, {"type": "status.novel"}, {"expires": "soon"}]
)
def test_what_a_later_dictionary_says_and_is_not_known_is_told_apart_from_a_mistake(
    change: dict[str, object],
) -> None:
    with pytest.raises(UnsupportedDictionaryError):
        parse_content(said(dictionary_version="0.9.0", **change), EnvelopeClass.CASE)
    with pytest.raises(ContentError) as refused:
        parse_content(said(**change), EnvelopeClass.CASE)
    assert not isinstance(refused.value, UnsupportedDictionaryError)
    assert isinstance(refused.value, UnknownFieldError | UnknownCodeError | ContentError)
