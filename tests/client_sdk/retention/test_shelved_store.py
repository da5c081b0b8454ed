"""Content lies under record keys, and is gone with them: at once for readers, soon for the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.retention.keys import MemoryRecordKeys
from tests.controls import without

from quietway.errors import StorageFull, StoreDamaged
from quietway.ports import Delete, Put, Row, Shelf
from quietway.retention import bucket_end
from quietway.store.memory import MemoryStore
from quietway.store.shelved import ShelvedStore
from quietway.store.shelves import RECORD_KEY
from quietway.testing.clock import START
from quietway.testing.entropy import SeededEntropy
from quietway_schemas.ids import AgencyId, CaseRef, ConversationId
from quietway_schemas.instants import DAY, WEEK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from quietway_schemas.instants import Instant

AGENCY = AgencyId(b"a" * 16)
CASE = CaseRef(b"k" * 16)
ALIAS = CaseRef(b"l" * 16)
WORDS = b"what somebody told"


def shelf(days: int, *, case: CaseRef | None = None, conversation: bytes = b"c") -> Shelf:
    return Shelf(ConversationId(conversation * 16), case, AGENCY, START + days * DAY)


def put(key: bytes, days: int = 30, *, case: CaseRef | None = None) -> Put:
    return Put("message", key, WORDS + key, shelf(days, case=case))


async def open_store(inner: MemoryStore, keys: MemoryRecordKeys, seed: int = 1) -> ShelvedStore:
    return await ShelvedStore.open(
        inner,
        keys=keys,
        entropy=SeededEntropy(seed),
        kinds=("message", "outbox"),
        name_case=lambda called, _: CASE if called == ALIAS else called,
    )


@pytest.fixture
def inner() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def keys() -> MemoryRecordKeys:
    return MemoryRecordKeys()


async def test_content_is_not_in_the_store_below_and_opens_with_its_key(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(b"1")])
    (row,) = await inner.scan("message")
    assert row.value[0] == 2
    assert row.value[1:17] in keys.held
    assert WORDS not in row.value
    assert await store.read("message", b"1") == WORDS + b"1"


async def test_a_row_opens_in_no_other_place(inner: MemoryStore, keys: MemoryRecordKeys) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(b"1")])
    (row,) = await inner.scan("message")
    await inner.commit([Put("message", b"2", row.value), Put("outbox", b"1", row.value)])
    for kind, key in (("message", b"2"), ("outbox", b"1")):
        with pytest.raises(StoreDamaged):
            await store.read(kind, key)


async def test_one_case_and_week_share_a_key_and_nothing_else_does(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(b"1", 30, case=CASE), put(b"2", 31, case=ALIAS)])
    await store.commit([put(b"3", 32, case=CASE)])
    assert len(keys.held) == 1
    await store.commit([put(b"4", 40, case=CASE), put(b"5", 30)])
    await store.commit([Put("message", b"6", WORDS, shelf(30, conversation=b"d"))])
    assert len(keys.held) == 4


async def test_a_key_dies_at_the_end_of_the_week_that_its_content_ends_in(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(b"1")])
    assert list(keys.record_names().values()) == [bucket_end(START + 30 * DAY)]


class FullStore(MemoryStore):
    """A store on a disk that is full, until there is room again."""

    full = True

    async def commit(self, writes: Sequence[Put | Delete]) -> None:
        if self.full:
            raise StorageFull
        await super().commit(writes)


async def test_the_key_is_durable_before_a_row_and_a_second_try_uses_the_same(
    keys: MemoryRecordKeys,
) -> None:
    inner = FullStore()
    store = await open_store(inner, keys)
    with pytest.raises(StorageFull):
        await store.commit([put(b"1")])
    assert len(keys.held) == 1
    assert await store.scan("message") == ()
    inner.full = False
    await store.commit([put(b"1")])
    assert len(keys.held) == 1
    assert len(await inner.scan(RECORD_KEY)) == 1
    again = await open_store(inner, keys)
    await again.commit([put(b"2")])
    assert len(keys.held) == 1


async def test_what_has_no_key_is_shown_to_nobody_and_is_dropped(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(b"1", 30), put(b"2", 60)])
    keys.erase(START + 45 * DAY)
    assert await store.read("message", b"1") is None
    assert [row.key for row in await store.scan("message")] == [b"2"]
    assert len(await inner.scan("message")) == 2
    assert await store.drop_gone() == (("message", b"1"),)
    assert [row.key for row in await inner.scan("message")] == [b"2"]
    assert len(await inner.scan(RECORD_KEY)) == 1
    assert await store.drop_gone() == ()


async def test_a_crash_between_the_keyring_and_the_rows_is_made_good_at_the_start(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(b"1", 30), put(b"2", 60)])
    keys.erase(START + 45 * DAY)
    again = await open_store(inner, keys, seed=2)
    assert [row.key for row in await inner.scan("message")] == [b"2"]
    assert [row.key for row in await again.scan("message")] == [b"2"]


async def test_control_without_dropping_the_start_leaves_the_rows_on_the_disk(
    inner: MemoryStore, keys: MemoryRecordKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(*_: object, **__: object) -> tuple[()]:
        return ()

    store = await open_store(inner, keys)
    await store.commit([put(b"1", 30)])
    keys.erase(START + 45 * DAY)
    without(monkeypatch, "quietway.store.shelved:ShelvedStore.drop_gone", keep)
    await open_store(inner, keys, seed=2)
    assert len(await inner.scan("message")) == 1


async def test_what_is_over_is_not_written_down_again(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(b"1", 30)])
    over = START + 45 * DAY
    keys.erase(over)
    await store.drop_gone(over_at=over)
    await store.commit([put(b"1", 30)])
    assert await inner.scan("message") == ()
    assert keys.held == {}


async def test_a_limit_counts_what_can_be_shown(inner: MemoryStore, keys: MemoryRecordKeys) -> None:
    store = await open_store(inner, keys)
    await store.commit([put(bytes([n]), 30 if n % 2 else 60) for n in range(12)])
    keys.erase(START + 45 * DAY)
    page = await store.scan("message", limit=4)
    assert [row.key[0] for row in page] == [0, 2, 4, 6]
    rest = await store.scan("message", after=page[-1].position, limit=4)
    assert [row.key[0] for row in rest] == [8, 10]


async def test_content_without_a_place_is_not_written(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    store = await open_store(inner, keys)
    with pytest.raises(ValueError, match="place"):
        await store.commit([Put("message", b"1", WORDS)])
    assert await inner.scan("message") == ()


async def test_rows_of_the_first_format_are_read_and_then_put_away(
    inner: MemoryStore, keys: MemoryRecordKeys
) -> None:
    rows = [Put("message", bytes([n]), b'{"n":%d}' % n) for n in range(250)]
    await inner.commit(rows)
    store = await open_store(inner, keys)
    assert [row.value for row in await store.scan("message")] == [row.value for row in rows]

    def find_shelf(kind: str, row: Row) -> Shelf:
        assert kind == "message"
        return shelf(30 + 7 * (row.key[0] % 2))

    assert await store.put_away_former(find_shelf) == 250
    assert {row.value[0] for row in await inner.scan("message")} == {2}
    assert [row.value for row in await store.scan("message")] == [row.value for row in rows]
    assert await store.put_away_former(find_shelf) == 0
    assert len(keys.held) == 2
    keys.erase(bucket_end(START + 30 * DAY) + WEEK - 1)
    assert len(await store.scan("message")) == 125


async def test_a_full_disk_at_the_start_shows_what_lives_and_drops_the_rest_later(
    keys: MemoryRecordKeys,
) -> None:
    inner = FullStore()
    inner.full = False
    store = await open_store(inner, keys)
    await store.commit([put(b"1", 30), put(b"2", 60)])
    keys.erase(START + 45 * DAY)
    inner.full = True
    again = await open_store(inner, keys, seed=2)
    assert [row.key for row in await again.scan("message")] == [b"2"]
    inner.full = False
    assert await again.drop_gone() == (("message", b"1"),)


class CountedKeys(MemoryRecordKeys):
    """Counts how often the keyring would be written."""

    written = 0

    def add_record_keys(self, keys: Mapping[bytes, tuple[bytes, Instant]]) -> None:
        self.written += 1
        super().add_record_keys(keys)


async def test_a_day_of_new_cases_writes_the_keyring_a_few_times() -> None:
    keys, inner = CountedKeys(), MemoryStore()
    store = await ShelvedStore.open(
        inner, keys=keys, entropy=SeededEntropy(1), kinds=("message",), name_case=lambda c, _: c
    )
    names = [number.to_bytes(16, "big") for number in range(60 * 32)]
    for start in range(0, len(names), 32):
        await store.commit(
            [
                Put("message", name, name, Shelf(ConversationId(name), None, AGENCY, START))
                for name in names[start : start + 32]
            ]
        )
    assert keys.written < 12
    assert [row.value for row in await store.scan("message")] == names
    assert len(set(store.places().values())) == len(names)


async def test_a_key_in_stock_is_used_after_the_next_opening() -> None:
    keys, inner = CountedKeys(), MemoryStore()
    keys.add_record_keys({b"k" * 16: (bytes(32), bucket_end(START))})
    store = await ShelvedStore.open(
        inner, keys=keys, entropy=SeededEntropy(1), kinds=("message",), name_case=lambda c, _: c
    )
    await store.commit(
        [Put("message", b"one", b"text", Shelf(ConversationId(bytes(16)), None, AGENCY, START))]
    )
    assert keys.written == 1
    assert list(store.places().values()) == [b"k" * 16]
