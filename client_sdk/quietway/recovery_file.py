"""The recovery file: an agency's root seed, sealed to every choice of m among its custodians.

It is no secret, and it may lie in more places than one. A file that exists here is whole: each
choice once and in order, each box as long as it must be, each key one to seal to. Whether what lies
in a box is the agency's root, only opening tells.

Rules: it is read as strictly as anything from outside, so that one file has one form.

Spec: docs/spec/keys.md, "Recovery".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway.errors import RecoveryFileRefused
from quietway_crypto.errors import CryptoError
from quietway_crypto.recovery import MOST_CUSTODIANS, box_bytes, check_custodians, list_choices
from quietway_crypto.signing import check_public_key
from quietway_schemas.directory import AgencyCode
from quietway_schemas.errors import ContentError, SchemaError
from quietway_schemas.fields import Base64, Bytes32, WireModel
from quietway_schemas.ids import AgencyId

_MOST_BYTES: Final = 64 * 1024
_MOST_BOXES: Final = 35
_Place = Annotated[int, Field(ge=0, lt=MOST_CUSTODIANS)]


class RecoveryBox(WireModel):
    """The root seed, sealed to one choice of custodians."""

    who: Annotated[tuple[_Place, ...], Field(min_length=1, max_length=MOST_CUSTODIANS)]
    box: Annotated[bytes, Base64(box_bytes(1), box_bytes(MOST_CUSTODIANS))] = Field(repr=False)


class RecoveryFile(WireModel):
    """Which custodians bring an agency's root back, and how many of them it takes."""

    agency_id: AgencyId
    agency_code: AgencyCode
    custodians: Annotated[tuple[Bytes32, ...], Field(min_length=1, max_length=MOST_CUSTODIANS)]
    root_key: Bytes32
    threshold: Annotated[int, Field(ge=1, le=MOST_CUSTODIANS)]
    boxes: Annotated[tuple[RecoveryBox, ...], Field(min_length=1, max_length=_MOST_BOXES)]
    version: Literal[1]

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        try:
            check_custodians(self.custodians, self.threshold)
            check_public_key(self.root_key)
        except CryptoError:
            raise ContentError("custodians", "is not what a seed can be sealed to") from None
        choices = list_choices(len(self.custodians), self.threshold)
        if tuple(held.who for held in self.boxes) != choices:
            raise ContentError("boxes", "does not have each choice once, in order")
        if any(len(held.box) != box_bytes(self.threshold) for held in self.boxes):
            raise ContentError("boxes", "holds a box of another length")
        return self

    def to_bytes(self) -> bytes:
        """Write the file: one line of canonical JSON."""
        return self.to_canonical() + b"\n"

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read what `to_bytes` wrote, and nothing else.

        Raises:
            RecoveryFileRefused: `malformed`.
        """
        try:
            return cls.from_canonical(raw.removesuffix(b"\n"), max_bytes=_MOST_BYTES)
        except SchemaError:
            raise RecoveryFileRefused("malformed") from None
