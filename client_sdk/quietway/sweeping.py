"""Sweeping: what is due is erased, by a time that may be believed, and what is held is kept.

In this order, each step durable before the next: the times of the record keys follow the legal
holds; the keyring forgets every key that is due, epochs' and records' alike; the rows whose key is
gone are dropped, and with them the copies that still held them. Cut off anywhere, the next sweep
goes on from there, and no reader was shown what had no key any more.

Spec: docs/spec/keys.md, "Record keys" and "When is it time: the clock".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway.clocks import Clocks
    from quietway.errors import ClockDoubted
    from quietway.keyring.keyring import Keyring
    from quietway.store.shelved import ShelvedStore
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did.

    Attributes:
        epochs: How many epoch seeds were erased.
        records: How many record keys.
        rows: The kind and key of each row that was dropped with its key.
        problem: Why nothing was erased, or None.
    """

    epochs: int = 0
    records: int = 0
    rows: tuple[tuple[str, bytes], ...] = ()
    problem: ClockDoubted | None = None


class Sweeper:
    """Erases on one device.

    Args:
        keyring: Its keys.
        store: Its memory.
    """

    def __init__(self, keyring: Keyring, store: ShelvedStore) -> None:
        self._keyring = keyring
        self._store = store

    async def sweep(self, clocks: Clocks, held: Collection[bytes]) -> Swept:
        """Erase what is due, unless the clocks are in doubt.

        Args:
            clocks: Just heard.
            held: The owners of the shelves that a legal hold keeps.

        Raises:
            StorageFull: There is no room to write the keyring anew. What was erased stays erased.
        """
        self.follow_holds(held)
        if clocks.problem is not None:
            return Swept(problem=clocks.problem)
        return await self._erase(clocks.demand())

    def follow_holds(self, held: Collection[bytes]) -> None:
        """Give each record key its time: none while it is held, the end of its shelf else.

        What comes under a hold afterwards is held from the start.
        """
        self._store.hold(held)
        times = self._keyring.record_names()
        wanted = {
            name: 0 if place.owner in held else place.ends
            for place, name in self._store.places().items()
        }
        changed = {name: at for name, at in wanted.items() if name in times and times[name] != at}
        if changed:
            self._keyring.set_erase_after(changed)

    async def shred(self, rows: Collection[tuple[str, bytes]]) -> bool:
        """Destroy the record keys of rows before their time, where nothing else lies under them.

        Args:
            rows: The kind and key of each.

        Returns:
            False where something else does: then nothing was destroyed.

        Raises:
            StorageFull: There is no room to write the keyring anew. Nothing was destroyed.
        """
        if not await self._store.shred(rows, self._keyring.erase_records):
            return False
        await self._store.drop_copies()
        return True

    async def _erase(self, at: Instant) -> Swept:
        erased = self._keyring.erase_due(at)
        rows = await self._store.drop_gone(over_at=at)
        if rows:
            # A copy made before an upgrade still holds what was just dropped.
            await self._store.drop_copies()
        return Swept(len(erased.epochs), len(erased.records), rows)
