"""A device that belongs to no agency yet: its secrets, under its passphrase, in the file `linking`.

It is written before the request is shown, so that a machine that is switched off meanwhile goes on
with the same request; and it is removed when the keyring is there. The keyring itself never knows a
device without an agency. Until then nothing was ever sealed to these keys.

Spec: docs/spec/keys.md, "Linking a device".
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from quietway.errors import StoreDamaged, StoreMissing, WrongPassphrase
from quietway.files import write_durably
from quietway.keyring.body import ID_BYTES, SEED_BYTES
from quietway.linking import DeviceRequest
from quietway_crypto.encoding import TAG_LINK
from quietway_crypto.errors import OpenError, PassphraseRefusedError
from quietway_crypto.passphrase import PassphraseParameters, derive_key
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_crypto.suites import available_suites
from quietway_crypto.wrap import NONCE_BYTES, unwrap, wrap
from quietway_schemas.content.agency import MOST_REQUEST_BYTES
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Base64, Bytes16, Bytes32, WireModel
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_schemas.linking import LinkRequest

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.ports import Entropy

LINKING_FILE: Final = "linking"
_CONTEXT: Final = TAG_LINK.encode("ascii")
_MOST_FILE_BYTES: Final = 8_192


class _File(WireModel):
    time_cost: int
    memory_kib: int
    parallelism: int
    salt: Bytes16
    version: Literal[1] = 1
    wrapped: Annotated[bytes, Base64(72, 4_096)]


class _Body(WireModel):
    request: Annotated[bytes, Base64(2, MOST_REQUEST_BYTES)]
    identity_seed: Bytes32 = Field(repr=False)
    listen_seed: Bytes32 = Field(repr=False)


@dataclass(frozen=True, slots=True)
class PendingDevice:
    """What a new device has drawn for itself.

    Attributes:
        request: What it shows.
        identity_seed: Of the key that will sign what it says.
        listen_seed: Of the key that will learn that something came.
    """

    request: DeviceRequest
    identity_seed: Secret = field(repr=False)
    listen_seed: Secret = field(repr=False)

    @property
    def identity(self) -> SigningKey:
        """Signs its requests once the relay knows it."""
        return SigningKey(self.identity_seed)


def draw_pending(*, agency_owned: bool, entropy: Entropy) -> PendingDevice:
    """Draw the keys of a new device."""
    identity, listen = (Secret(entropy.draw(SEED_BYTES)) for _ in range(2))
    told = LinkRequest(
        agency_owned=agency_owned,
        device_id=DeviceId(entropy.draw(ID_BYTES)),
        identity_key=SigningKey(identity).public,
        listen_key=SigningKey(listen).public,
        mailbox=MailboxId(entropy.draw(ID_BYTES)),
        nonce=entropy.draw(ID_BYTES),
        suites=tuple(sorted(int(suite) for suite in available_suites())),
    )
    return PendingDevice(DeviceRequest(told), identity, listen)


def write_pending(
    folder: Path,
    pending: PendingDevice,
    *,
    passphrase: str,
    parameters: PassphraseParameters,
    entropy: Entropy,
) -> None:
    """Write a new device's secrets, durably.

    Raises:
        StorageFull: There is no room. Nothing was written.
    """
    salt = entropy.draw(ID_BYTES)
    body = _Body(
        request=pending.request.told.to_canonical(),
        identity_seed=pending.identity_seed.reveal(),
        listen_seed=pending.listen_seed.reveal(),
    )
    key = derive_key(passphrase, salt=salt, parameters=parameters)
    wrapped = wrap(key, body.to_canonical(), context=_CONTEXT, nonce=entropy.draw(NONCE_BYTES))
    made = _File(
        time_cost=parameters.time_cost,
        memory_kib=parameters.memory_kib,
        parallelism=parameters.parallelism,
        salt=salt,
        wrapped=wrapped,
    )
    write_durably(folder / LINKING_FILE, made.to_canonical())


def open_pending(folder: Path, *, passphrase: str) -> PendingDevice:
    """Read a new device's secrets back.

    Raises:
        StoreMissing: No device asks to be linked here.
        WrongPassphrase: Nothing was changed.
        StoreDamaged: The file can't be read.
    """
    try:
        raw = (folder / LINKING_FILE).read_bytes()
    except FileNotFoundError:
        raise StoreMissing from None
    try:
        held = _File.from_canonical(raw, max_bytes=_MOST_FILE_BYTES)
        parameters = PassphraseParameters(held.time_cost, held.memory_kib, held.parallelism)
        key = derive_key(passphrase, salt=held.salt, parameters=parameters)
        body = _Body.from_canonical(
            unwrap(key, held.wrapped, context=_CONTEXT), max_bytes=_MOST_FILE_BYTES
        )
    except OpenError:
        raise WrongPassphrase from None
    except (SchemaError, PassphraseRefusedError):
        raise StoreDamaged("linking file") from None
    request = DeviceRequest.from_bytes(body.request)
    return PendingDevice(request, Secret(body.identity_seed), Secret(body.listen_seed))


def is_pending(folder: Path) -> bool:
    """Say whether a device asks to be linked here, or was linked and not cleaned up after."""
    return (folder / LINKING_FILE).exists()


def forget_pending(folder: Path) -> None:
    """Remove the file: the keyring holds the secrets now, or nobody wants them."""
    with suppress(FileNotFoundError):
        (folder / LINKING_FILE).unlink()
