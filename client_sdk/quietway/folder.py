"""Opens a device's folder in the one order that is safe: lock, keyring, store, generation.

The lock comes first, since two programs that both write a keyring lose one of the two writings.
The generation goes into the keyring, then into the store, then is settled in the keyring; a store
that lags behind is an older copy, and is refused unless the owner says to go on with it. When
anything is refused the folder is as it was, and free.

Blocks throughout (a passphrase takes its time on purpose): call it off the loop.

Spec: docs/decisions/fresh-incarnation.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.errors import StoreExists, StoreMissing
from quietway.files import make_private_folder
from quietway.keyring.body import draw_secrets
from quietway.keyring.keyring import Keyring
from quietway.store import DATABASE_FILE
from quietway.store.lock import FolderLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway.keyring.body import DeviceSecrets, Founding
    from quietway.ports import Entropy
    from quietway.store.sqlcipher import SqlCipherStore
    from quietway_crypto.passphrase import PassphraseParameters

KEYRING_FILE: Final = "keyring"


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A device's folder, open: its secrets and its store. Closing the store frees the folder."""

    keyring: Keyring
    store: SqlCipherStore


def found_folder(
    folder: Path,
    *,
    passphrase: str,
    entropy: Entropy,
    parameters: PassphraseParameters,
    founding: Founding,
    secrets: DeviceSecrets | None = None,
    pepper_in_system: bool = False,
) -> OpenFolder:
    """Make a new device in a folder, which is made where there is none.

    Args:
        folder: Where it shall lie.
        passphrase: At least 15 characters, or 6 words.
        entropy: Where secrets come from.
        parameters: What it shall cost to try one passphrase.
        founding: What is no secret.
        secrets: Of a device that was linked; None draws those of a new agency.
        pepper_in_system: As for `Keyring.create`.

    Raises:
        StoreExists: There is a device in it already. It was not touched.
        StoreInUse: Another program has the folder open.
        PassphraseRefusedError: The passphrase is too weak. Nothing was written.
        StorageFull: There is no room.
    """
    if (folder / KEYRING_FILE).exists():
        raise StoreExists
    make_private_folder(folder)
    with _locking(folder) as lock:
        keyring = Keyring.keep_secrets(
            folder / KEYRING_FILE,
            secrets or draw_secrets(founding, entropy=entropy),
            passphrase=passphrase,
            entropy=entropy,
            parameters=parameters,
            pepper_in_system=pepper_in_system,
        )
        return _open_store(folder, keyring, lock)


def open_folder(
    folder: Path,
    *,
    passphrase: str,
    entropy: Entropy,
    accept_older_copy: bool = False,
    parameters: PassphraseParameters | None = None,
) -> OpenFolder:
    """Open the device in a folder.

    Args:
        folder: Where it lies.
        passphrase: As typed.
        entropy: For what is written later.
        accept_older_copy: Go on with an older copy of the store; what it lacks is lost.
        parameters: What trying one passphrase shall cost from now on, where that is more.

    Raises:
        StoreMissing: There is no device in it.
        StoreInUse: Another program has the folder open.
        WrongPassphrase: Nothing was changed.
        PepperMissing: The keyring's pepper is not here. Nothing was changed.
        StoreRolledBack: An older copy was put back. Nothing was changed.
        StoreTooNew: A newer version wrote it. Nothing was changed.
        StoreDamaged: A file can't be read.
        StorageFull: There is no room.
    """
    if not (folder / KEYRING_FILE).exists():
        raise StoreMissing
    make_private_folder(folder)
    with _locking(folder) as lock:
        keyring = Keyring.unlock(
            folder / KEYRING_FILE, passphrase=passphrase, entropy=entropy, parameters=parameters
        )
        missing = not (folder / DATABASE_FILE).exists()
        if missing and not accept_older_copy:
            # Judged before an empty store is made in the place of the one that should be here.
            keyring.check_generation(0)
        return _open_store(folder, keyring, lock, accept_older_copy=accept_older_copy)


def _open_store(
    folder: Path, keyring: Keyring, lock: FolderLock, *, accept_older_copy: bool = False
) -> OpenFolder:
    from quietway.store.sqlcipher import SqlCipherStore  # noqa: PLC0415 - a third of the SDK's import

    store = SqlCipherStore.open(folder, key=keyring.store_key, store_id=keyring.store_id, lock=lock)
    try:
        if accept_older_copy:
            # Whoever has the newer copy may hold what these still open; new ones are published.
            keyring.destroy_epoch_seeds()
        else:
            keyring.check_generation(store.generation)
        store.write_generation(keyring.next_generation(above=store.generation))
        keyring.settle_generation()
    except BaseException:
        store.close()
        raise
    return OpenFolder(keyring, store)


@contextmanager
def _locking(folder: Path) -> Iterator[FolderLock]:
    lock = FolderLock.acquire(folder)
    try:
        yield lock
    except BaseException:
        lock.release()
        raise
