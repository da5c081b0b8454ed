"""Putting a device together whose secrets come from elsewhere: out of a backup, or by the root.

It is made in a folder of its own within the one it will have, and its files move up only when it is
whole, the keyring last: a folder without a keyring is no device. So a power cut, or a relay that
says no, leaves nothing behind that looks like one, and what it leaves is worth nothing.

Rules: a folder with a device in it is never touched. Other files of the folder stay as they are.

Spec: docs/spec/keys.md, "Backup" and "Recovery".
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Final

from quietway.errors import StoreExists
from quietway.files import make_private_folder
from quietway.folder import KEYRING_FILE
from quietway.pending import forget_pending
from quietway.store import DATABASE_FILE
from quietway.store.lock import LOCK_FILE, FolderLock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from quietway.keyring.body import DeviceSecrets
    from quietway.keyring.keyring import Keyring
    from quietway.ports import Put, Store

BESIDE: Final = "restoring"
"""The folder, within the device's own, in which it is put together."""
_ROWS_A_COMMIT: Final = 500


def refuse_taken(home: Path) -> None:
    """Demand that there is no device in a folder.

    Raises:
        StoreExists: There is one.
    """
    if (home / KEYRING_FILE).exists():
        raise StoreExists


async def put_together(
    home: Path,
    held: DeviceSecrets,
    rows: Sequence[Put],
    *,
    keep: Callable[[Path], Keyring],
    store: Store | None,
    before_it_counts: Callable[[Keyring], Awaitable[None]] | None = None,
) -> None:
    """Put a device together in its folder: whole, or not at all.

    Args:
        home: Its folder; there must be no device in it.
        held: Its secrets.
        rows: What its store holds.
        keep: Writes the keyring's file.
        store: Another store than the one in the folder.
        before_it_counts: What has to be done while its keys are durable and it is no device yet.

    Raises:
        StoreExists: There is a device already. It was not touched.
        StoreInUse: Another program has the folder open.
    """
    make_private_folder(home)
    lock = FolderLock.acquire(home)
    beside = home / BESIDE
    try:
        refuse_taken(home)
        await asyncio.to_thread(_make_anew, beside)
        if store is None:
            await _write_store(beside, held, rows)
        else:
            await _fill(store, rows)
        keyring = await asyncio.to_thread(keep, beside / KEYRING_FILE)
        if before_it_counts is not None:
            await before_it_counts(keyring)
        await asyncio.to_thread(_move_up, beside, home)
    finally:
        await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)
        lock.release()


async def _write_store(folder: Path, held: DeviceSecrets, rows: Sequence[Put]) -> None:
    from quietway.store.sqlcipher import SqlCipherStore  # noqa: PLC0415 - a third of the SDK's import

    lock = FolderLock.acquire(folder)
    try:
        store = await asyncio.to_thread(
            SqlCipherStore.open, folder, key=held.store_key, store_id=held.store_id, lock=lock
        )
        try:
            await _fill(store, rows)
        finally:
            await store.aclose()
    finally:
        lock.release()


async def _fill(store: Store, rows: Sequence[Put]) -> None:
    for start in range(0, len(rows), _ROWS_A_COMMIT):
        await store.commit(rows[start : start + _ROWS_A_COMMIT])


def _make_anew(folder: Path) -> None:
    # What a restoring that was cut off left behind is worth nothing: it was no device yet.
    shutil.rmtree(folder, ignore_errors=True)
    make_private_folder(folder)


def _move_up(beside: Path, home: Path) -> None:
    """Move the files of a device that is whole into its folder, the keyring last."""
    for stale in home.glob(f"{DATABASE_FILE}*"):
        # Without a keyring nobody can open it, and its journal must not be taken for the new one's.
        stale.unlink()
    # Who asked here to be linked is another device, and what it waits for this one has.
    forget_pending(home)
    files = sorted(file for file in beside.iterdir() if file.name != LOCK_FILE)
    for file in sorted(files, key=lambda held: held.name == KEYRING_FILE):
        file.replace(home / file.name)
