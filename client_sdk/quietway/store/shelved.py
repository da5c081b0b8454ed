"""A store over another one that puts content away under record keys, which die in their time.

    value = 0x02 || the record key's name (16) || wrap(record key, row, context)
    context = kind || 0x00 || the row's key

Whoever holds the store's own key and passphrase opens only what has not expired: the record key of
the rest is gone from the keyring. Rows of other kinds pass through as they are. A row whose key is
gone is not there for any reader, and is dropped at the next occasion.

Order of writes: a new record key is durable before a row lies under it. Erasing goes the other way
round: the keyring forgets the key, then `drop_gone` removes the rows.

Which key a shelf has stands in an index, in rows of the kind `record_key`; so the keyring's clear
part tells times and nothing else. A row and its key's index row are written and dropped in the same
commit, so a store has lost a key exactly where its index names one that the keyring lacks.

Spec: docs/spec/keys.md, "Record keys".
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from quietway.errors import StorageFull, StoreDamaged
from quietway.ports import Delete, Put, Row, Tag
from quietway.store.shelves import RECORD_KEY, Shelves
from quietway_crypto.errors import CryptoError
from quietway_crypto.wrap import NONCE_BYTES, unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Collection,
        Iterable,
        Mapping,
        Sequence,
    )

    from quietway.ports import Entropy, RecordKeys, Shelf, Store, Write
    from quietway.store.shelves import Place
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

PUT_AWAY: Final = 0x02
_KEY_BYTES: Final = 32
_NAME: Final = slice(1, 17)
_WRAPPED: Final = slice(17, None)
_PART: Final = "store"
_NEVER: Final = 0
_GOES_ON: Final = 32
"""So many keys of one week were drawn since the start: from now on some are kept in stock."""
_MOST_IN_STOCK: Final = 256
_PAGE: Final = 1_000


class ShelvedStore:
    """A `Store` whose content dies with its keys. Make one with `open`.

    Attributes:
        inner: Where the rows lie.
    """

    def __init__(
        self,
        inner: Store,
        keys: RecordKeys,
        entropy: Entropy,
        shelves: Shelves,
        kinds: frozenset[str],
    ) -> None:
        self.inner = inner
        self._keys = keys
        self._entropy = entropy
        self._shelves = shelves
        self._kinds = kinds
        self._over_at: Instant = 0
        self._held: frozenset[bytes] = frozenset()
        self._turn = asyncio.Lock()
        self._drawn: Counter[Instant] = Counter()
        self._spare: dict[Instant, list[bytes]] = defaultdict(list)
        used = set(shelves.names.values())
        for name, end in keys.record_names().items():
            # Nothing lies under a key that the index does not name.
            if name not in used:
                self._spare[end].append(name)

    @classmethod
    async def open(
        cls,
        inner: Store,
        *,
        keys: RecordKeys,
        entropy: Entropy,
        kinds: Iterable[str],
        name_case: Callable[[CaseRef, AgencyId], CaseRef],
    ) -> ShelvedStore:
        """Open a store, and drop the rows whose key is gone.

        Args:
            inner: Where the rows lie.
            keys: The record keys.
            entropy: For new keys and names.
            kinds: The kinds of rows that hold content.
            name_case: Gives one's own reference for what a case is called with an agency.
        """
        shelves = Shelves(await inner.scan(RECORD_KEY), name_case)
        made = cls(inner, keys, entropy, shelves, frozenset(kinds))
        # Without room it is dropped another time: nobody is shown it meanwhile.
        with suppress(StorageFull):
            await made.drop_gone()
        return made

    async def read(self, kind: str, key: bytes) -> bytes | None:
        """Return the value, or None where there is no such row, or its key is gone."""
        value = await self.inner.read(kind, key)
        return value if value is None or kind not in self._kinds else self._open(kind, key, value)

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        """Return the rows that can be opened, as the port says."""
        if kind not in self._kinds:
            return await self.inner.scan(kind, after=after, limit=limit)
        opened: list[Row] = []
        while True:
            page = await self.inner.scan(kind, after=after, limit=limit)
            opened += self._show_all(kind, page)
            if limit is None or len(page) < limit or len(opened) >= limit:
                return tuple(opened[:limit])
            after = page[-1].position

    async def scan_back(self, kind: str, *, before: int | None = None, limit: int) -> Sequence[Row]:
        """Return the newest rows that can be opened, as the port says."""
        opened: list[Row] = []
        while len(opened) < limit:
            page = await self.inner.scan_back(kind, before=before, limit=limit)
            opened += self._show_all(kind, page)
            if len(page) < limit:
                break
            before = page[-1].position
        return tuple(opened[:limit])

    async def scan_tagged(
        self, kind: str, tag: bytes, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Row]:
        """Return the rows with a tag that can be opened, as the port says."""
        opened: list[Row] = []
        while True:
            page = await self.inner.scan_tagged(kind, tag, after=after, limit=limit)
            opened += self._show_all(kind, page)
            if limit is None or len(page) < limit or len(opened) >= limit:
                return tuple(opened[:limit])
            after = page[-1].position

    async def kinds(self) -> Sequence[str]:
        """Return the kinds of which there is a row, without the index of record keys."""
        return tuple(kind for kind in await self.inner.kinds() if kind != RECORD_KEY)

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write all of it durably, or none. What is put away is tagged with what it speaks of.

        Raises:
            StorageFull: There is no room. Nothing was written, and the store is as it was.
        """
        async with self._turn:
            placed = [(write, self._find_place(write)) for write in writes]
            places = {place for _, place in placed if place is not None}
            self._make_keys(places)
            named = self._shelves.unwritten(places)
            put_away = [self._put_away(write, place) for write, place in placed]
            tags = [tag for write, place in placed if place is not None for tag in self._tag(write)]
            await self.inner.commit([*put_away, *tags, *named])
            self._shelves.note_written(named)

    async def put_away_former(
        self, find_shelf: Callable[[str, Row], Shelf], *, batch: int = 100
    ) -> int:
        """Put away what a former version wrote as it was; returns how many rows that were.

        Args:
            find_shelf: Gives a row's shelf, by its kind.
            batch: How many rows go into one commit.
        """
        count = 0
        for kind in sorted(self._kinds):
            rows = [row for row in await self.inner.scan(kind) if not _is_put_away(row.value)]
            for start in range(0, len(rows), batch):
                await self.commit(
                    [
                        Put(kind, row.key, row.value, find_shelf(kind, row))
                        for row in rows[start : start + batch]
                    ]
                )
            count += len(rows)
        return count

    async def drop_gone(self, *, over_at: Instant = 0) -> tuple[tuple[str, bytes], ...]:
        """Drop every row whose key is gone; returns the kind and key of each.

        Args:
            over_at: The time up to which keys were erased: on a shelf that ended by then nothing is
                put away any more.
        """
        async with self._turn:
            self._over_at = max(self._over_at, over_at)
            alive = self._keys.record_names()
            for end, names in self._spare.items():
                self._spare[end] = [name for name in names if name in alive]
            index = self._shelves.without(alive)
            if not index:
                return ()
            gone = [
                (kind, row.key)
                for kind in sorted(self._kinds)
                for row in await self.inner.scan(kind)
                if _is_put_away(row.value) and row.value[_NAME] not in alive
            ]
            await self.inner.commit([*(Delete(kind, key) for kind, key in gone), *index])
            self._shelves.forget(index)
            return tuple(gone)

    async def shred(
        self, rows: Collection[tuple[str, bytes]], erase: Callable[[frozenset[bytes]], object]
    ) -> bool:
        """Destroy the keys of rows where nothing else lies under them, and drop the rows.

        Args:
            rows: The kind and key of each.
            erase: Erases record keys by their names, durably.

        Returns:
            False where something else lies under one of the keys: then nothing was destroyed.
        """
        # Nothing is put away meanwhile, or it would be under a key that dies here.
        async with self._turn:
            names = await self._find_sole_keys(frozenset(rows))
            if not names:
                return False
            erase(names)
            index = self._shelves.without(set(self._shelves.names.values()) - names)
            await self.inner.commit([*(Delete(kind, key) for kind, key in rows), *index])
            self._shelves.forget(index)
            return True

    async def _find_sole_keys(self, rows: frozenset[tuple[str, bytes]]) -> frozenset[bytes]:
        """Find the names of the keys under which these rows lie, and no others; else none."""
        values = [await self.inner.read(kind, key) for kind, key in rows]
        if not all(value is not None and _is_put_away(value) for value in values):
            # What lies in the clear of the store's own key dies with no other.
            return frozenset()
        names = frozenset(value[_NAME] for value in values if value is not None)
        for kind in sorted(self._kinds):
            after = 0
            while page := await self.inner.scan(kind, after=after, limit=_PAGE):
                after = page[-1].position
                if any(_lies_under(row, names) and (kind, row.key) not in rows for row in page):
                    return frozenset()
        return names

    async def tag_former(
        self, find_shelf: Callable[[str, Row], Shelf], kinds: Iterable[str], *, batch: int = 1_000
    ) -> AsyncIterator[int]:
        """Tag what a former version wrote, or a backup gave back; yields how many rows, by batch.

        Args:
            find_shelf: Gives a row's shelf, by its kind.
            kinds: Of which rows.
            batch: How many rows go into one commit.
        """
        for kind in kinds:
            after = 0
            while rows := await self.scan(kind, after=after, limit=batch):
                after = rows[-1].position
                await self.inner.commit(
                    [
                        Tag(kind, row.key, tag)
                        for row in rows
                        for tag in self._shelves.tags(find_shelf(kind, row))
                    ]
                )
                yield len(rows)

    def hold(self, owners: Collection[bytes]) -> None:
        """Let the keys that these owners get from now on live until they are given an end."""
        self._held = frozenset(owners)

    def places(self) -> Mapping[Place, bytes]:
        """Return the name of each shelf's key."""
        return self._shelves.names

    async def drop_copies(self) -> None:
        """Remove what upgrades and the journal still have of former rows."""
        await self.inner.drop_copies()

    async def aclose(self) -> None:
        """Let go of the store; closing twice is fine."""
        await self.inner.aclose()

    def _tag(self, write: Write) -> list[Tag]:
        if not isinstance(write, Put) or write.place is None:
            return []
        return [Tag(write.kind, write.key, tag) for tag in self._shelves.tags(write.place)]

    def _find_place(self, write: Write) -> Place | None:
        """Find the place of a row of content; None for other rows, and for what is over."""
        if not isinstance(write, Put) or write.kind not in self._kinds:
            return None
        if write.place is None:
            raise ValueError(f"A row of the kind {write.kind} is not put away without a place.")
        place = self._shelves.place(write.place)
        # What is over is not written down again, unless a legal hold keeps its key.
        return place if place.ends > self._over_at or self._key_of(place) is not None else None

    def _make_keys(self, places: set[Place]) -> None:
        lacking = [place for place in sorted(places) if self._key_of(place) is None]
        if not lacking:
            return
        wanted = Counter(self._end_of(place) for place in lacking)
        if any(len(self._spare[end]) < count for end, count in wanted.items()):
            self._draw_keys(wanted)
        self._shelves.name({place: self._spare[self._end_of(place)].pop() for place in lacking})

    def _draw_keys(self, wanted: Mapping[Instant, int]) -> None:
        """Have keys in stock: as many as are wanted, and where it goes on, as many as before.

        The keyring is written anew for each new key, as a whole. A device that takes in a day's
        messages needs hundreds, and so it does not write a hundred thousand keys a hundred times.
        """
        drawn: dict[bytes, tuple[bytes, Instant]] = {}
        for end, count in wanted.items():
            lacking = count - len(self._spare[end])
            if lacking <= 0:
                continue
            before = self._drawn[end]
            lacking += min(before, _MOST_IN_STOCK) if before >= _GOES_ON else 0
            self._drawn[end] += lacking
            for _ in range(lacking):
                name = self._entropy.draw(_NAME.stop - _NAME.start)
                drawn[name] = (self._entropy.draw(_KEY_BYTES), end)
        if drawn:
            self._keys.add_record_keys(drawn)
        for name, (_, end) in drawn.items():
            self._spare[end].append(name)

    def _end_of(self, place: Place) -> Instant:
        # Held from the first moment: a device may be locked before anybody looks at its holds.
        return _NEVER if place.owner in self._held else place.ends

    def _key_of(self, place: Place) -> object:
        name = self._shelves.names.get(place)
        return None if name is None else self._keys.record_key(name)

    def _put_away(self, write: Write, place: Place | None) -> Write:
        if not isinstance(write, Put) or write.kind not in self._kinds:
            return write
        if place is None:
            return Delete(write.kind, write.key)
        name = self._shelves.names[place]
        key = self._keys.record_key(name)
        if key is None:
            raise StoreDamaged(_PART)
        wrapped = wrap(
            key,
            write.value,
            context=_context(write.kind, write.key),
            nonce=self._entropy.draw(NONCE_BYTES),
        )
        return Put(write.kind, write.key, bytes([PUT_AWAY]) + name + wrapped)

    def _show_all(self, kind: str, rows: Iterable[Row]) -> list[Row]:
        return [row for held in rows if (row := self._show(kind, held)) is not None]

    def _show(self, kind: str, row: Row) -> Row | None:
        value = self._open(kind, row.key, row.value)
        return None if value is None else Row(row.position, row.key, value)

    def _open(self, kind: str, row_key: bytes, value: bytes) -> bytes | None:
        if kind not in self._kinds or not _is_put_away(value):
            return value
        key = self._keys.record_key(value[_NAME])
        if key is None:
            return None
        try:
            return unwrap(key, value[_WRAPPED], context=_context(kind, row_key))
        except CryptoError:
            raise StoreDamaged(_PART) from None


def _is_put_away(value: bytes) -> bool:
    # What the first format wrote is JSON, and begins with a brace.
    return value[:1] == bytes([PUT_AWAY])


def _lies_under(row: Row, names: frozenset[bytes]) -> bool:
    return _is_put_away(row.value) and row.value[_NAME] in names


def _context(kind: str, key: bytes) -> bytes:
    return kind.encode("ascii") + b"\0" + key
