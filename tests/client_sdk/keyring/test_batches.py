"""Epoch batches add up, come back from the store, and are in memory only where they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import FLASH, NOW
from tests.gallery.vouching import House, batch, pinned, restored, rows_of, serve

from quietway.errors import DirectoryRefused
from quietway.keyring.batches import DIRECTORY, KeysNotLoadedError, name_kind
from quietway.keyring.published import Published
from quietway.keyring.trust import Directory
from quietway.ports import Delete, Put, Row
from quietway_schemas.directory import MOST_BATCHES
from quietway_schemas.errors import ContentError
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway_schemas.directory import SignedObject

HOUSE = House("harbor")
DESK, PHONE, THIEF = (HOUSE.device(name) for name in ("desk", "phone", "thief"))
FIRST = HOUSE.manifest(DESK, PHONE)
TODAY = FLASH.epoch_of(NOW)


def _key(directory: Directory, epoch: int = TODAY) -> bytes | None:
    return directory.epoch_key(DESK.device, FLASH, epoch, 2, agency=HOUSE.agency)


def _serve(directory: Directory, *objects: SignedObject, now: int = NOW) -> list[str]:
    refused = serve(directory, HOUSE.agency, *objects, now=now)
    return [held.reason for held in refused if isinstance(held, DirectoryRefused)]


def _known() -> Directory:
    directory = pinned(HOUSE)
    assert _serve(directory, FIRST, batch(DESK, FIRST, epochs=(TODAY, TODAY + 1))) == []
    return directory


def test_a_further_batch_adds_its_epochs_to_those_before() -> None:
    directory = _known()
    assert _serve(directory, batch(DESK, FIRST, now=NOW + 1, epochs=(TODAY + 2,))) == []
    for epoch in (TODAY, TODAY + 1, TODAY + 2):
        assert _key(directory, epoch) == DESK.pair(FLASH, epoch, 2).public
    assert _key(directory, TODAY + 3) is None


def test_a_batch_that_lists_nothing_vouches_and_keeps_what_there_was() -> None:
    directory = _known()
    later = NOW + 6 * DAY
    assert _serve(directory, batch(DESK, FIRST, now=later, epochs=())) == []
    found = directory.device(HOUSE.agency, DESK.device)
    assert found is not None
    assert found.last_seen == later
    assert _key(directory) is not None


def test_a_batch_that_replaces_throws_the_others_away() -> None:
    directory = _known()
    anew = batch(DESK, FIRST, now=NOW + 1, epochs=(TODAY,), keys_of=PHONE, replaces=True)
    assert _serve(directory, anew) == []
    assert _key(directory) == PHONE.pair(FLASH, TODAY, 2).public
    assert _key(directory, TODAY + 1) is None


def test_without_replacing_no_key_is_exchanged_for_another() -> None:
    directory = _known()
    swapped = batch(DESK, FIRST, now=NOW + 1, epochs=(TODAY,), keys_of=PHONE)
    assert _serve(directory, swapped) == []
    assert _key(directory) == DESK.pair(FLASH, TODAY, 2).public


def test_the_keys_of_a_device_stay_when_its_agency_has_a_new_manifest() -> None:
    directory = _known()
    second = HOUSE.manifest(DESK, PHONE, after=FIRST, now=NOW + 1)
    assert _serve(directory, second) == []
    assert _key(directory) == DESK.pair(FLASH, TODAY, 2).public


def test_what_was_taken_in_before_is_passed_over_and_an_unknown_older_one_is_refused() -> None:
    directory = pinned(HOUSE)
    old = batch(DESK, FIRST, now=NOW - 5, epochs=(TODAY + 3,))
    over = batch(DESK, FIRST, now=NOW - 9 * DAY, epochs=(TODAY - 9,))
    first = batch(DESK, FIRST)
    assert _serve(directory, FIRST, first, batch(DESK, FIRST, now=NOW + 1, epochs=())) == []
    assert _serve(directory, first) == []
    assert _serve(directory, over) == []
    assert _serve(directory, old) == ["rolled_back"]
    assert _key(directory, TODAY + 3) is None


def test_what_is_over_goes_from_the_store_with_the_next_batch() -> None:
    directory = _known()
    kind = name_kind(HOUSE.agency)
    assert sum(write.kind == kind for write in directory.take_writes()) == 1
    later = NOW + 3 * DAY
    assert _serve(directory, batch(DESK, FIRST, now=later), now=later) == []
    writes = [write for write in directory.take_writes() if write.kind == kind]
    assert [type(write) for write in writes] == [Delete, Put]


def test_of_a_device_no_more_batches_are_kept_than_the_relay_keeps() -> None:
    directory = _known()
    more = [
        batch(DESK, FIRST, now=NOW + n, epochs=(TODAY + 1 + n,)) for n in range(1, MOST_BATCHES + 1)
    ]
    assert _serve(directory, *more) == []
    assert _key(directory) is None
    assert _key(directory, TODAY + 1 + MOST_BATCHES) is not None


def test_what_comes_back_from_the_store_has_no_key_in_memory_until_it_is_loaded() -> None:
    directory = _known()
    again = Directory.restore(rows_of(directory))
    assert again.has_published(DESK.device, FLASH, TODAY, agency=HOUSE.agency)
    # Never "unreachable": that would be said of a device whose key lies on the disk.
    with pytest.raises(KeysNotLoadedError):
        _key(again)
    assert again.lacks_keys([HOUSE.agency], now=NOW) == (HOUSE.agency,)
    loaded = restored(directory)
    assert loaded.lacks_keys([HOUSE.agency], now=NOW) == ()
    assert _key(loaded) == DESK.pair(FLASH, TODAY, 2).public


def test_keys_that_were_loaded_are_for_a_day_and_until_the_agency_publishes() -> None:
    loaded = restored(_known())
    assert loaded.lacks_keys([HOUSE.agency], now=NOW + DAY) == (HOUSE.agency,)
    loaded = restored(_known())
    assert _serve(loaded, batch(PHONE, FIRST)) == []
    assert loaded.lacks_keys([HOUSE.agency], now=NOW) == (HOUSE.agency,)


def test_a_row_that_is_not_there_is_no_missing_key() -> None:
    again = Directory.restore(rows_of(_known()))
    with pytest.raises(ContentError):
        again.load_keys(HOUSE.agency, (), now=NOW)


def test_few_agencies_keys_stay_in_memory() -> None:
    houses = [House(f"house{n}") for n in range(40)]
    directory = pinned(*houses)
    for house in houses:
        desk = house.device("desk")
        manifest = house.manifest(desk)
        assert serve(directory, house.agency, manifest, batch(desk, manifest)) == ()
    writes = directory.take_writes()
    for house in houses:
        (lacking,) = directory.lacks_keys([house.agency], now=NOW)
        held = [
            Row(0, write.key, write.value)
            for write in writes
            if isinstance(write, Put) and write.kind == name_kind(lacking)
        ]
        directory.load_keys(lacking, held, now=NOW)
    assert len(directory._batches._loaded) == 16
    everyone = [house.agency for house in houses]
    assert len(directory.lacks_keys(everyone, now=NOW)) == 24


def _prove_none(*_: object, **__: object) -> bool:
    raise AssertionError


def test_what_the_store_holds_as_proved_is_not_proved_a_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = rows_of(_known())
    without(monkeypatch, "quietway.keyring.batches:prove_batch", _prove_none)
    again = Directory.restore(rows)
    assert again.has_published(DESK.device, FLASH, TODAY, agency=HOUSE.agency)


def test_rows_of_a_former_version_are_proved_once_and_lie_where_they_belong_then() -> None:
    rows = {key: row for key, row in rows_of(_known()).items() if b"published/" not in key}
    former = batch(DESK, FIRST)
    key = b"proved/" + HOUSE.agency.value + DESK.device.value
    again = Directory.restore({**rows, key: former.to_canonical()})
    assert _key(again) == DESK.pair(FLASH, TODAY, 2).public
    writes = again.take_writes()
    assert Delete(DIRECTORY, key) in writes
    assert [write.kind for write in writes if isinstance(write, Put)].count(
        name_kind(HOUSE.agency)
    ) == 1


def test_a_batch_that_waits_for_its_manifest_outlives_a_restart() -> None:
    second = HOUSE.manifest(DESK, PHONE, after=FIRST, now=NOW + 1)
    directory = _known()
    assert _serve(directory, batch(DESK, second, now=NOW + 1, epochs=(TODAY + 2,))) == []
    again = Directory.restore(rows_of(directory))
    assert not again.has_published(DESK.device, FLASH, TODAY + 2, agency=HOUSE.agency)
    assert _serve(again, second) == []
    assert _key(again, TODAY + 2) == DESK.pair(FLASH, TODAY + 2, 2).public


def test_batches_of_an_agency_that_is_nobodys_partner_are_not_kept() -> None:
    directory = Directory()
    assert _serve(directory, FIRST, batch(DESK, FIRST)) == []
    assert not [key for key in rows_of(directory) if b"published/" in key]
    again = Directory.restore(rows_of(directory))
    again.cursor = 7
    again.pin(HOUSE.agency, HOUSE.root.public)
    # Everything is read again, so no request says whom this is about.
    assert again.cursor == 0


def test_a_day_changes_two_rows_for_each_device_that_published() -> None:
    directory = _known()
    assert _serve(directory, batch(PHONE, FIRST)) == []
    directory.take_writes()
    assert _serve(directory, batch(DESK, FIRST, now=NOW + 1, epochs=(TODAY + 2,))) == []
    kinds = sorted(write.kind for write in directory.take_writes())
    assert kinds == [DIRECTORY, name_kind(HOUSE.agency)]


@pytest.mark.parametrize(
    "row", [b"", b"x" * 43, bytes(44) + b"x", bytes(44 + 8) + b"\x01\x09\x00\x00"]
)
def test_a_row_that_this_version_did_not_write_is_refused(row: bytes) -> None:
    with pytest.raises(ContentError):
        Published.from_row(row)
