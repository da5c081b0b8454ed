"""What a keyring holds: the secrets of one device, in memory and as the records of its vault.

Fields are never removed or given another meaning within a format; a new format brings a step that
turns the former device record into the new one. Secrets are wrapped the moment they are read, so
that a `repr` shows fingerprints and a pickle is refused.

Spec: docs/spec/keys.md, "The keyring"; docs/spec/envelope.md, "Keys of an epoch".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from quietway.keyring.records import (
    AGENCY,
    DEVICE,
    IDENTITY,
    OPS,
    RECORD_KEY,
    ROOT,
    STORE,
    WITH_THE_DEVICE,
    Record,
    epoch_dies,
    name_epoch,
    name_record_key,
    read_epoch,
    read_record_key,
)
from quietway.ports import Entropy
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_schemas.directory import AgencyCode, ProgramCode, RelayUrl
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes16, Bytes32, Count, WireModel
from quietway_schemas.ids import AgencyId, DeviceId, MailboxId

SEED_BYTES: Final = 32
ID_BYTES: Final = 16
MAX_BODY_BYTES: Final = 8_192
ALWAYS: Final = frozenset({DEVICE, IDENTITY, AGENCY, STORE})
"""Records that every keyring has."""
_ALONE: Final = ALWAYS | {ROOT, OPS}


class Body(WireModel):
    """The record `device` as it stands in the vault. It lives only while that is read or written.

    The root's public key stands here, since its secret one may lie elsewhere. The listen seed
    stands here as well as in the clear, so that the file can be written again. No other secret
    does: texts leave copies in memory.
    """

    agency: AgencyId
    device: DeviceId
    mailbox: MailboxId
    listen_seed: Bytes32 = Field(repr=False)
    root_key: Bytes32
    store_id: Bytes16
    generation: Count
    settled: bool
    relay: RelayUrl
    agency_code: AgencyCode
    program: ProgramCode
    roles: Annotated[tuple[str, ...], Field(min_length=1, max_length=19)]


@dataclass(frozen=True, slots=True)
class Founding:
    """What is decided about a device when it is founded, and is no secret.

    Attributes:
        relay: The relay's address.
        agency_code: The agency's code, as `HARBOR`.
        program: The program's code, as `HARBOR-SHELTER`.
        roles: Codes of the list `role`.
    """

    relay: str
    agency_code: str
    program: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceSecrets:
    """Everything a keyring holds, in memory.

    Attributes:
        root_key: The public half of the agency's root key.
        generation: How often the store was opened.
        settled: False from the moment a new generation is written down until the store has it too.
        root_seed: The root key, while it lies here.
        ops_seed: The ops key, where this device holds one.
        epoch_seeds: 32 bytes each, by class and number of the epoch.
        record_keys: 32 bytes each with their ends, by their 16 random bytes.
    """

    agency: AgencyId
    device: DeviceId
    mailbox: MailboxId
    identity_seed: Secret
    listen_seed: Secret
    root_key: bytes
    agency_secret: Secret
    store_key: Secret
    store_id: bytes
    founding: Founding
    generation: int = 0
    settled: bool = True
    root_seed: Secret | None = None
    ops_seed: Secret | None = None
    epoch_seeds: Mapping[tuple[EnvelopeClass, int], Secret] = field(default_factory=dict)
    record_keys: Mapping[bytes, Record] = field(default_factory=dict)

    def overwrite(self) -> None:
        """Clear all that must not outlive a lock."""
        always = (self.identity_seed, self.listen_seed, self.agency_secret, self.store_key)
        maybe = tuple(seed for seed in (self.root_seed, self.ops_seed) if seed is not None)
        for secret in (*always, *maybe, *self.epoch_seeds.values()):
            secret.overwrite()
        for record in self.record_keys.values():
            record.overwrite()


def draw_secrets(founding: Founding, *, entropy: Entropy) -> DeviceSecrets:
    """Make the secrets of a new device of a new agency."""
    agency, device, mailbox = (entropy.draw(ID_BYTES) for _ in range(3))
    identity, listen, root, ops, secret, store = (
        Secret(entropy.draw(SEED_BYTES)) for _ in range(6)
    )
    return DeviceSecrets(
        agency=AgencyId(agency),
        device=DeviceId(device),
        mailbox=MailboxId(mailbox),
        identity_seed=identity,
        listen_seed=listen,
        root_key=SigningKey(root).public,
        agency_secret=secret,
        store_key=store,
        store_id=entropy.draw(ID_BYTES),
        founding=founding,
        root_seed=root,
        ops_seed=ops,
    )


def to_records(held: DeviceSecrets) -> dict[str, Record]:
    """Turn secrets into what is wrapped into the file, by name."""
    records = {
        DEVICE: Record(WITH_THE_DEVICE, Secret(_to_body(held).to_canonical())),
        IDENTITY: Record(WITH_THE_DEVICE, held.identity_seed),
        AGENCY: Record(WITH_THE_DEVICE, held.agency_secret),
        STORE: Record(WITH_THE_DEVICE, held.store_key),
    }
    if held.root_seed is not None:
        records[ROOT] = Record(WITH_THE_DEVICE, held.root_seed)
    if held.ops_seed is not None:
        records[OPS] = Record(WITH_THE_DEVICE, held.ops_seed)
    for place, seed in held.epoch_seeds.items():
        records[name_epoch(*place)] = Record(epoch_dies(*place), seed)
    for name, record in held.record_keys.items():
        records[name_record_key(name)] = record
    return records


def from_records(records: Mapping[str, Record]) -> DeviceSecrets:
    """Turn what was unwrapped from the file into secrets.

    Raises:
        SchemaError: A record is not of this format, or there is no device.
    """
    for name in sorted(ALWAYS):
        if name not in records:
            raise ContentError(name, "is missing")
    body = Body.from_canonical(records[DEVICE].secret.reveal(), max_bytes=MAX_BODY_BYTES)
    keys = {name: record for name, record in records.items() if name not in _ALONE}
    named = f"{RECORD_KEY}/"
    return DeviceSecrets(
        agency=body.agency,
        device=body.device,
        mailbox=body.mailbox,
        identity_seed=records[IDENTITY].secret,
        listen_seed=Secret(body.listen_seed),
        root_key=body.root_key,
        agency_secret=records[AGENCY].secret,
        store_key=records[STORE].secret,
        store_id=body.store_id,
        founding=Founding(body.relay, body.agency_code, body.program, body.roles),
        generation=body.generation,
        settled=body.settled,
        root_seed=records[ROOT].secret if ROOT in records else None,
        ops_seed=records[OPS].secret if OPS in records else None,
        epoch_seeds={
            read_epoch(name): record.secret
            for name, record in keys.items()
            if not name.startswith(named)
        },
        record_keys={
            read_record_key(name): record for name, record in keys.items() if name.startswith(named)
        },
    )


def _to_body(held: DeviceSecrets) -> Body:
    return Body(
        agency=held.agency,
        device=held.device,
        mailbox=held.mailbox,
        listen_seed=held.listen_seed.reveal(),
        root_key=held.root_key,
        store_id=held.store_id,
        generation=held.generation,
        settled=held.settled,
        relay=held.founding.relay,
        agency_code=held.founding.agency_code,
        program=held.founding.program,
        roles=held.founding.roles,
    )
