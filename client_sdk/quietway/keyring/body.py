"""What a keyring holds: the secrets of one device, in memory and as the vault's body.

Fields are never removed or given another meaning within a format; a new format brings a step that
turns the former body into the new one. Secrets are wrapped the moment they are read, so that a
`repr` shows fingerprints and a pickle is refused.

Spec: docs/spec/envelope.md, "Keys of an epoch"; docs/spec/relay-protocol.md, "The directory".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field

from quietway.ports import Entropy
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_schemas.directory import AgencyCode, ProgramCode, RelayUrl
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.fields import Bytes16, Bytes32, Count, EpochNumber, WireModel
from quietway_schemas.ids import AgencyId, DeviceId, MailboxId

SEED_BYTES: Final = 32
ID_BYTES: Final = 16


class EpochSeed(WireModel):
    """The seed of one epoch, as it stands in the file."""

    class_: Literal["flash", "case"] = Field(validation_alias="class", serialization_alias="class")
    epoch: EpochNumber
    seed: Bytes32 = Field(repr=False)


class Body(WireModel):
    """The body as it stands in the file. It lives only while the file is read or written."""

    agency: AgencyId
    device: DeviceId
    mailbox: MailboxId
    identity_seed: Bytes32 = Field(repr=False)
    listen_seed: Bytes32 = Field(repr=False)
    root_seed: Bytes32 = Field(repr=False)
    agency_secret: Bytes32 = Field(repr=False)
    store_key: Bytes32 = Field(repr=False)
    store_id: Bytes16
    generation: Count
    settled: bool
    relay: RelayUrl
    agency_code: AgencyCode
    program: ProgramCode
    roles: Annotated[tuple[str, ...], Field(min_length=1, max_length=19)]
    epochs: tuple[EpochSeed, ...] = Field(default=(), repr=False)


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
        generation: How often the store was opened.
        settled: False from the moment a new generation is written down until the store has it too.
        epoch_seeds: 32 bytes each, by class and number of the epoch.
    """

    agency: AgencyId
    device: DeviceId
    mailbox: MailboxId
    identity_seed: Secret
    listen_seed: Secret
    root_seed: Secret
    agency_secret: Secret
    store_key: Secret
    store_id: bytes
    founding: Founding
    generation: int = 0
    settled: bool = True
    epoch_seeds: Mapping[tuple[EnvelopeClass, int], Secret] = field(default_factory=dict)

    @property
    def identity(self) -> SigningKey:
        """The key that signs what this device says."""
        return SigningKey(self.identity_seed)


def draw_secrets(founding: Founding, *, entropy: Entropy) -> DeviceSecrets:
    """Make the secrets of a new device of a new agency."""
    return DeviceSecrets(
        agency=AgencyId(entropy.draw(ID_BYTES)),
        device=DeviceId(entropy.draw(ID_BYTES)),
        mailbox=MailboxId(entropy.draw(ID_BYTES)),
        identity_seed=Secret(entropy.draw(SEED_BYTES)),
        listen_seed=Secret(entropy.draw(SEED_BYTES)),
        root_seed=Secret(entropy.draw(SEED_BYTES)),
        agency_secret=Secret(entropy.draw(SEED_BYTES)),
        store_key=Secret(entropy.draw(SEED_BYTES)),
        store_id=entropy.draw(ID_BYTES),
        founding=founding,
    )


def to_body(held: DeviceSecrets) -> Body:
    """Turn secrets into what is written into the file."""
    seeds = sorted(held.epoch_seeds.items(), key=lambda item: item[0])
    return Body(
        agency=held.agency,
        device=held.device,
        mailbox=held.mailbox,
        identity_seed=held.identity_seed.reveal(),
        listen_seed=held.listen_seed.reveal(),
        root_seed=held.root_seed.reveal(),
        agency_secret=held.agency_secret.reveal(),
        store_key=held.store_key.reveal(),
        store_id=held.store_id,
        generation=held.generation,
        settled=held.settled,
        relay=held.founding.relay,
        agency_code=held.founding.agency_code,
        program=held.founding.program,
        roles=held.founding.roles,
        epochs=tuple(
            EpochSeed(class_=_name(class_), epoch=epoch, seed=seed.reveal())
            for (class_, epoch), seed in seeds
        ),
    )


def from_body(body: Body) -> DeviceSecrets:
    """Turn what was read from the file into secrets."""
    return DeviceSecrets(
        agency=body.agency,
        device=body.device,
        mailbox=body.mailbox,
        identity_seed=Secret(body.identity_seed),
        listen_seed=Secret(body.listen_seed),
        root_seed=Secret(body.root_seed),
        agency_secret=Secret(body.agency_secret),
        store_key=Secret(body.store_key),
        store_id=body.store_id,
        founding=Founding(body.relay, body.agency_code, body.program, body.roles),
        generation=body.generation,
        settled=body.settled,
        epoch_seeds={
            (EnvelopeClass[held.class_.upper()], held.epoch): Secret(held.seed)
            for held in body.epochs
        },
    )


def _name(class_: EnvelopeClass) -> Literal["flash", "case"]:
    return "flash" if class_ is EnvelopeClass.FLASH else "case"
