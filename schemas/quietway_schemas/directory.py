"""The signed directory: who takes part, with which devices, under which keys.

These are the payloads that agencies and devices sign and the relay passes on. A model that exists
is well-formed and consistent in itself; whether its signature holds, and whether it follows the
version before, is for the reader to judge. Payloads are canonical JSON, and their exact bytes are
what is signed and hashed. Trust flows down one line: root, ops list, certificates, manifest, epoch
batches. No person's name has a field here.

Spec: docs/spec/keys.md, "Root → ops list" to "Epoch batches and freshness"; docs/spec/directory.md.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from quietway_schemas.checkpoints import Note
from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import ContentError, JsonError
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
from quietway_schemas.instants import DAY, HOUR, Instant
from quietway_schemas.log import LogProof, Path

if TYPE_CHECKING:
    from _typeshed import SupportsDunderLT

MAX_PAYLOAD_BYTES: Final = 196_000
"""The most that a payload may take: as base64 in a signed object it stays within 256 KiB."""
MANIFEST_LIFE_MS: Final = 90 * DAY
OPS_LIFE_MS: Final = 400 * DAY
DEPARTED_KEPT_MS: Final = 35 * DAY
"""How long a manifest goes on naming a device that left."""
MAX_CERTIFICATE_BYTES: Final = 2_048
MAX_OPS_LIST_BYTES: Final = 2_048
MOST_OPS: Final = 8
MOST_APPROVALS: Final = 9
"""All ops keys, and the root."""
MOST_DEVICES: Final = 50
MOST_DEPARTED: Final = 200
MOST_LANES: Final = 2_048
MOST_ENTRIES: Final = 256
MOST_BATCHES: Final = 24
"""How many epoch batches of a device are kept."""
EPOCH_GRACE_MS: Final = 2 * HOUR
"""How long after its end an epoch may still be sealed to, by who has a slow clock."""
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
_Inner = TypeVar("_Inner", bound=WireModel)
Week = Annotated[str, Field(pattern=r"^[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])$")]


def _demand_ascending(field: str, keys: "Iterable[SupportsDunderLT[Any]]") -> None:
    if not all(before < after for before, after in pairwise(keys)):
        raise ContentError(field, "is not sorted, or names something twice")


def check_suites(suites: tuple[int, ...]) -> tuple[int, ...]:
    """Let a sorted list of the suites pass that this version knows."""
    if suites not in {(1,), (2,), (1, 2)}:
        raise ValueError("is not a sorted list of suites that this version knows")
    return suites


def check_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Let a list of roles pass that is sorted and without doubles."""
    _demand_ascending("roles", roles)
    return roles


def _check_ops(ops: "tuple[OpsKey, ...]") -> "tuple[OpsKey, ...]":
    _demand_ascending("ops", [held.key for held in ops])
    return ops


class SignedObject(WireModel):
    """A payload as it was signed, and its signature."""

    payload: Annotated[bytes, Base64(2, MAX_PAYLOAD_BYTES)]
    signature: Bytes64


class OpsKey(WireModel):
    """A key that vouches for the agency's devices, and until when."""

    key: Bytes32
    expires: Moment


class OpsList(WireModel):
    """Whom the agency's root lets vouch, and how many of them it takes. `ops` is sorted by key."""

    agency_id: AgencyId
    agency_code: AgencyCode
    root_key: Bytes32
    version: Version
    issued: Moment
    approvals: Annotated[int, Field(ge=1, le=MOST_OPS)]
    ops: Annotated[
        tuple[OpsKey, ...], Field(min_length=1, max_length=MOST_OPS), AfterValidator(_check_ops)
    ]

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        if self.approvals > len(self.ops):
            raise ContentError("approvals", "asks for more keys than there are")
        if not all(self.issued < held.expires <= self.issued + OPS_LIFE_MS for held in self.ops):
            raise ContentError("ops", "holds a key that expires before issued, or after 400 days")
        return self

    def find(self, key: bytes) -> OpsKey | None:
        """Return an ops key as the list has it, or None where it is not in the list."""
        return next((held for held in self.ops if held.key == key), None)


class Certificate(WireModel):
    """What an agency says of one of its devices. `roles` and `suites` are sorted."""

    agency_id: AgencyId
    device_id: DeviceId
    identity_key: Bytes32
    listen_key: Bytes32
    mailbox: MailboxId
    relay: RelayUrl
    program: ProgramCode
    roles: Annotated[
        tuple[Annotated[str, CodeIn("role")], ...],
        Field(min_length=1, max_length=19),
        AfterValidator(check_roles),
    ]
    suites: Annotated[tuple[int, ...], AfterValidator(check_suites)]
    agency_owned: bool
    issued: Moment


class Approval(WireModel):
    """The signature of a certificate's payload, by the root key or an ops key."""

    key: Bytes32
    signature: Bytes64


class CertifiedDevice(WireModel):
    """A certificate as it was signed, and who approved it. `approvals` is sorted by key."""

    certificate: Annotated[bytes, Base64(2, MAX_CERTIFICATE_BYTES)]
    approvals: Annotated[tuple[Approval, ...], Field(min_length=1, max_length=MOST_APPROVALS)]

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        _demand_ascending("approvals", [approval.key for approval in self.approvals])
        _ = self.read
        return self

    @cached_property
    def read(self) -> Certificate:
        """What the certificate says."""
        return _read_within(Certificate, self.certificate, "certificate", MAX_CERTIFICATE_BYTES)


class Departed(WireModel):
    """A device that left, when and how; its identity key judges what it said before.

    `retired` is a device that was given back; `revoked` one that may be in other hands.
    """

    device_id: DeviceId
    identity_key: Bytes32
    at: Moment
    how: Literal["retired", "revoked"]


class Manifest(WireModel):
    """All of an agency's devices, in one version of a hash-linked row.

    It is signed by the ops key that it names as `signed_by`. Devices and departed are sorted by
    device id. The objects inside are read together with it, so what exists here reads well all the
    way down; who signed them is for `quietway_protocol.manifests` to prove.
    """

    agency_id: AgencyId
    version: Version
    prev_hash: Bytes32
    issued: Moment
    expires: Moment
    ops_list: SignedObject
    signed_by: Bytes32
    devices: Annotated[tuple[CertifiedDevice, ...], Field(min_length=1, max_length=MOST_DEVICES)]
    departed: Annotated[tuple[Departed, ...], Field(max_length=MOST_DEPARTED)]

    @cached_property
    def ops(self) -> OpsList:
        """The ops list that this version relies on."""
        return _read_within(OpsList, self.ops_list.payload, "ops_list", MAX_OPS_LIST_BYTES)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The certificates of all devices, by device id."""
        return tuple(held.read for held in self.devices)

    @property
    def agency_code(self) -> str:
        """The agency's code, by its ops list."""
        return self.ops.agency_code

    @property
    def root_key(self) -> bytes:
        """The root key that the ops list names."""
        return self.ops.root_key

    def find(self, device: DeviceId) -> Certificate | None:
        """Return a device's certificate, or None where the device is not certified."""
        return next((held for held in self.certificates if held.device_id == device), None)

    def find_departed(self, device: DeviceId) -> Departed | None:
        """Return how a device left, or None where that is not said here."""
        return next((gone for gone in self.departed if gone.device_id == device), None)

    @model_validator(mode="after")
    def _check_time_and_place(self) -> Self:
        if (self.version == 1) != (self.prev_hash == bytes(32)):
            raise ContentError("prev_hash", "is zero in version 1 and in no other")
        if not self.issued < self.expires <= self.issued + MANIFEST_LIFE_MS:
            raise ContentError("expires", "is not after issued, by 90 days at most")
        if any(gone.at > self.issued for gone in self.departed):
            raise ContentError("departed", "names a time after issued")
        if self.ops.agency_id != self.agency_id:
            raise ContentError("ops_list", "is another agency's")
        return self

    @model_validator(mode="after")
    def _check_devices(self) -> Self:
        held = self.certificates
        _demand_ascending("devices", [device.device_id for device in held])
        _demand_ascending("departed", [gone.device_id for gone in self.departed])
        _demand_distinct("mailbox", [device.mailbox for device in held])
        _demand_distinct("identity_key", [device.identity_key for device in held])
        if any(device.agency_id != self.agency_id for device in held):
            raise ContentError("certificate", "is another agency's")
        if any(device.program.partition("-")[0] != self.agency_code for device in held):
            raise ContentError("program", "does not begin with the agency's code")
        left = {gone.device_id for gone in self.departed}
        left_keys = {gone.identity_key for gone in self.departed}
        if any(device.device_id in left or device.identity_key in left_keys for device in held):
            raise ContentError("departed", "names a device that is still certified")
        return self


def _demand_distinct(field: str, values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        raise ContentError(field, "names something twice")


def _read_within(model: type[_Inner], payload: bytes, field: str, max_bytes: int) -> _Inner:
    """Read an object that stands inside another one, as bytes that somebody signed."""
    try:
        return model.from_canonical(payload, max_bytes=max_bytes)
    except ContentError as refused:
        raise ContentError(f"{field}.{refused.field}", refused.reason) from None
    except JsonError:
        raise ContentError(field, "is not one canonical JSON object") from None


def find_epoch_over(class_: EnvelopeClass, epoch: int) -> Instant:
    """Say from when on nobody seals to an epoch any more, whatever his clock says."""
    return class_.epoch_end(epoch) + EPOCH_GRACE_MS


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
    """Further keys that a device can be reached under, and the manifest it holds to be current.

    `epochs` is sorted: flash before case, each by number. Where it is empty, the batch only vouches
    for the manifest that it names. `replaces` throws away what the device published before.
    """

    agency_id: AgencyId
    device_id: DeviceId
    manifest_version: Version
    manifest_hash: Bytes32
    issued: Moment
    epochs: Annotated[tuple[EpochKeys, ...], Field(max_length=64)]
    replaces: Literal[True] | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _demand_ascending("epochs", [(held.envelope_class, held.epoch) for held in self.epochs])
        return self

    @property
    def over_at(self) -> Instant:
        """When the last of its epochs is over; 0 where it lists none."""
        return max((find_epoch_over(e.envelope_class, e.epoch) for e in self.epochs), default=0)


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


class DirectoryEntry(WireModel):
    """One change of the directory, as the relay passes it on; `removed` is the relay's own word.

    `log` proves that a manifest lies in the transparency log; whether it does is for the reader to
    judge, also where there is none.
    """

    seq: Count
    kind: Literal["manifest", "epochs", "removed"]
    agency_id: AgencyId
    object: SignedObject | None = None
    log: LogProof | None = None

    @model_validator(mode="after")
    def _check_object(self) -> Self:
        if (self.object is None) != (self.kind == "removed"):
            raise ContentError("object", "stands with what was signed, and with nothing else")
        return self


class DirectoryPage(WireModel):
    """A page of changes; `next` is the `after` of the next request.

    `checkpoint` is the head of the transparency log in the moment of the page, `consistency` the
    path to it from the size that the reader named, and `log_key` what the relay says that the log
    is signed with: only a reader that has pinned no key yet looks at that.
    """

    entries: Annotated[tuple[DirectoryEntry, ...], Field(max_length=MOST_ENTRIES)]
    next: Count
    more: bool
    checkpoint: Note
    consistency: Path
    log_key: Bytes32
