"""The field types that all our JSON objects are built of, and the model that they stand in.

Bytes are base64url text on the wire and `bytes` in Python; a second spelling of the same bytes is
refused. Models are frozen, strict and closed: an unknown field is a refusal, and a refusal is
always a `ContentError` that names the field and repeats no value. JSON is read by
`quietway_schemas.canonical` alone: pydantic sees only what came through it.

Spec: docs/spec/envelope.md, "Conventions" and "Content: canonical JSON".
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic import ValidationError as RefusedByModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from quietway_schemas.canonical import (
    LARGEST_INTEGER,
    JsonObject,
    decode_canonical,
    decode_strict,
    encode_canonical,
    write_checked,
)
from quietway_schemas.errors import ContentError, UnknownFieldError
from quietway_schemas.instants import LATEST_INSTANT

_PLAIN_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
ALWAYS_WRITTEN: Final = "quietway_always_written"
"""In a field's metadata: it is written also where it holds its default."""
_BASE64: Final = r"^[A-Za-z0-9_-]*$"


def encode_base64(raw: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def decode_base64(text: str) -> bytes:
    """Read exactly the form that `encode_base64` writes.

    Raises:
        ContentError: Padding, another alphabet, or unused bits that are not zero.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ContentError("base64", "is not base64url without padding") from None
    if encode_base64(raw) != text:
        raise ContentError("base64", "is not the one spelling of its bytes")
    return raw


@dataclass(frozen=True, slots=True)
class Base64:
    """Marks a `bytes` field: base64url on the wire, between `least` and `most` bytes long."""

    least: int
    most: int

    def _check(self, raw: bytes) -> bytes:
        if not self.least <= len(raw) <= self.most:
            raise ValueError("does not have the right number of bytes")
        return raw

    def _read(self, text: str) -> bytes:
        try:
            return self._check(decode_base64(text))
        except ContentError as refused:
            raise ValueError(refused.reason) from None

    def __get_pydantic_core_schema__(
        self, source: type[object], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read text from JSON and bytes from Python; write text into JSON."""
        del source, handler
        after = core_schema.no_info_after_validator_function
        return core_schema.json_or_python_schema(
            json_schema=after(self._read, core_schema.str_schema(strict=True)),
            python_schema=after(self._check, core_schema.bytes_schema(strict=True)),
            serialization=core_schema.plain_serializer_function_ser_schema(
                encode_base64, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the text form."""
        del schema, handler
        return {
            "type": "string",
            "pattern": _BASE64,
            "minLength": -(-self.least * 8 // 6),
            "maxLength": -(-self.most * 8 // 6),
        }


Bytes16 = Annotated[bytes, Base64(16, 16)]
Bytes32 = Annotated[bytes, Base64(32, 32)]
Bytes64 = Annotated[bytes, Base64(64, 64)]
Version = Annotated[int, Field(ge=1, le=2**32 - 1)]
EpochNumber = Annotated[int, Field(ge=0, le=2**16 - 1)]
Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
Moment = Annotated[int, Field(ge=0, le=LATEST_INSTANT)]
Month = Annotated[str, Field(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$")]
"""A month of the calendar, as `2026-11`: where a day would say more than is needed."""
Days = Annotated[int, Field(ge=1, le=3_650)]
"""For how many days something is kept, ten years at most."""


if TYPE_CHECKING:  # checkers see the fields of each model, and not this constructor
    _Refusing = BaseModel
else:

    class _RefusingMeta(type(BaseModel)):
        def __call__(cls, *args: object, **fields: object) -> BaseModel:
            try:
                return super().__call__(*args, **fields)
            except RefusedByModel as refused:
                explained = explain_refusal(refused)
            # Raised out here: the model's own error holds the values, and would be its context.
            raise explained

    class _Refusing(BaseModel, metaclass=_RefusingMeta):
        """A model that refuses in our words: the field's name, and no value."""

        @classmethod
        def model_validate(cls, obj: object, **options: object) -> Self:
            """Make the model of a mapping of Python values, as the constructor does."""
            try:
                return super().model_validate(obj, **options)
            except RefusedByModel as refused:
                explained = explain_refusal(refused)
            raise explained


class WireModel(_Refusing):
    """The base of every JSON object: frozen, strict, closed, and free of `null`."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    def to_canonical(self) -> bytes:
        """Write the object as canonical JSON; a field that holds nothing is left out."""
        return encode_canonical(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_canonical(cls, raw: bytes, *, max_bytes: int) -> Self:
        """Read the object from canonical JSON.

        Raises:
            JsonError: Not canonical JSON.
            ContentError: A field is missing, unknown, holds what it may not hold, or is written
                although it says nothing.
        """
        decode_canonical(raw, max_bytes=max_bytes)
        # From here on there is one way to read these bytes.
        made = cls._read(raw)
        if made.to_canonical() != raw:
            raise ContentError("object", "is not written in its one form: leave out defaults")
        return made

    @classmethod
    def from_kept(cls, raw: bytes) -> Self:
        """Read the object from what `from_canonical` has read once, and was kept sealed since.

        Raises:
            ContentError: A field is missing, unknown, or holds what it may not hold.
        """
        return cls._read(raw)

    @classmethod
    def from_body(cls, raw: bytes, *, max_bytes: int) -> Self:
        """Read the object from JSON in any spacing and order, as in ordinary requests.

        Raises:
            JsonError: Not JSON as we accept it.
            ContentError: A field is missing, unknown, or holds what it may not hold.
        """
        return cls.from_object(decode_strict(raw, max_bytes=max_bytes))

    @classmethod
    def from_object(cls, found: JsonObject) -> Self:
        """Read what `decode_strict` or `decode_canonical` has read.

        Raises:
            ContentError: A field is missing, unknown, or holds what it may not hold.
        """
        # Written again, so that the model's own parser can't see anything that ours did not.
        return cls._read(write_checked(found))

    @classmethod
    def _read(cls, raw: bytes) -> Self:
        try:
            return cls.model_validate_json(raw, by_alias=True, by_name=False)
        except RefusedByModel as refused:
            explained = explain_refusal(refused)
        raise explained


def explain_refusal(refused: RefusedByModel) -> ContentError:
    """Turn the first complaint of a model into a refusal that repeats no value."""
    first = refused.errors(include_url=False, include_input=False)[0]
    field = ".".join(_name_part(part) for part in first["loc"]) or "object"
    match first["type"]:
        case "missing":
            return ContentError(field, "is missing")
        case "extra_forbidden":
            return UnknownFieldError(field)
        case "value_error":
            return ContentError(field, _reason_of(first))
        case _:
            return ContentError(field, "does not have the type or form that is asked")


def _name_part(part: int | str) -> str:
    if isinstance(part, int) or _PLAIN_NAME.fullmatch(part):
        return str(part)
    return "?"


def _reason_of(complaint: ErrorDetails) -> str:
    # All ValueErrors that our validators raise are half sentences without a value.
    return str(complaint["ctx"]["error"])
