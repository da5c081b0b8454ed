"""The signed directory: who takes part, with which devices, under which keys.

These are the payloads that agencies and devices sign and the relay passes on. A model that exists
is well-formed and consistent in itself; whether its signature holds, and whether it follows the
version before, is for the reader to judge. Payloads are canonical JSON, and their exact bytes are
what is signed and hashed. No person's name has a field here.

Spec: docs/spec/relay-protocol.md, "The directory".
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import (
    Base64,
    Bytes32,
    Bytes64,
    Count,
    EpochNumber,
    Moment,
    Version,
    WireModel,
)
from quietway_schemas.ids import AgencyId, DeviceId, MailboxId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from _typeshed import SupportsDunderLT

MAX_PAYLOAD_BYTES: Final = 196_000
"""The most that a payload may take: as base64 in a signed object it stays within 256 KiB."""
MANIFEST_LIFE_MS: Final = 90 * DAY
MOST_DEVICES: Final = 50
MOST_LANES: Final = 2_048
MOST_ENTRIES: Final = 64
SUITE_KEY_BYTES: Final = {"1": 32, "2": 1_216}
"""The length of an epoch public key, by suite."""

AgencyCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,15}$")]
ProgramCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,15}-[A-Z][A-Z0-9]{1,23}$")]
RelayUrl = Annotated[
    str,
    Field(
        max_length=200,
        # Plain http only where it does not leave the machine. No path, no query, no user.
        pattern=r"^(https://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
        r"|http://(localhost|127\.0\.0\.1|\[::1\]))(:[1-9][0-9]{0,4})?$",
    ),
]
Week = Annotated[str, Field(pattern=r"^[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])$")]


def _demand_ascending(field: str, keys: "Iterable[SupportsDunderLT[Any]]") -> None:
    if not all(before < after for before, after in pairwise(keys)):
        raise ContentError(field, "is not sorted, or names something twice")


def _check_suites(suites: tuple[int, ...]) -> tuple[int, ...]:
    if suites not in {(1,), (2,), (1, 2)}:
        raise ValueError("is not a sorted list of suites that this version knows")
    return suites


def _check_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    _demand_ascending("roles", roles)
    return roles


class DeviceCertificate(WireModel):
    """What a manifest says of one device. `roles` and `suites` are sorted."""

    device_id: DeviceId
    identity_key: Bytes32
    listen_key: Bytes32
    mailbox: MailboxId
    relay: RelayUrl
    program: ProgramCode
    roles: Annotated[
        tuple[Annotated[str, CodeIn("role")], ...],
        Field(min_length=1, max_length=19),
        AfterValidator(_check_roles),
    ]
    suites: Annotated[tuple[int, ...], AfterValidator(_check_suites)]


class Retired(WireModel):
    """A device that the agency no longer vouches for, and since when."""

    device_id: DeviceId
    at: Moment


class Manifest(WireModel):
    """All of an agency's devices, in one version of a hash-linked row.

    Devices and retired are sorted by device id.
    """

    agency_id: AgencyId
    version: Version
    prev_hash: Bytes32
    issued: Moment
    expires: Moment
    agency_code: AgencyCode
    root_key: Bytes32
    devices: Annotated[tuple[DeviceCertificate, ...], Field(min_length=1, max_length=MOST_DEVICES)]
    retired: Annotated[tuple[Retired, ...], Field(max_length=200)]

    @model_validator(mode="after")
    def _check_time_and_place(self) -> Self:
        if (self.version == 1) != (self.prev_hash == bytes(32)):
            raise ContentError("prev_hash", "is zero in version 1 and in no other")
        if not self.issued < self.expires <= self.issued + MANIFEST_LIFE_MS:
            raise ContentError("expires", "is not after issued, by 90 days at most")
        if any(gone.at > self.issued for gone in self.retired):
            raise ContentError("retired", "names a time after issued")
        return self

    @model_validator(mode="after")
    def _check_devices(self) -> Self:
        _demand_ascending("devices", [device.device_id for device in self.devices])
        _demand_ascending("retired", [gone.device_id for gone in self.retired])
        if {gone.device_id for gone in self.retired} & {held.device_id for held in self.devices}:
            raise ContentError("retired", "names a device that is still certified")
        _demand_distinct("mailbox", [device.mailbox for device in self.devices])
        _demand_distinct("identity_key", [device.identity_key for device in self.devices])
        if any(device.program.partition("-")[0] != self.agency_code for device in self.devices):
            raise ContentError("program", "does not begin with the agency's code")
        return self


def _demand_distinct(field: str, values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        raise ContentError(field, "names something twice")


class EpochKeys(WireModel):
    """The public keys of one epoch, by suite ("1", "2")."""

    class_: Literal["flash", "case"] = Field(validation_alias="class", serialization_alias="class")
    epoch: EpochNumber
    keys: Annotated[
        dict[Literal["1", "2"], Annotated[bytes, Base64(32, 1_216)]], Field(min_length=1)
    ]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if any(len(key) != SUITE_KEY_BYTES[suite] for suite, key in self.keys.items()):
            raise ContentError("keys", "holds a key whose length is not its suite's")
        return self

    @property
    def envelope_class(self) -> EnvelopeClass:
        """The class that the epoch belongs to."""
        return EnvelopeClass[self.class_.upper()]


class EpochBatch(WireModel):
    """The keys that a device can be reached under, and the manifest it holds to be current.

    `epochs` is sorted: flash before case, each by number.
    """

    agency_id: AgencyId
    device_id: DeviceId
    manifest_version: Version
    manifest_hash: Bytes32
    issued: Moment
    epochs: Annotated[tuple[EpochKeys, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _demand_ascending("epochs", [(held.envelope_class, held.epoch) for held in self.epochs])
        return self


class Lane(WireModel):
    """The hash of one partner's capability for one week and kind."""

    kind: Literal["normal", "crisis"]
    hash: Bytes32


class WeekOfLanes(WireModel):
    """Who may send to an agency in one week, as hashes.

    Padded to a power of two, so that the number of partners does not show.
    """

    agency_id: AgencyId
    device_id: DeviceId
    week: Week
    version: Version
    lanes: Annotated[tuple[Lane, ...], Field(min_length=1, max_length=MOST_LANES)]

    @model_validator(mode="after")
    def _check_lanes(self) -> Self:
        _demand_ascending("lanes", [lane.hash for lane in self.lanes])
        if len(self.lanes).bit_count() != 1:
            raise ContentError("lanes", "has a number of lanes that is not a power of two")
        return self


class SignedObject(WireModel):
    """A payload as it was signed, and its signature."""

    payload: Annotated[bytes, Base64(2, MAX_PAYLOAD_BYTES)]
    signature: Bytes64


class DirectoryEntry(WireModel):
    """One change of the directory, as the relay passes it on."""

    seq: Count
    kind: Literal["manifest", "epochs"]
    agency_id: AgencyId
    object: SignedObject


class DirectoryPage(WireModel):
    """A page of changes; `next` is the `after` of the next request."""

    entries: Annotated[tuple[DirectoryEntry, ...], Field(max_length=MOST_ENTRIES)]
    next: Count
    more: bool
