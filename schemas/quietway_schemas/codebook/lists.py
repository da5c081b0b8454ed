"""The code lists, read: which codes there are, what they mean, what others call them.

A code that does not stand in its list is refused with a typed error that names list and field and
never the value. A partnership may use codes of its own inside, if each maps to one shared code:
only the shared one travels. Codes are never reused and never change their meaning; new ones come
with a new dictionary version.

Spec: docs/spec/envelope.md, "Content: canonical JSON"; schemas/README.md, "The codebook".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from quietway_schemas.errors import ContentError, UnknownCodeError
from quietway_schemas.locale import ENGLISH, translate_label

DICTIONARY_VERSION: Final = "0.2.0"


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One code.

    Attributes:
        code: As it travels.
        label: In English, in sentence case.
        maps_to: System -> what that system calls it.
        side: For reasons: whose reason it is (`survivor`, `provider`, `system`); else empty.
    """

    code: str
    label: str
    maps_to: Mapping[str, str]
    side: str = ""


@dataclass(frozen=True, slots=True)
class Subcodes:
    """A partnership's own finer codes for one list.

    Attributes:
        list_name: The shared list.
        shared: Local code -> shared code.
    """

    list_name: str
    shared: Mapping[str, str]

    def __post_init__(self) -> None:
        for local, code in self.shared.items():
            check(self.list_name, code, "maps_to")
            if local in codes(self.list_name):
                raise ContentError("local_code", "is a shared code already: choose another name")


@cache
def list_names() -> tuple[str, ...]:
    """Name all lists of this dictionary version, sorted."""
    return tuple(sorted(read_list_files()))


def read_list_files(version: str = DICTIONARY_VERSION) -> dict[str, bytes]:
    """Give the exact bytes of every list's file, by the list's name.

    Args:
        version: Of the dictionary; former ones are kept as they were.
    """
    files = _folder(version).iterdir()
    return {file.name.removesuffix(".json"): file.read_bytes() for file in files}


@cache
def entries(list_name: str) -> Mapping[str, CodeEntry]:
    """Give a whole list, in the order of its file.

    Raises:
        UnknownCodeError: There is no such list.
    """
    made = [
        CodeEntry(row["code"], row["label"], row.get("maps_to", {}), row.get("side", ""))
        for row in _read_list(list_name)["codes"]
    ]
    return MappingProxyType({entry.code: entry for entry in made})


def list_title(list_name: str) -> str:
    """Say in English what a list is about.

    Raises:
        UnknownCodeError: There is no such list.
    """
    return str(_read_list(list_name)["title"])


@cache
def codes(list_name: str) -> frozenset[str]:
    """Give the codes of a list.

    Raises:
        UnknownCodeError: There is no such list.
    """
    return frozenset(entries(list_name))


def label(list_name: str, code: str, language: str = ENGLISH) -> str:
    """Say in a language what a code means; in English where it has no words for it.

    Args:
        list_name: Which list.
        code: A code of it.
        language: One of `quietway_schemas.locale.LANGUAGES`.

    Raises:
        UnknownCodeError: The list has no such code.
    """
    entry = entries(list_name)[check(list_name, code, "code")]
    return translate_label(list_name, code, language) or entry.label


def check(list_name: str, code: str, field: str) -> str:
    """Let a code of the list pass.

    Args:
        list_name: Which list.
        code: What was said.
        field: Where it was said, for the refusal.

    Raises:
        UnknownCodeError: The list has no such code.
    """
    if code not in codes(list_name):
        raise UnknownCodeError(list_name, field)
    return code


def resolve(list_name: str, local_code: str, subcodes: Subcodes) -> str:
    """Turn a partnership's own code into the shared one; a shared code stays itself.

    Raises:
        UnknownCodeError: Neither a shared code nor one of the partnership's own.
    """
    if subcodes.list_name != list_name:
        raise UnknownCodeError(list_name, "subcodes")
    return check(list_name, subcodes.shared.get(local_code, local_code), "local_code")


@dataclass(frozen=True, slots=True)
class CodeIn:
    """Marks a `str` field that holds a code of one list."""

    list_name: str

    def _check(self, code: str, info: core_schema.ValidationInfo) -> str:
        return check(self.list_name, code, info.field_name or "code")

    def __get_pydantic_core_schema__(
        self, source: type[object], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read a string and ask the list."""
        del source, handler
        return core_schema.with_info_after_validator_function(
            self._check, core_schema.str_schema(strict=True)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the list as an enumeration."""
        del schema, handler
        return {"type": "string", "enum": sorted(codes(self.list_name))}


def _read_list(list_name: str) -> dict[str, Any]:
    if list_name not in list_names():
        raise UnknownCodeError("lists", "list")
    text = _folder().joinpath(f"{list_name}.json").read_text(encoding="utf-8")
    held: dict[str, Any] = json.loads(text)
    return held


def _folder(version: str = DICTIONARY_VERSION) -> Traversable:
    return resources.files("quietway_schemas.codebook").joinpath(version)
