"""What every content type has in common: its header fields, and how its texts are bounded.

The minimal profile is the default: whatever is optional is absent unless someone sets it, and a
field that holds its default is not written at all, so that saying nothing takes no room and tells
nothing. Who sent a content, to whom, when and in which place is said by the core around it and does
not stand here again. A content's text is somebody's story: `repr` shows the type and nothing else.

Spec: docs/spec/envelope.md, "Content: canonical JSON"; schemas/README.md, "Content".
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from quietway_schemas.canonical import encode_canonical
from quietway_schemas.codebook.lists import DICTIONARY_VERSION, CodeIn
from quietway_schemas.errors import ContentError, TooLongError, UnsupportedDictionaryError
from quietway_schemas.fields import ALWAYS_WRITTEN, Bytes16, Bytes32, Days, WireModel
from quietway_schemas.ids import CaseRef
from quietway_schemas.semver import VERSION_PATTERN, SemVer

# All but the line break: no terminal, page or log shall be steered by a text.
_CONTROLS: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_ALWAYS_WRITTEN: Final = ("type", "schema_version", "dictionary_version")


@dataclass(frozen=True, slots=True)
class Text:
    """Marks a `str` field of free text.

    The cap counts bytes as the text is written in canonical JSON: UTF-8, with two bytes for a
    quotation mark, a backslash and a line break. So a type at its maximum has one size, whatever
    the texts are made of.

    Attributes:
        most_bytes: The cap.
        most_characters: A second cap in characters, for the reader's sake; 0 for none.
    """

    most_bytes: int
    most_characters: int = 0

    def _check(self, text: str, info: core_schema.ValidationInfo) -> str:
        field = info.field_name or "text"
        if not text.strip():
            raise ContentError(field, "is empty")
        if _CONTROLS.search(text):
            raise ContentError(field, "holds control characters other than the line break")
        if self.most_characters and len(text) > self.most_characters:
            raise TooLongError(field, self.most_bytes)
        if count_written_bytes(text) > self.most_bytes:
            raise TooLongError(field, self.most_bytes)
        return text

    def __get_pydantic_core_schema__(
        self, source: type[object], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read a string and measure it."""
        del source, handler
        return core_schema.with_info_after_validator_function(
            self._check, core_schema.str_schema(strict=True)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the caps; JSON Schema itself counts characters only."""
        del schema, handler
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": self.most_characters or self.most_bytes,
            "description": f"At most {self.most_bytes} bytes of UTF-8 as written.",
        }


def count_written_bytes(text: str) -> int:
    """Count the bytes that a text takes in canonical JSON, without its quotation marks."""
    two = sum(text.count(escaped) for escaped in '"\\\n')
    return len(text.encode("utf-8")) + two


@dataclass(frozen=True, slots=True)
class InDictionary:
    """Marks a `str` field that names the dictionary's version: any of the major number known here.

    Codes and fields never change their meaning, so what is known in a later version means the same;
    what is not known is refused where it stands.
    """

    def _check(self, version: str) -> str:
        if version == DICTIONARY_VERSION:
            return version
        if SemVer.from_text(version).major != SemVer.from_text(DICTIONARY_VERSION).major:
            raise UnsupportedDictionaryError
        return version

    def __get_pydantic_core_schema__(
        self, source: type[object], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read a string and look at its first number."""
        del source, handler
        return core_schema.no_info_after_validator_function(
            self._check, core_schema.str_schema(strict=True), metadata={ALWAYS_WRITTEN: True}
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the form; which major number is known is the reader's affair."""
        del schema, handler
        return {"type": "string", "pattern": VERSION_PATTERN}


class ContentPart(WireModel):
    """An object inside a content."""

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        """Show nothing: a part holds what somebody said."""
        return []

    __str__ = WireModel.__repr__


class ContentModel(ContentPart):
    """The base of every content type.

    `type` is one of the registry's, `schema_version` counts its shapes, `dictionary_version` names
    the codebook. `exercise` marks a drill; it is left out of everything real.
    """

    type: str
    schema_version: Literal[1] = 1
    dictionary_version: Annotated[str, InDictionary()] = DICTIONARY_VERSION
    exercise: bool = False

    def to_canonical(self) -> bytes:
        """Write the content; what is absent or at its default is left out."""
        held = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return encode_canonical({**held, **{name: getattr(self, name) for name in _ALWAYS_WRITTEN}})


def _check_sorted(held: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
    if list(held) != sorted(set(held)):
        raise ContentError(info.field_name or "list", "is not sorted, or names something twice")
    return held


Sorted: Final = AfterValidator(_check_sorted)
"""Marks a tuple that stands sorted, each once, so that it has one spelling."""

MOST_SEEN: Final = 16
Supersedes = Annotated[tuple[Bytes32, ...], Field(max_length=MOST_SEEN)]
"""The versions of an absolute object that its author saw, by name, sorted."""


def check_seen(names: tuple[bytes, ...]) -> None:
    """Demand that names stand sorted, each once.

    Raises:
        ContentError: They do not.
    """
    if list(names) != sorted(set(names)):
        raise ContentError("supersedes", "is not sorted, or names something twice")


class CaseContent(ContentModel):
    """The base of content that concerns a case.

    All of these are absent unless set. `identifiability` is pseudonymous: whoever identifies a
    person says so, and says on which ground. What allows it is named: the release (`consent_id`)
    with the circumstance that it was given for, and the agreement, which may have it kept for fewer
    days (`retain_days`). `compartment` says from whom within a partnership it is kept.
    """

    case_ref: CaseRef | None = None
    purpose_of_use: Annotated[str, CodeIn("purpose_of_use")] | None = None
    disclosure_basis: Annotated[str, CodeIn("disclosure_basis")] | None = None
    identifiability: Annotated[str, CodeIn("identifiability")] = "pseudonymous"
    handling: tuple[Annotated[str, CodeIn("handling")], ...] = ()
    agreement_id: Bytes16 | None = None
    consent_id: Bytes16 | None = None
    retain_days: Days | None = None
    compartment: Annotated[str, CodeIn("compartment")] | None = None
    circumstance: Annotated[str, CodeIn("circumstance")] | None = None

    @model_validator(mode="after")
    def _check_ground(self) -> Self:
        if list(self.handling) != sorted(set(self.handling)):
            raise ContentError("handling", "is not sorted, or names something twice")
        if self.identifiability != "identifying":
            return self
        if self.disclosure_basis is None:
            raise ContentError("disclosure_basis", "is missing, although a person is identified")
        if self.disclosure_basis == "non_identifying":
            raise ContentError("disclosure_basis", "says non-identifying of what identifies")
        return self


class OfCase(CaseContent):
    """The base of content that is of no use without its case."""

    case_ref: CaseRef


class Absolute(ContentModel):
    """The base of an absolute object: it says all of a thing, and names what its author had seen.

    `nonce` makes two versions that say the same differ in name.
    """

    nonce: Bytes16
    supersedes: Supersedes = ()

    @model_validator(mode="after")
    def _check_supersedes(self) -> Self:
        check_seen(self.supersedes)
        return self


class AbsoluteOfCase(OfCase, Absolute):
    """The base of an absolute object about a case."""
