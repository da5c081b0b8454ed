"""One suite for every store: what the engine may rely on, wherever its rows lie."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.retention.keys import MemoryRecordKeys

from quietway.ports import Delete, Put, Row, Shelf, Tag, Untag
from quietway.store.lock import FolderLock
from quietway.store.memory import MemoryStore
from quietway.store.shelved import ShelvedStore
from quietway.store.sqlcipher import SqlCipherStore
from quietway.testing.clock import START
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.secret import Secret
from quietway_schemas.ids import AgencyId, ConversationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from quietway.ports import Store

KEY = Secret(bytes(range(32)))
STORE_ID = bytes(range(16))


def open_encrypted(folder: Path) -> SqlCipherStore:
    lock = FolderLock.acquire(folder)
    return SqlCipherStore.open(folder, key=KEY, store_id=STORE_ID, lock=lock)


class Placed(ShelvedStore):
    """A shelved store whose every row is content, on one shelf."""

    async def commit(self, writes: Sequence[Put | Delete]) -> None:
        shelf = Shelf(ConversationId(bytes(16)), None, AgencyId(bytes(16)), START)
        await super().commit(
            [replace(held, place=shelf) if isinstance(held, Put) else held for held in writes]
        )


async def open_shelved(inner: Store) -> ShelvedStore:
    return await Placed.open(
        inner,
        keys=MemoryRecordKeys(),
        entropy=SeededEntropy(1),
        kinds=("message", "m", "a", "b"),
        name_case=lambda called, _: called,
    )


@pytest.fixture(params=["memory", "sqlcipher", "shelved in memory", "shelved in sqlcipher"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore() if "memory" in request.param else open_encrypted(tmp_path)
    if "shelved" in request.param:
        made = await open_shelved(made)
    yield made
    await made.aclose()


async def test_reading_what_was_never_written_gives_nothing(store: Store) -> None:
    assert await store.read("message", b"no") is None
    assert list(await store.scan("message")) == []


async def test_a_row_comes_back_as_it_was_given(store: Store) -> None:
    value = bytes(range(256))
    await store.commit([Put("message", b"\0key", value)])
    assert await store.read("message", b"\0key") == value


async def test_an_empty_value_is_not_the_same_as_none(store: Store) -> None:
    await store.commit([Put("message", b"key", b"")])
    assert await store.read("message", b"key") == b""


async def test_the_same_key_in_two_kinds_is_two_rows(store: Store) -> None:
    await store.commit([Put("a", b"key", b"1"), Put("b", b"key", b"2")])
    await store.commit([Delete("a", b"key")])
    assert await store.read("a", b"key") is None
    assert await store.read("b", b"key") == b"2"


async def test_the_kinds_are_those_of_which_there_is_a_row(store: Store) -> None:
    assert list(await store.kinds()) == []
    await store.commit([Put("b", b"key", b"1"), Put("a", b"key", b"2"), Put("a", b"other", b"3")])
    await store.commit([Delete("b", b"key")])
    assert list(await store.kinds()) == ["a"]


async def test_rows_are_scanned_in_the_order_of_first_writing(store: Store) -> None:
    await store.commit([Put("m", b"z", b"1"), Put("m", b"a", b"2")])
    await store.commit([Put("m", b"k", b"3")])
    await store.commit([Put("m", b"z", b"over")])
    assert [(row.key, row.value) for row in await store.scan("m")] == [
        (b"z", b"over"),
        (b"a", b"2"),
        (b"k", b"3"),
    ]


async def test_a_row_written_again_after_its_deletion_comes_last(store: Store) -> None:
    await store.commit([Put("m", b"first", b"1"), Put("m", b"second", b"2")])
    await store.commit([Delete("m", b"first"), Put("m", b"first", b"1")])
    assert [row.key for row in await store.scan("m")] == [b"second", b"first"]


async def test_the_position_of_a_deleted_row_is_never_given_again(store: Store) -> None:
    await store.commit([Put("m", b"gone", b"")])
    (gone,) = await store.scan("m")
    await store.commit([Delete("m", b"gone")])
    await store.commit([Put("m", b"new", b"")])
    (new,) = await store.scan("m")
    assert new.position > gone.position


async def test_a_scan_goes_on_after_a_position_and_stops_at_a_limit(store: Store) -> None:
    await store.commit([Put("m", bytes([number]), b"") for number in range(10)])
    first = await store.scan("m", limit=4)
    rest = await store.scan("m", after=first[-1].position)
    assert [row.key for row in first] == [bytes([number]) for number in range(4)]
    assert [row.key for row in rest] == [bytes([number]) for number in range(4, 10)]


async def test_writes_of_one_commit_apply_in_their_order(store: Store) -> None:
    await store.commit([Put("m", b"k", b"1"), Delete("m", b"k"), Put("m", b"k", b"2")])
    await store.commit([Put("m", b"l", b"1"), Put("m", b"l", b"2"), Delete("m", b"l")])
    assert await store.read("m", b"k") == b"2"
    assert await store.read("m", b"l") is None


async def test_deleting_what_is_not_there_does_nothing(store: Store) -> None:
    await store.commit([Delete("m", b"never")])
    await store.commit([])
    assert list(await store.scan("m")) == []


async def test_many_tasks_may_use_the_store_at_once(store: Store) -> None:
    await asyncio.gather(*(store.commit([Put("m", bytes([n]), bytes([n]))]) for n in range(50)))
    assert {row.key for row in await store.scan("m")} == {bytes([n]) for n in range(50)}


async def test_dropping_copies_leaves_the_rows(store: Store) -> None:
    await store.commit([Put("m", b"k", b"1")])
    await store.drop_copies()
    assert await store.read("m", b"k") == b"1"


async def test_closing_twice_is_fine(store: Store) -> None:
    await store.aclose()
    await store.aclose()


WRITES = st.lists(
    st.one_of(
        st.builds(Put, st.sampled_from(["a", "b"]), st.binary(max_size=2), st.binary(max_size=4)),
        st.builds(Delete, st.sampled_from(["a", "b"]), st.binary(max_size=2)),
    ),
    max_size=8,
)


@given(commits=st.lists(WRITES, max_size=6))
@settings(max_examples=25, deadline=None)
def test_all_stores_hold_the_same_after_any_commits(
    tmp_path_factory: pytest.TempPathFactory, commits: list[list[Put | Delete]]
) -> None:
    async def rows_of(store: Store) -> list[list[tuple[bytes, bytes]]]:
        for writes in commits:
            await store.commit(writes)
        held: list[list[tuple[bytes, bytes]]] = []
        for kind in ("a", "b"):
            scanned: list[Row] = list(await store.scan(kind))
            held.append([(row.key, row.value) for row in scanned])
        await store.aclose()
        return held

    async def compare() -> None:
        encrypted = open_encrypted(tmp_path_factory.mktemp("store"))
        expected = await rows_of(MemoryStore())
        assert await rows_of(encrypted) == expected
        assert await rows_of(await open_shelved(MemoryStore())) == expected

    asyncio.run(compare())


async def test_a_row_is_found_by_its_tags_in_the_order_of_first_writing(store: Store) -> None:
    await store.commit([Put("m", key, key) for key in (b"1", b"2", b"3")])
    await store.commit([Tag("m", key, b"tag") for key in (b"3", b"1")])
    await store.commit([Put("m", b"1", b"one")])
    assert [(row.key, row.value) for row in await store.scan_tagged("m", b"tag")] == [
        (b"1", b"one"),
        (b"3", b"3"),
    ]
    assert list(await store.scan_tagged("m", b"other")) == []
    (first,) = await store.scan_tagged("m", b"tag", limit=1)
    (second,) = await store.scan_tagged("m", b"tag", after=first.position, limit=9)
    assert (first.key, second.key) == (b"1", b"3")


async def test_a_tag_belongs_to_one_kind(store: Store) -> None:
    await store.commit([Put("a", b"k", b"v"), Put("b", b"k", b"v"), Tag("a", b"k", b"tag")])
    assert list(await store.scan_tagged("b", b"tag")) == []


async def test_a_tag_goes_with_its_row_and_does_not_come_back_with_its_key(store: Store) -> None:
    await store.commit([Put("m", b"k", b"v"), Tag("m", b"k", b"tag")])
    await store.commit([Delete("m", b"k"), Put("m", b"k", b"again")])
    assert list(await store.scan_tagged("m", b"tag")) == []


async def test_a_tag_that_is_taken_off_finds_nothing(store: Store) -> None:
    await store.commit([Put("m", b"k", b"v"), Tag("m", b"k", b"one"), Tag("m", b"k", b"two")])
    await store.commit([Untag("m", b"k", b"one"), Untag("m", b"none", b"one")])
    assert list(await store.scan_tagged("m", b"one")) == []
    assert [row.key for row in await store.scan_tagged("m", b"two")] == [b"k"]


async def test_tagging_twice_or_what_is_not_there_changes_nothing(store: Store) -> None:
    await store.commit([Put("m", b"k", b"v"), Tag("m", b"k", b"tag"), Tag("m", b"k", b"tag")])
    await store.commit([Tag("m", b"none", b"tag")])
    assert [row.key for row in await store.scan_tagged("m", b"tag")] == [b"k"]


async def test_the_newest_rows_come_first_page_by_page(store: Store) -> None:
    await store.commit([Put("m", bytes([number]), b"v") for number in range(5)])
    first = await store.scan_back("m", limit=2)
    second = await store.scan_back("m", before=first[-1].position, limit=9)
    assert [row.key[0] for row in (*first, *second)] == [4, 3, 2, 1, 0]
