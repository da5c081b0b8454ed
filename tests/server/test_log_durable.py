"""What a crash, an upgrade and a long life leave of the log."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from alembic import command
from bench.long_log import fill, make_leaf
from tests.controls import without
from tests.server.agency import Agency, now_ms
from tests.server.logs import KEY, begin, draw, make_relay, settings_in

from quietway_crypto.merkle import hash_leaf, root_of, verify_consistency, verify_inclusion
from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.manifests import hash_manifest
from quietway_server.bootstrap import open_store
from quietway_server.services.enrolment import add_code
from quietway_server.services.log import (
    append_leaf,
    find_head,
    prove_consistency,
    prove_manifests,
)
from quietway_server.services.log_start import start_log
from quietway_server.store import database
from quietway_server.store.sqlite import SqliteStore
from quietway_server.store.upgrade import alembic_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from quietway_server.store.sql_transaction import SqlTransaction

LONG = 100_000


def test_a_relay_from_before_the_log_logs_what_it_holds(tmp_path: Path) -> None:
    """Its file is of the first revision: the log's tables are made, and a leaf for each agency."""
    path = tmp_path / "relay.db"
    engine = database.open_engine(path)
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for change, name in enumerate((b"b" * 16, b"a" * 16), start=1):
            connection.exec_driver_sql(
                "INSERT INTO manifests VALUES (?, ?, 4, ?, ?, ?, ?, ?)",
                (name, name.decode(), bytes(32), bytes(32), name * 3, bytes(64), change),
            )
        connection.exec_driver_sql("UPDATE feed SET latest_change = 2")
    engine.dispose()
    settings = settings_in(tmp_path)
    for _ in range(2):
        begin(settings)
        store = open_store(settings)
        with store.reading() as transaction:
            leaves = transaction.leaves_from(0, 9)
            head = transaction.find_log_head()
        store.close()
        assert head is not None
        assert head.size == 2
        assert [(leaf.agency, leaf.manifest_hash) for leaf in leaves] == [
            (name, hash_manifest(name * 3)) for name in (b"b" * 16, b"a" * 16)
        ]


class _Watched:
    """A transaction that tells when one of its methods is about to run."""

    def __init__(self, transaction: SqlTransaction, tell: Callable[[str], None]) -> None:
        self._transaction = transaction
        self._tell = tell

    def __getattr__(self, name: str) -> object:
        self._tell(name)
        return getattr(self._transaction, name)


class _WatchedStore(SqliteStore):
    """A store that copies its files, as a killed process would leave them, at one call."""

    def __init__(self, path: Path, at: str) -> None:
        super().__init__(path)
        self._folder, self._at = path.parent, at
        self.left = self._folder / "left"
        self.is_armed = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        with super().writing() as transaction:
            yield _Watched(transaction, self._look)  # type: ignore[misc]  # it stands in for one

    def _look(self, name: str) -> None:
        if self.is_armed and name == self._at and not self.left.exists():
            self.left.mkdir()
            for path in self._folder.glob("relay.db*"):
                shutil.copy(path, self.left)


def _count(folder: Path) -> tuple[int, int, int]:
    """Count manifests, leaves, and the leaves that the head has."""
    store = SqliteStore(folder / "relay.db")
    with store.reading() as transaction:
        head = transaction.find_log_head()
        counted = (
            len(transaction.feed_after(0, 9, soft_bytes=2**20)),
            len(transaction.leaves_from(0, 9)),
            0 if head is None else head.size,
        )
    store.close()
    return counted


def _publish_and_be_killed(folder: Path, at: str) -> list[tuple[int, int, int]]:
    """Publish a first manifest; count what the kill has left, and what there is in the end."""

    async def run() -> list[tuple[int, int, int]]:
        store = _WatchedStore(folder / "relay.db", at)
        relay = make_relay(store)
        agency = Agency("http://127.0.0.1:1", 30_004)
        code = add_code(store, now=now_ms(), entropy=b"e" * 16)
        signed = agency.sign_manifest(agency.manifest())
        store.is_armed = True
        await relay.directory.put_manifest(agency.agency_id, signed, enrolment_code=code)
        await asyncio.to_thread(relay.close)
        return [_count(store.left), _count(folder)]

    return asyncio.run(run())


@pytest.mark.parametrize("at", ["append_leaf", "replace_log_head"])
def test_a_manifest_and_its_leaf_are_there_together_or_not_at_all(tmp_path: Path, at: str) -> None:
    assert _publish_and_be_killed(tmp_path, at) == [(0, 0, 0), (1, 1, 1)]


@pytest.mark.parametrize(
    ("at", "left"), [("append_leaf", (1, 0, 0)), ("replace_log_head", (1, 1, 0))]
)
def test_control_without_one_transaction_a_kill_parts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, left: tuple[int, int, int]
) -> None:
    without(monkeypatch, "quietway_server.store.database:_begin", lambda _: None)
    assert _publish_and_be_killed(tmp_path, at) == [left, (1, 1, 1)]


def test_a_log_of_a_hundred_thousand_leaves_starts_grows_and_proves(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    store = open_store(settings)
    before = fill(store, KEY, LONG)
    store.close()
    store = open_store(settings)
    began = time.process_time()
    start_log(store, KEY, draw)
    with store.writing() as transaction:
        append_leaf(transaction, KEY, make_leaf(LONG))
    with store.reading() as transaction:
        head = find_head(transaction)
        agencies = [make_leaf(index).agency_id.value for index in range(64)]
        proofs = prove_manifests(transaction, head, agencies)
        path = prove_consistency(transaction, LONG, LONG + 1)
    # Whoever read the whole tree for it would take seconds.
    assert time.process_time() - began < 1
    assert read_checkpoint(head.checkpoint, KEY.public).size == LONG + 1
    verify_consistency(LONG, LONG + 1, path, before.root, head.root)
    for index, agency in enumerate(agencies):
        proof = proofs[agency]
        assert proof.index % 500 == index
        leaf = hash_leaf(make_leaf(proof.index).to_bytes())
        verify_inclusion(leaf, proof.index, head.size, proof.path, head.root)
    store.close()


def test_a_log_that_grew_leaf_by_leaf_is_the_one_that_was_filled_at_once(tmp_path: Path) -> None:
    filled, grown = (SqliteStore(tmp_path / name) for name in ("filled.db", "grown.db"))
    fill(filled, KEY, 300)
    start_log(grown, KEY, draw)
    with grown.writing() as transaction:
        for index in range(300):
            append_leaf(transaction, KEY, make_leaf(index))
    seen = []
    for store in (filled, grown):
        with store.reading() as transaction:
            rows = transaction.leaves_from(0, 400)
            inner = [(level, at) for level in range(1, 9) for at in range(300 >> level)]
            seen.append((transaction.find_log_head(), rows, transaction.find_nodes(inner)))
        store.close()
    assert seen[0] == seen[1]
    assert len(seen[0][2]) == len(inner)
    assert seen[0][0] is not None
    assert seen[0][0].root == root_of(row.leaf_hash for row in seen[0][1])
