"""The encrypted store: rows in one SQLCipher database, in the device's own folder.

Whoever opens it holds the folder's lock, and the store gives it back when it closes. All work runs
on one thread of the store's own, so the program's loop never waits for a disk. A commit is on the
disk when it returns, whole, or it raises and the store is as it was. The store knows kinds, keys
and bytes, and nothing of what they mean.

Spec: docs/decisions/one-row-store.md.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar, assert_never

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    Select,
    bindparam,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from quietway.errors import StoreDamaged, StoreTooNew
from quietway.files import copy_durably
from quietway.ports import Delete, Put, Row, Tag, Untag
from quietway.store import DATABASE_FILE
from quietway.store.database import PART, gather_into_one_file, open_engine, translating
from quietway.store.tables import FORMAT, METADATA, STEPS, identity, rows, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from quietway.ports import Write
    from quietway.store.lock import FolderLock
    from quietway_crypto.secret import Secret

_Result = TypeVar("_Result")
_PUT = upsert(rows).values(
    kind=bindparam("of_kind"), key=bindparam("of_key"), value=bindparam("new_value")
)
_PUT_OVER = _PUT.on_conflict_do_update(
    index_elements=[rows.c.kind, rows.c.key], set_={"value": _PUT.excluded.value}
)
_ROWS = select(rows.c.position, rows.c.key, rows.c.value)
_NAMED = (rows.c.kind == bindparam("of_kind"), rows.c.key == bindparam("of_key"))
_DELETE = delete(rows).where(*_NAMED)
_POSITION = select(rows.c.position).where(*_NAMED).scalar_subquery()
_DELETE_TAGS = delete(tags).where(tags.c.position == _POSITION)
_UNTAG = _DELETE_TAGS.where(tags.c.tag == bindparam("of_tag"))
_TAG = (
    insert(tags)
    .prefix_with("OR IGNORE")
    .from_select(["tag", "position"], select(bindparam("of_tag"), rows.c.position).where(*_NAMED))
)
_STATEMENTS: Mapping[type[Write], tuple[Executable, ...]] = {
    Put: (_PUT_OVER,),
    Delete: (_DELETE_TAGS, _DELETE),
    Tag: (_TAG,),
    Untag: (_UNTAG,),
}


@dataclass(frozen=True, slots=True)
class StoreFormats:
    """Which formats of the store are known, and how each former one becomes the next.

    Attributes:
        known: The newest.
        steps: From format N, what makes its tables those of N + 1, inside a transaction.
    """

    known: int = FORMAT
    steps: Mapping[int, Callable[[Connection], None]] = field(default_factory=lambda: STEPS)


class SqlCipherStore:
    """A `Store` on the disk. Make one with `open`; `generation` is what stood in it then."""

    def __init__(self, folder: Path, engine: Engine, generation: int, lock: FolderLock) -> None:
        self.generation = generation
        self._folder = folder
        self._engine = engine
        self._lock = lock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quietway-store")
        self._open = True

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        key: Secret,
        store_id: bytes,
        lock: FolderLock,
        formats: StoreFormats | None = None,
    ) -> SqlCipherStore:
        """Open the store of a folder, and make it where there is none. Blocks.

        Args:
            folder: The device's folder.
            key: 32 bytes.
            store_id: 16 bytes; a store of another keyring is refused.
            lock: The folder's; the store releases it when it closes. On a refusal it stays held.
            formats: The formats known; ours, unless a test brings its own.

        Raises:
            StoreDamaged: It can't be read under this key, or belongs to another keyring.
            StoreTooNew: A newer version wrote it. Nothing was changed.
            StorageFull: There is no room.
        """
        engine = open_engine(folder, key=key)
        try:
            known = formats or StoreFormats()
            generation = translating(lambda: _admit(engine, folder, store_id, known))
        except BaseException:
            engine.dispose()
            raise
        return cls(folder, engine, generation, lock)

    def write_generation(self, generation: int) -> None:
        """Write down how often the store was opened. Blocks: part of opening."""

        def write() -> None:
            with self._engine.begin() as connection:
                connection.execute(update(identity).values(generation=generation))

        translating(write)
        self.generation = generation

    def close(self) -> None:
        """Let go of the files and the lock; closing twice is fine. Blocks."""
        if self._open:
            self._open = False
            self._thread.submit(self._engine.dispose).result()
            self._thread.shutdown()
            self._lock.release()

    async def read(self, kind: str, key: bytes) -> bytes | None:
        """Return the value, or None where there is no such row."""
        return await self._run(lambda connection: _read(connection, kind, key))

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        """Return the rows of a kind with a position greater than `after`, in order of position."""
        return await self._run(lambda connection: _scan(connection, kind, after, limit))

    async def scan_back(self, kind: str, *, before: int | None = None, limit: int) -> Sequence[Row]:
        """Return the newest rows of a kind, those with a position below `before`, newest first."""
        return await self._run(lambda connection: _scan_back(connection, kind, before, limit))

    async def scan_tagged(
        self, kind: str, tag: bytes, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Row]:
        """Return the rows of a kind that bear a tag, in order of position."""
        return await self._run(lambda connection: _scan_tagged(connection, kind, tag, after, limit))

    async def kinds(self) -> Sequence[str]:
        """Return the kinds of which there is a row, sorted."""
        return await self._run(_list_kinds)

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write all of it durably, or none.

        Raises:
            StorageFull: There is no room. Nothing was written, and the store is as it was.
        """
        await self._run(lambda connection: _write(connection, writes))

    async def drop_copies(self) -> None:
        """Remove the copies that upgrades left, and what the journal still has of former rows."""

        def drop() -> None:
            for copy in self._folder.glob(f"{DATABASE_FILE}.before-*"):
                copy.unlink()
            gather_into_one_file(self._engine)

        await asyncio.get_running_loop().run_in_executor(self._thread, translating, drop)

    async def aclose(self) -> None:
        """Let go of the store; closing twice is fine."""
        await asyncio.to_thread(self.close)

    async def _run(self, work: Callable[[Connection], _Result]) -> _Result:
        def transact() -> _Result:
            with self._engine.begin() as connection:
                return work(connection)

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, translating, transact)


def _admit(engine: Engine, folder: Path, store_id: bytes, formats: StoreFormats) -> int:
    """Make the tables, or check whose they are and bring them forward; give the generation."""
    with engine.begin() as connection:
        if not inspect(connection).has_table(identity.name):
            METADATA.create_all(connection)
            connection.execute(
                insert(identity).values(format=formats.known, store_id=store_id, generation=0)
            )
        found, owner, generation = connection.execute(select(identity)).one()
    if found > formats.known:
        raise StoreTooNew(found, formats.known)
    if owner != store_id:
        raise StoreDamaged(PART)
    if found < formats.known:
        _bring_forward(engine, folder, found, formats)
    return int(generation)


def _bring_forward(engine: Engine, folder: Path, found: int, formats: StoreFormats) -> None:
    gather_into_one_file(engine)
    copy_durably(folder / DATABASE_FILE, folder / f"{DATABASE_FILE}.before-{found + 1}")
    with engine.begin() as connection:
        for step in range(found, formats.known):
            formats.steps[step](connection)
        connection.execute(update(identity).values(format=formats.known))


def _read(connection: Connection, kind: str, key: bytes) -> bytes | None:
    wanted = select(rows.c.value).where(rows.c.kind == kind, rows.c.key == key)
    found: bytes | None = connection.execute(wanted).scalar_one_or_none()
    return found


def _list_kinds(connection: Connection) -> Sequence[str]:
    wanted = select(rows.c.kind).distinct().order_by(rows.c.kind)
    return tuple(connection.execute(wanted).scalars())


def _scan(connection: Connection, kind: str, after: int, limit: int | None) -> Sequence[Row]:
    wanted = _ROWS.where(rows.c.kind == kind, rows.c.position > after)
    return _list(connection, wanted.order_by(rows.c.position).limit(limit))


def _scan_back(connection: Connection, kind: str, before: int | None, limit: int) -> Sequence[Row]:
    wanted = _ROWS.where(rows.c.kind == kind)
    if before is not None:
        wanted = wanted.where(rows.c.position < before)
    return _list(connection, wanted.order_by(rows.c.position.desc()).limit(limit))


def _scan_tagged(
    connection: Connection, kind: str, tag: bytes, after: int, limit: int | None
) -> Sequence[Row]:
    joined = _ROWS.join(tags, tags.c.position == rows.c.position)
    wanted = joined.where(tags.c.tag == tag, tags.c.position > after, rows.c.kind == kind)
    return _list(connection, wanted.order_by(tags.c.position).limit(limit))


def _list(connection: Connection, wanted: Select[int, bytes, bytes]) -> Sequence[Row]:
    return tuple(Row(position, key, value) for position, key, value in connection.execute(wanted))


def _write(connection: Connection, writes: Sequence[Write]) -> None:
    for kind_of_write, group in groupby(writes, key=type):
        bound = [_bind(write) for write in group]
        for statement in _STATEMENTS[kind_of_write]:
            connection.execute(statement, bound)


def _bind(write: Write) -> dict[str, str | bytes]:
    match write:
        case Put(kind=kind, key=key, value=value):
            return {"of_kind": kind, "of_key": key, "new_value": value}
        case Delete(kind, key):
            return {"of_kind": kind, "of_key": key}
        case Tag(kind, key, tag) | Untag(kind, key, tag):
            return {"of_kind": kind, "of_key": key, "of_tag": tag}
        case unknown:
            assert_never(unknown)
