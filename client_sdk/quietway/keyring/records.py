"""The records of a keyring: what each is called, when it dies, and how its text is bound to both.

A record is one secret on its own, so that it can be destroyed on its own: the device's identity,
its agency's secret, the store's key, the root and ops keys while they lie here, each epoch's seed,
each record key. The record `device` says who it is, and holds no secret that is not in the clear
anyway. Names tell nothing about people: record keys are named by random bytes. Name and time are
bound into the wrapping, so that nobody lengthens a key's life by editing the file.

Spec: docs/spec/keys.md, "The keyring".
"""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from quietway_crypto.secret import Secret
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import ContentError, SchemaError
from quietway_schemas.fields import Base64, Moment, WireModel, decode_base64, encode_base64
from quietway_schemas.instants import HOUR, Instant

DEVICE: Final = "device"
IDENTITY: Final = "identity"
AGENCY: Final = "agency"
STORE: Final = "store"
ROOT: Final = "root"
OPS: Final = "ops"
RECORD_KEY: Final = "record"
WITH_THE_DEVICE: Final = 0
"""The `erase_after` of what lives as long as the device, and of record keys that are held."""
NAME_BYTES: Final = 16
GRACE_MS: Final = 2 * HOUR
_MAX_WRAPPED_BYTES: Final = 16_384
_LEAST_WRAPPED_BYTES: Final = 73


@dataclass(frozen=True, slots=True)
class Record:
    """One secret with its end.

    Attributes:
        erase_after: When it is destroyed, in milliseconds; 0 for with the device.
        secret: Its bytes.
    """

    erase_after: Instant
    secret: Secret

    def is_due(self, now: Instant) -> bool:
        """Say whether its time has come."""
        return is_due(self.erase_after, now)

    def overwrite(self) -> None:
        """Clear the secret, as far as it lies in memory."""
        self.secret.overwrite()


class WrappedRecord(WireModel):
    """A record as it stands in the file."""

    erase_after: Moment
    name: Annotated[str, Field(min_length=1, max_length=64)]
    wrapped: Annotated[bytes, Base64(_LEAST_WRAPPED_BYTES, _MAX_WRAPPED_BYTES)]

    def is_due(self, now: Instant) -> bool:
        """Say whether its time has come; the passphrase is not needed to know."""
        return is_due(self.erase_after, now)

    def write(self) -> bytes:
        """Write it as `to_canonical` does, without looking at it again: no name needs an escape."""
        wrapped = encode_base64(self.wrapped)
        text = f'{{"erase_after":{self.erase_after},"name":"{self.name}","wrapped":"{wrapped}"}}'
        return text.encode("ascii")


def is_due(erase_after: Instant, now: Instant) -> bool:
    """Say whether something has to be erased by now."""
    return erase_after != WITH_THE_DEVICE and erase_after <= now


def bind(name: str, erase_after: Instant) -> bytes:
    """Give the context that a record is wrapped under: name || u64 erase_after."""
    return name.encode("utf-8") + erase_after.to_bytes(8, "big")


def epoch_dies(class_: EnvelopeClass, epoch: int) -> Instant:
    """Give the moment from which nothing live can be sealed to an epoch: end + life + 2 h."""
    return class_.epoch_end(epoch) + class_.life_ms + GRACE_MS


def name_epoch(class_: EnvelopeClass, epoch: int) -> str:
    """Name the record of an epoch's seed, as `case/2900`."""
    return f"{class_.name.lower()}/{epoch}"


def name_record_key(name: bytes) -> str:
    """Name the record of a record key, as `record/` and its 16 random bytes.

    Raises:
        ValueError: The name is not 16 bytes long.
    """
    if len(name) != NAME_BYTES:
        raise ValueError("A record key's name is 16 bytes long.")
    return f"{RECORD_KEY}/{encode_base64(name)}"


def read_epoch(name: str) -> tuple[EnvelopeClass, int]:
    """Read what `name_epoch` wrote.

    Raises:
        SchemaError: It is no name of an epoch.
    """
    kind, _, number = name.partition("/")
    try:
        place = (EnvelopeClass[kind.upper()], int(number))
    except (KeyError, ValueError):
        raise _no_name() from None
    if name_epoch(*place) != name:
        raise _no_name()
    return place


def read_record_key(name: str) -> bytes:
    """Read what `name_record_key` wrote.

    Raises:
        SchemaError: It is no name of a record key.
    """
    raw = decode_base64(name.partition("/")[2])
    if len(raw) != NAME_BYTES:
        raise _no_name()
    return raw


def _no_name() -> SchemaError:
    return ContentError("name", "names no record of this format")
