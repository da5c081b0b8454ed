"""From one version of the dictionary to the next: each step is a legal one, and old words read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.schemas.samples import make_packet, make_status

from quietway_schemas.canonical import encode_canonical
from quietway_schemas.codebook.lists import DICTIONARY_VERSION, read_list_files
from quietway_schemas.content.registry import encode_content, find_class, parse_content
from quietway_schemas.dictionary_steps import (
    DictionaryChangeError,
    DictionaryFiles,
    check_step,
    find_least_step,
)
from quietway_schemas.export import make_dictionary_files
from quietway_schemas.semver import SemVer, Step

if TYPE_CHECKING:
    from quietway_schemas.content.base import ContentModel

FORMER = "0.1.0"
SCHEMAS = json.loads((Path(__file__).parent / f"dictionary-{FORMER}.json").read_bytes())
BEFORE = DictionaryFiles(
    code_lists=read_list_files(FORMER),
    schemas={name: json.dumps(schema).encode() for name, schema in SCHEMAS.items()},
)
AFTER = make_dictionary_files()


@pytest.mark.requirement("C37")
def test_what_came_with_this_version_takes_a_minor_step_and_no_more() -> None:
    """C37: a data dictionary with version control: 0.1.0 to 0.2.0 breaks nothing that was said."""
    assert find_least_step(BEFORE, AFTER) is Step.MINOR
    here = SemVer.from_text(DICTIONARY_VERSION)
    check_step(BEFORE, AFTER, former=SemVer.from_text(FORMER), version=here)


def test_a_code_that_is_taken_out_of_a_former_version_has_no_step() -> None:
    role = json.loads(AFTER.code_lists["role"])
    role["codes"] = role["codes"][:-1]
    less = replace(AFTER, code_lists={**AFTER.code_lists, "role": json.dumps(role).encode()})
    with pytest.raises(DictionaryChangeError):
        find_least_step(BEFORE, less)


@pytest.mark.requirement("A56")
def test_a_new_code_takes_a_new_version_of_the_dictionary() -> None:
    """A56: adding a code needs a dictionary version bump."""
    role = json.loads(AFTER.code_lists["role"])
    role["codes"].append({"code": "novel", "label": "Novel"})
    more = replace(AFTER, code_lists={**AFTER.code_lists, "role": json.dumps(role).encode()})
    here = SemVer.from_text(DICTIONARY_VERSION)
    with pytest.raises(DictionaryChangeError, match="minor step"):
        check_step(AFTER, more, former=here, version=here._replace(patch=here.patch + 1))


@pytest.mark.parametrize("content", [make_packet(), make_status()], ids=lambda held: held.type)
def test_what_was_said_with_the_former_version_is_read_as_it_was(content: ContentModel) -> None:
    held = {**json.loads(encode_content(content)), "dictionary_version": FORMER}
    raw = encode_canonical(held)
    read = parse_content(raw, find_class(content))
    assert read.dictionary_version == FORMER
    assert read.to_canonical() == raw
    assert read == content.model_copy(update={"dictionary_version": FORMER})
