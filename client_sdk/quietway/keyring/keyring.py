"""The secrets of one device, in the one file `keyring`.

Every change is on the disk before the method returns: a key that was published and then lost would
leave mail that nobody can open, and a key that was erased must not come back. Erasing draws a new
pepper, so that no copy of the file opens what is written from then on. Only who holds the folder's
lock may change a keyring; unlocking one may change it, too.

The generation counts how often the store was opened. A new one is written here first (unsettled),
then into the store, then settled here. So a store that lags behind a settled keyring is an older
copy that somebody put back.

Spec: docs/spec/keys.md, "The keyring"; docs/decisions/fresh-incarnation.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, SupportsIndex

from quietway.errors import DeviceLocked, NotFound, StoreDamaged, StoreExists, StoreRolledBack
from quietway.keyring.body import (
    ID_BYTES,
    SEED_BYTES,
    draw_secrets,
    from_records,
    to_records,
)
from quietway.keyring.derived import Derived
from quietway.keyring.head import PART
from quietway.keyring.listening import LISTEN_FILE, Listening, write_listening
from quietway.keyring.memory_vault import MemoryVault
from quietway.keyring.opening import Formats, open_vault
from quietway.keyring.records import (
    IDENTITY,
    OPS,
    ROOT,
    Record,
    epoch_dies,
    is_due,
    name_record_key,
)
from quietway.keyring.vault import Vault
from quietway_crypto.passphrase import check_passphrase
from quietway_crypto.secret import Secret, reveal
from quietway_crypto.signing import SigningKey
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from quietway.keyring.body import DeviceSecrets, Founding
    from quietway.keyring.vault import AnyVault, Stretched
    from quietway.ports import Entropy
    from quietway_crypto.epoch import EpochKeyPair
    from quietway_crypto.passphrase import PassphraseParameters
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.ids import AgencyId, DeviceId, MailboxId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure destroyed.

    Attributes:
        epochs: Epochs whose seeds are gone.
        records: Names of the record keys that are gone: their rows can be dropped.
    """

    epochs: tuple[tuple[EnvelopeClass, int], ...] = ()
    records: tuple[bytes, ...] = ()


class Keyring:
    """An unlocked keyring. Make one with `create` or `unlock`."""

    __slots__ = ("_derived", "_path", "_secrets", "_vault")

    def __init__(self, vault: AnyVault, held: DeviceSecrets, path: Path | None = None) -> None:
        self._vault = vault
        self._secrets: DeviceSecrets | None = held
        self._path = path
        self._derived = Derived()

    def __repr__(self) -> str:
        return "Keyring(locked)" if self._secrets is None else f"Keyring({self._held.device})"

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
        pepper_in_system: bool = False,
    ) -> Keyring:
        """Make the secrets of a new agency's first device, or keep a linked one's, and write them.

        Args:
            path: The file; its folder must be there.
            passphrase: At least 15 characters, or 6 words.
            entropy: Where secrets come from.
            parameters: What it shall cost to try one passphrase.
            founding: What is no secret.
            pepper_in_system: Keep the pepper with the system's own keyring, where it has a real
                one. The folder alone then opens nowhere else.

        Raises:
            StoreExists: There is a keyring already. It was not touched.
            PassphraseRefusedError: The passphrase is too weak. Nothing was written.
            StorageFull: There is no room. Nothing was written.
        """
        if path.exists():
            raise StoreExists
        check_passphrase(passphrase)
        return cls.keep_secrets(
            path,
            draw_secrets(founding, entropy=entropy),
            passphrase=passphrase,
            entropy=entropy,
            parameters=parameters,
            pepper_in_system=pepper_in_system,
        )

    @classmethod
    def keep_secrets(
        cls,
        path: Path,
        held: DeviceSecrets,
        *,
        passphrase: str,
        entropy: Entropy,
        parameters: PassphraseParameters,
        pepper_in_system: bool = False,
    ) -> Keyring:
        """Write the secrets of a device that come from elsewhere: out of a backup, or an agency's.

        Args:
            path: The file; its folder must be there.
            held: The secrets.
            passphrase: As for `create`.
            entropy: As for `create`.
            parameters: As for `create`.
            pepper_in_system: As for `create`.

        Raises:
            StoreExists, PassphraseRefusedError, StorageFull: Nothing was written.
        """
        if path.exists():
            raise StoreExists
        check_passphrase(passphrase)
        vault = Vault.make(
            path,
            passphrase=passphrase,
            entropy=entropy,
            parameters=parameters,
            in_system=pepper_in_system,
        )
        made = cls(vault, held, path)
        # The keyring itself comes last: where it lies, all that it needs lies too.
        made._write_listening(held)
        made._keep(held)
        return made

    @classmethod
    def in_memory(
        cls, *, entropy: Entropy, founding: Founding, passphrase: str | None = None
    ) -> Keyring:
        """Make the secrets of a device that is gone with the process: for sandboxes and tests.

        Args:
            entropy: Where secrets come from.
            founding: What is no secret.
            passphrase: What `check_passphrase_again` asks for; None refuses every one.
        """
        return cls(MemoryVault(passphrase), draw_secrets(founding, entropy=entropy))

    @classmethod
    def unlock(
        cls,
        path: Path,
        *,
        passphrase: str,
        entropy: Entropy,
        parameters: PassphraseParameters | None = None,
        formats: Formats | None = None,
    ) -> Keyring:
        """Open a keyring.

        Args:
            path: The file.
            passphrase: As typed.
            entropy: For what is written later.
            parameters: What it shall cost to try one passphrase from now on, where that is more
                than before; None leaves it as it is.
            formats: The formats known; ours, unless a test brings its own.

        Raises:
            StoreMissing: There is none.
            WrongPassphrase: This passphrase does not open it. Nothing was changed.
            PepperMissing: Its pepper is not here. Nothing was changed.
            StoreDamaged: The file is not whole.
            StoreTooNew: A newer version wrote it. Nothing was changed.
        """
        vault, records = open_vault(
            path, passphrase=passphrase, entropy=entropy, formats=formats or Formats()
        )
        opened = cls(vault, _read_records(records), path)
        opened._write_listening(opened._held)
        if parameters is not None and _cost(parameters) > _cost(vault.parameters):
            opened.take_passphrase(vault.stretch_anew(passphrase, parameters))
        return opened

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
        return self._derived.signing(IDENTITY, self._held.identity_seed)

    @property
    def listen(self) -> SigningKey:
        """Learns that something came, and nothing else."""
        return self._derived.signing(LISTEN_FILE, self._held.listen_seed)

    @property
    def root_key(self) -> bytes:
        """The public half of the agency's root key, wherever the secret one lies."""
        return self._held.root_key

    @property
    def root(self) -> SigningKey | None:
        """Signs the agency's list of ops keys; None once it lies on paper alone."""
        seed = self._held.root_seed
        return None if seed is None else self._derived.signing(ROOT, seed)

    @property
    def root_seed(self) -> Secret | None:
        """The root key's seed, to be written as words; None once it lies on paper alone."""
        return self._held.root_seed

    @property
    def ops(self) -> SigningKey | None:
        """Vouches for devices; None where this device holds no ops key."""
        seed = self._held.ops_seed
        return None if seed is None else self._derived.signing(OPS, seed)

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
        return self._derived.pair(class_, epoch, suite, seed)

    def epochs(self, class_: EnvelopeClass) -> tuple[int, ...]:
        """Return the numbers of the epochs whose seeds are here, in order."""
        return tuple(sorted(epoch for held, epoch in self._held.epoch_seeds if held is class_))

    def add_epoch_seeds(self, seeds: Mapping[tuple[EnvelopeClass, int], bytes]) -> None:
        """Keep new seeds, 32 bytes each; what is here already stays as it is."""
        new = {place: _own(seed) for place, seed in seeds.items()}
        self._keep(replace(self._held, epoch_seeds={**new, **self._held.epoch_seeds}))

    def erase_epochs(self, class_: EnvelopeClass, before: int) -> int:
        """Erase the seeds of all epochs of a class before a number.

        Returns:
            How many were erased. What was sealed to them can't be opened any more, by anyone.
        """
        gone = [
            place for place in self._held.epoch_seeds if place[0] is class_ and place[1] < before
        ]
        return len(self._erase(gone, ()).epochs)

    def destroy_epoch_seeds(self) -> int:
        """Erase all epochs' seeds, where the store is not the one that belongs here.

        Returns:
            How many were erased; new ones have to be published.
        """
        return len(self._erase(list(self._held.epoch_seeds), ()).epochs)

    def record_key(self, name: bytes) -> Secret | None:
        """Return a record key; None where it is not here, or not any more.

        Raises:
            StoreDamaged: It does not open: the file was altered.
        """
        record = self._held.record_keys.get(name)
        return None if record is None else record.secret

    def record_names(self) -> Mapping[bytes, Instant]:
        """Return when each record key dies, by name; 0 for those that are held."""
        keys = self._held.record_keys
        return MappingProxyType({name: record.erase_after for name, record in keys.items()})

    def add_record_key(self, name: bytes, key: bytes, erase_after: Instant) -> None:
        """Keep a new record key; one that is here already stays as it is.

        Args:
            name: 16 random bytes.
            key: 32 random bytes.
            erase_after: When it dies; 0 while it is held.
        """
        self.add_record_keys({name: (key, erase_after)})

    def add_record_keys(self, keys: Mapping[bytes, tuple[bytes, Instant]]) -> None:
        """Keep new record keys in one write: each key by its name, with the time it dies at."""
        for name in keys:
            name_record_key(name)
        new = {name: Record(dies, _own(key)) for name, (key, dies) in keys.items()}
        self._keep(replace(self._held, record_keys={**new, **self._held.record_keys}))

    def set_erase_after(self, times: Mapping[bytes, Instant]) -> None:
        """Give record keys other times, 0 for a hold; names that are not here are passed over."""
        keys = dict(self._held.record_keys)
        for name, erase_after in times.items():
            if name in keys:
                keys[name] = Record(erase_after, keys[name].secret)
        self._keep(replace(self._held, record_keys=keys))

    def erase_due(self, now: Instant) -> Erased:
        """Erase all whose time has come: one write, a new pepper, the survivors wrapped anew.

        Args:
            now: A time that is to be believed.
        """
        held = self._held
        return self._erase(
            [place for place in held.epoch_seeds if is_due(epoch_dies(*place), now)],
            [name for name, record in held.record_keys.items() if record.is_due(now)],
        )

    def erase_records(self, names: Collection[bytes]) -> Erased:
        """Erase record keys before their time: nothing that lies under them opens any more.

        Args:
            names: Of keys that are here.

        Raises:
            StorageFull: There is no room. Nothing was erased.
        """
        return self._erase((), names)

    def keep_root(self, seed: bytes | Secret) -> None:
        """Keep the root key here, as after a recovery.

        Raises:
            NotFound: It is another agency's.
        """
        if SigningKey(seed).public != self._held.root_key:
            raise NotFound("The root key of this agency")
        self._keep(replace(self._held, root_seed=_own(seed)))

    def forget_root(self) -> None:
        """Destroy the root key here: it lies on paper from now on."""
        self._renew(replace(self._held, root_seed=None))

    def keep_ops(self, seed: bytes | Secret | None) -> None:
        """Keep an ops key here, or with None destroy the one that is."""
        held = replace(self._held, ops_seed=None if seed is None else _own(seed))
        if self._held.ops_seed is None:
            self._keep(held)
        else:
            self._renew(held)

    def take_agency_secret(self, secret: bytes) -> None:
        """Keep the agency's secret, 32 bytes, as another of its devices told it."""
        self._keep(replace(self._held, agency_secret=Secret(secret)))

    def records_for_backup(self, entropy: Entropy) -> dict[str, Record]:
        """Give what of this keyring may outlive its machine, for a store of its own.

        That is the device and its record keys: no epoch seed, no ops key, no root. The key and name
        of the store are new, so that a backup opens no store that it was not made for.
        """
        store_key, store_id = Secret(entropy.draw(SEED_BYTES)), entropy.draw(ID_BYTES)
        held = replace(
            self._held,
            store_key=store_key,
            store_id=store_id,
            generation=0,
            settled=True,
            root_seed=None,
            ops_seed=None,
            epoch_seeds={},
        )
        return to_records(held)

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
        held = replace(self._held, founding=founding)
        self._write_listening(held)
        self._keep(held)

    def check_passphrase_again(self, passphrase: str) -> None:
        """Demand the passphrase once more, before what only its owner may do.

        Raises:
            WrongPassphrase: It is another one.
        """
        self._vault.check_passphrase(passphrase)

    def change_passphrase(self, passphrase: str, *, parameters: PassphraseParameters) -> None:
        """Wrap the same secrets under another passphrase, and a new pepper.

        Raises:
            PassphraseRefusedError: It is too weak. The former one stays.
        """
        check_passphrase(passphrase)
        self.take_passphrase(self._vault.stretch_anew(passphrase, parameters))

    def stretch_anew(
        self, passphrase: str, *, parameters: PassphraseParameters | None = None
    ) -> Stretched:
        """Stretch a new passphrase for `take_passphrase`. Slow, and changes nothing.

        Args:
            passphrase: One that was checked.
            parameters: What trying one shall cost; None leaves it as it is.
        """
        return self._vault.stretch_anew(passphrase, parameters)

    def take_passphrase(self, stretched: Stretched) -> None:
        """Wrap the same secrets under another passphrase, and a new pepper.

        Raises:
            StorageFull: There is no room. The former passphrase stays.
        """
        self._vault.renew(to_records(self._held), stretched)
        self._vault.finish()

    def destroy_pepper(self) -> None:
        """Destroy the pepper, wherever it lies: no copy of this keyring opens from then on.

        Raises:
            PepperMissing: The system's keyring is locked.
        """
        self._vault.destroy_pepper()

    def lock(self) -> None:
        """Let go of every secret, and clear each as far as this Python lets us.

        What is asked of this keyring from then on is refused as `DeviceLocked`, and what was
        handed out of it is a key no more.
        """
        if self._secrets is not None:
            self._secrets.overwrite()
            self._derived.keep((), ())
            self._vault.overwrite()
            self._secrets = None

    @property
    def _held(self) -> DeviceSecrets:
        if self._secrets is None:
            raise DeviceLocked
        return self._secrets

    def _erase(
        self, epochs: Collection[tuple[EnvelopeClass, int]], names: Collection[bytes]
    ) -> Erased:
        held = self._held
        if not epochs and not names:
            # A disk that was full may have kept the last erasure from its end.
            self._vault.finish()
            return Erased()
        seeds = {place: seed for place, seed in held.epoch_seeds.items() if place not in epochs}
        keys = {name: record for name, record in held.record_keys.items() if name not in names}
        left = replace(held, epoch_seeds=seeds, record_keys=keys)
        # A key whose time was edited in the file is damage, and no reason to destroy it.
        gone = [held.record_keys[name].secret for name in names]
        self._vault.renew(to_records(left))
        self._take(left)
        for place in epochs:
            held.epoch_seeds[place].overwrite()
        for secret in gone:
            secret.overwrite()
        self._vault.finish()
        return Erased(tuple(sorted(epochs)), tuple(sorted(names)))

    def _renew(self, held: DeviceSecrets) -> None:
        self._vault.renew(to_records(held))
        self._take(held)
        self._vault.finish()

    def _keep(self, held: DeviceSecrets) -> None:
        self._vault.write(to_records(held))
        self._take(held)

    def _take(self, held: DeviceSecrets) -> None:
        self._secrets = held
        absent = {ROOT: held.root_seed is None, OPS: held.ops_seed is None}
        lasting = {name for name in (IDENTITY, LISTEN_FILE, ROOT, OPS) if not absent.get(name)}
        # Whatever was derived from a seed goes with it.
        self._derived.keep(lasting, held.epoch_seeds)

    def _write_listening(self, held: DeviceSecrets) -> None:
        if self._path is not None:
            listening = Listening(
                device=held.device,
                listen_seed=held.listen_seed.reveal(),
                relay=held.founding.relay,
            )
            write_listening(self._path.parent, listening)


def _read_records(records: Mapping[str, Record]) -> DeviceSecrets:
    try:
        return from_records(records)
    except SchemaError:
        raise StoreDamaged(PART) from None


def _own(seed: bytes | Secret) -> Secret:
    # A copy of our own: at lock its bytes are cleared, and the caller's are the caller's.
    return Secret(memoryview(reveal(seed)).tobytes())


def _cost(parameters: PassphraseParameters) -> int:
    return parameters.time_cost * parameters.memory_kib
