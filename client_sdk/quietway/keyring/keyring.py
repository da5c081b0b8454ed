"""The secrets of one device, in the one file `keyring`.

Every change is on the disk before the method returns: a key that was published and then lost would
leave mail that nobody can open, and an epoch that was erased must not come back. Only who holds the
folder's lock may change a keyring; reading it needs none.

The generation counts how often the store was opened. A new one is written here first (unsettled),
then into the store, then settled here. So a store that lags behind a settled keyring is an older
copy that somebody put back.

Spec: docs/spec/envelope.md, "Keys of an epoch"; docs/decisions/fresh-incarnation.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, SupportsIndex

from quietway.errors import StoreDamaged, StoreExists, StoreRolledBack
from quietway.keyring.body import Body, DeviceSecrets, Founding, draw_secrets, from_body, to_body
from quietway.keyring.vault import MAX_BODY_BYTES, PART, Formats, MemoryVault, Vault, open_vault
from quietway_crypto.passphrase import PassphraseParameters, check_passphrase
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import derive_keypair
from quietway_schemas.canonical import JsonObject, decode_canonical, encode_canonical
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from quietway.ports import Entropy
    from quietway_crypto.epoch import EpochKeyPair
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.ids import AgencyId, DeviceId, MailboxId


class Keyring:
    """An unlocked keyring. Make one with `create` or `unlock`."""

    __slots__ = ("_entropy", "_held", "_pairs", "_vault")

    def __init__(self, vault: Vault | MemoryVault, held: DeviceSecrets, entropy: Entropy) -> None:
        self._vault = vault
        self._held = held
        self._entropy = entropy
        self._pairs: dict[tuple[EnvelopeClass, int, int], EpochKeyPair] = {}

    def __repr__(self) -> str:
        return f"Keyring({self._held.device})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A keyring is not pickled and not copied.")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("A keyring is not pickled and not copied.")

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        passphrase: str,
        entropy: Entropy,
        parameters: PassphraseParameters,
        founding: Founding,
    ) -> Keyring:
        """Make the secrets of a new agency's first device, and write them.

        Args:
            path: The file; its folder must be there.
            passphrase: At least 15 characters, or 6 words.
            entropy: Where secrets come from.
            parameters: What it shall cost to try one passphrase.
            founding: What is no secret.

        Raises:
            StoreExists: There is a keyring already. It was not touched.
            PassphraseRefusedError: The passphrase is too weak. Nothing was written.
            StorageFull: There is no room. Nothing was written.
        """
        if path.exists():
            raise StoreExists
        check_passphrase(passphrase)
        vault = Vault.make(path, passphrase=passphrase, entropy=entropy, parameters=parameters)
        made = cls(vault, draw_secrets(founding, entropy=entropy), entropy)
        made._keep(made._held)
        return made

    @classmethod
    def in_memory(cls, *, entropy: Entropy, founding: Founding) -> Keyring:
        """Make the secrets of a device that is gone with the process: for sandboxes and tests."""
        return cls(MemoryVault(), draw_secrets(founding, entropy=entropy), entropy)

    @classmethod
    def unlock(
        cls, path: Path, *, passphrase: str, entropy: Entropy, formats: Formats | None = None
    ) -> Keyring:
        """Open a keyring.

        Args:
            path: The file.
            passphrase: As typed.
            entropy: For what is written later.
            formats: The formats known; ours, unless a test brings its own.

        Raises:
            StoreMissing: There is none.
            WrongPassphrase: This passphrase does not open it. Nothing was changed.
            StoreDamaged: The file is not whole.
            StoreTooNew: A newer version wrote it. Nothing was changed.
        """
        vault, body = open_vault(
            path, passphrase=passphrase, entropy=entropy, formats=formats or Formats()
        )
        return cls(vault, _read_body(body), entropy)

    @property
    def agency(self) -> AgencyId:
        """The agency that this device belongs to."""
        return self._held.agency

    @property
    def device(self) -> DeviceId:
        """This device."""
        return self._held.device

    @property
    def mailbox(self) -> MailboxId:
        """Where the relay keeps what is for this device."""
        return self._held.mailbox

    @property
    def identity(self) -> SigningKey:
        """Signs what this device says, and its requests."""
        return self._held.identity

    @property
    def listen(self) -> SigningKey:
        """Learns that something came, and nothing else."""
        return SigningKey(self._held.listen_seed)

    @property
    def root(self) -> SigningKey:
        """Signs the agency's manifest. It lies here until a founding ceremony takes it offline."""
        return SigningKey(self._held.root_seed)

    @property
    def agency_secret(self) -> Secret:
        """What the agency's lanes are derived from."""
        return self._held.agency_secret

    @property
    def store_key(self) -> Secret:
        """What the store is encrypted under, 32 bytes."""
        return self._held.store_key

    @property
    def store_id(self) -> bytes:
        """Which store belongs to this keyring, 16 bytes."""
        return self._held.store_id

    @property
    def generation(self) -> int:
        """How often the store was opened."""
        return self._held.generation

    @property
    def founding(self) -> Founding:
        """What was decided when the device was founded."""
        return self._held.founding

    @property
    def relay(self) -> str:
        """The relay's address."""
        return self._held.founding.relay

    @property
    def agency_code(self) -> str:
        """The agency's code."""
        return self._held.founding.agency_code

    @property
    def program(self) -> str:
        """This device's program."""
        return self._held.founding.program

    @property
    def roles(self) -> tuple[str, ...]:
        """This device's roles, as codes."""
        return self._held.founding.roles

    def epoch_pair(self, class_: EnvelopeClass, epoch: int, suite: int) -> EpochKeyPair | None:
        """Derive the keys of an epoch; None where its seed is not here, or not any more."""
        seed = self._held.epoch_seeds.get((class_, epoch))
        if seed is None:
            return None
        place = (class_, epoch, suite)
        if place not in self._pairs:
            self._pairs[place] = derive_keypair(Suite(suite), seed)
        return self._pairs[place]

    def epochs(self, class_: EnvelopeClass) -> tuple[int, ...]:
        """Return the numbers of the epochs whose seeds are here, in order."""
        return tuple(sorted(epoch for held, epoch in self._held.epoch_seeds if held is class_))

    def add_epoch_seeds(self, seeds: Mapping[tuple[EnvelopeClass, int], bytes]) -> None:
        """Keep new seeds, 32 bytes each; what is here already stays as it is."""
        new = {place: Secret(seed) for place, seed in seeds.items()}
        self._keep(replace(self._held, epoch_seeds={**new, **self._held.epoch_seeds}))

    def erase_epochs(self, class_: EnvelopeClass, before: int) -> int:
        """Erase the seeds of all epochs of a class before a number.

        Returns:
            How many were erased. What was sealed to them can't be opened any more, by anyone.
        """
        kept = {
            (held, epoch): seed
            for (held, epoch), seed in self._held.epoch_seeds.items()
            if held is not class_ or epoch >= before
        }
        erased = len(self._held.epoch_seeds) - len(kept)
        if erased:
            self._keep(replace(self._held, epoch_seeds=kept))
            # A copy made before an upgrade still holds what was just erased.
            self._vault.drop_copies()
        return erased

    def check_generation(self, found: int) -> None:
        """Refuse a store that is not the one this keyring was last used with.

        Args:
            found: The generation that stands in the store; 0 where there is none.

        Raises:
            StoreRolledBack: The store, or this keyring, is an older copy.
        """
        # Unsettled means that the last opening was cut off before the store had the new number.
        here = self.generation
        expected = {here} if self._held.settled else {here - 1, here}
        if found not in expected:
            raise StoreRolledBack

    def next_generation(self, *, above: int = 0) -> int:
        """Write down that the store is about to be opened again.

        Args:
            above: A number that the new one must exceed, where an older keyring was accepted.

        Returns:
            The new generation, which goes into the store before `settle_generation`.
        """
        # A number that never came into use is used now: several openings in a row may be cut off.
        last = self._held.generation if self._held.settled else self._held.generation - 1
        generation = max(last, above) + 1
        self._keep(replace(self._held, generation=generation, settled=False))
        return generation

    def settle_generation(self) -> None:
        """Write down that the store has the new generation."""
        self._keep(replace(self._held, settled=True))

    def found_anew(self, founding: Founding) -> None:
        """Keep the same secrets under another relay, code or program, before anyone knows them."""
        self._keep(replace(self._held, founding=founding))

    def change_passphrase(self, passphrase: str, *, parameters: PassphraseParameters) -> None:
        """Wrap the same secrets under another passphrase.

        Raises:
            PassphraseRefusedError: It is too weak. The former one stays.
        """
        check_passphrase(passphrase)
        if isinstance(self._vault, MemoryVault):
            return
        vault = Vault.make(
            self._vault.path, passphrase=passphrase, entropy=self._entropy, parameters=parameters
        )
        _write(vault, self._held, self._entropy)
        vault.drop_copies()
        self._vault = vault

    def _keep(self, held: DeviceSecrets) -> None:
        _write(self._vault, held, self._entropy)
        self._held = held
        # Whatever was derived from a seed goes with it.
        self._pairs.clear()


def _write(vault: Vault | MemoryVault, held: DeviceSecrets, entropy: Entropy) -> None:
    body = decode_canonical(to_body(held).to_canonical(), max_bytes=MAX_BODY_BYTES)
    vault.write(body, entropy=entropy)


def _read_body(body: JsonObject) -> DeviceSecrets:
    try:
        return from_body(Body.from_canonical(encode_canonical(body), max_bytes=MAX_BODY_BYTES))
    except SchemaError:
        raise StoreDamaged(PART) from None
