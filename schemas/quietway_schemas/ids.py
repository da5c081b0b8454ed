"""Ids: 16 random bytes with a kind, and one text form for each.

An id says nothing: it holds no time, no counter and no name, and one can't be computed from
another. Ids of different kinds are never equal, even over the same bytes. The text form is the
prefix, `_` and 26 characters of base32 in lower case; a second spelling of the same bytes is
refused, so comparing texts is comparing ids. Randomness comes in as `entropy`; this room draws
none.

Spec: docs/spec/envelope.md, "Conventions".
"""

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from quietway_schemas.errors import IdError

ID_BYTES: Final = 16
_TEXT_CHARACTERS: Final = 26
_PADDING: Final = "======"


# A page of the directory names the same few agencies thousands of times, and the standard library's
# base32 is slow. Ids are public, so those that were read lately may be remembered.
@lru_cache(maxsize=4_096)
def _encode(value: bytes) -> str:
    return base64.b32encode(value).decode("ascii").rstrip("=").lower()


@lru_cache(maxsize=4_096)
def _decode(body: str) -> bytes:
    return base64.b32decode(body.upper() + _PADDING)


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Id:
    """The base of all ids; use one of the kinds below.

    Attributes:
        value: 16 bytes. Ids of one kind sort by them.
    """

    value: bytes
    prefix: ClassVar[str] = "id"

    def __post_init__(self) -> None:
        if type(self.value) is not bytes or len(self.value) != ID_BYTES:
            raise IdError(self.prefix)

    def __str__(self) -> str:
        return f"{self.prefix}_{_encode(self.value)}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @classmethod
    def from_entropy(cls, entropy: bytes) -> Self:
        """Make a new id of 16 random bytes.

        Raises:
            IdError: `entropy` is not 16 bytes.
        """
        return cls(entropy)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the one text form of an id of this kind.

        Raises:
            IdError: Another kind, another length, upper case, or bits set that must be zero.
        """
        prefix, _, body = text.partition("_")
        if prefix != cls.prefix or len(body) != _TEXT_CHARACTERS or not body.isascii():
            raise IdError(cls.prefix)
        try:
            value = _decode(body)
        except binascii.Error:
            raise IdError(cls.prefix) from None
        if _encode(value) != body:
            raise IdError(cls.prefix)
        return cls(value)

    @classmethod
    def _read(cls, text: str) -> Self:
        # pydantic collects ValueErrors; the path of the field is then known to the caller.
        try:
            return cls.from_text(text)
        except IdError:
            raise ValueError(f"is not an id of the kind '{cls.prefix}_'") from None

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[object], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        del source, handler
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                cls._read, core_schema.str_schema(strict=True)
            ),
            python_schema=core_schema.is_instance_schema(cls),
            serialization=core_schema.to_string_ser_schema(when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler
        # 130 bits hold 128: of the last character only the upper three bits may be set.
        return {"type": "string", "pattern": f"^{cls.prefix}_[a-z2-7]{{25}}[aeimquy4]$"}


class AgencyId(Id):
    """An agency, for as long as it takes part."""

    __slots__ = ()
    prefix = "agy"


class DeviceId(Id):
    """One device of an agency: a staff member's, or a partner app."""

    __slots__ = ()
    prefix = "dev"


class MailboxId(Id):
    """Where the relay keeps what is for one device."""

    __slots__ = ()
    prefix = "mbx"


class EnvelopeId(Id):
    """One envelope: new for each recipient device and each time something is sealed."""

    __slots__ = ()
    prefix = "env"


class ConversationId(Id):
    """A conversation between agencies, known only inside envelopes."""

    __slots__ = ()
    prefix = "cnv"


class MessageId(Id):
    """What was said: the first 16 bytes of the hash of a core, the same for every recipient."""

    __slots__ = ()
    prefix = "msg"


class ReferralRef(Id):
    """A referral. Random, never made from a case, so that it leads back to none."""

    __slots__ = ()
    prefix = "ref"


class CaseRef(Id):
    """A case under the alias that one pair of agencies uses: random, and no name."""

    __slots__ = ()
    prefix = "case"
