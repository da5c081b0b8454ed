"""A folder that the first version wrote opens for ever."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.fixtures.make_store_format_1 import ANSWER, FOLDER, PASSPHRASE, TEXT
from tests.client_sdk.folders import reopen, snapshot

from quietway.client import AsyncClient
from quietway.errors import StoreDamaged, WrongPassphrase
from quietway.keyring.head import erase_due_locked, read_head
from quietway.keyring.listening import read_listening
from quietway.records import CONTENT_KINDS
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway_schemas.content.message import MessageText
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY, LATEST_INSTANT, SECOND

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "device"
    copied.mkdir()
    for name in ("keyring", "store.db"):
        shutil.copyfile(FOLDER / name, copied / name)
    return copied


async def test_a_store_of_format_1_opens_with_all_that_is_in_it(folder: Path) -> None:
    clock = FakeClock()
    async with await AsyncClient.open(
        folder,
        passphrase=PASSPHRASE,
        relay_port=InMemoryRelay(clock).connect,
        clock=clock,
        entropy=SeededEntropy(2),
    ) as client:
        assert client.program == "HARBOR-SHELTER"
        assert [partner.agency_code for partner in await client.partners.list()] == ["MERCY"]
        said = [received.content for received in await client.inbox()]
        assert [content.text for content in said if isinstance(content, MessageText)] == [TEXT]
        states = [str(entry.state) for entry in await client.outbox()]
        assert "stored_at_relay" in states
        assert "not_yet_sent" in states or "sealed" in states


async def test_what_the_first_version_wrote_is_put_away_and_dies_with_its_copies(
    folder: Path,
) -> None:
    clock = FakeClock()
    client = await AsyncClient.open(
        folder,
        passphrase=PASSPHRASE,
        relay_port=InMemoryRelay(clock).connect,
        clock=clock,
        entropy=SeededEntropy(2),
    )
    below = client._agent.shelved.inner
    rows = [row for kind in CONTENT_KINDS for row in await below.scan(kind)]
    assert len(rows) > 2
    assert {row.value[0] for row in rows} == {2}
    # The upgrade left a copy, which still holds them as they were.
    copies = {"store.db.before-2", "keyring.before-2"}
    assert copies <= snapshot(folder).keys()
    clock.advance(38 * DAY / SECOND)
    swept = await client.retention.sweep()
    assert swept.problem is None
    assert swept.messages > 0
    assert not copies & snapshot(folder).keys()
    assert await client.inbox() == []
    clock.advance(365 * DAY / SECOND)
    await client.retention.sweep()
    assert [row for kind in CONTENT_KINDS for row in await below.scan(kind)] == []
    await client.aclose()


def test_a_keyring_of_format_1_holds_its_epochs(folder: Path) -> None:
    opened = reopen(folder, passphrase=PASSPHRASE)
    assert len(opened.keyring.epochs(EnvelopeClass.FLASH)) == 8
    assert len(opened.keyring.epochs(EnvelopeClass.CASE)) == 4
    opened.store.close()


def test_a_keyring_of_format_1_is_brought_forward_with_its_root_and_a_copy_until_it_erases(
    folder: Path,
) -> None:
    former = (folder / "keyring").read_bytes()
    first = reopen(folder, passphrase=PASSPHRASE)
    assert first.keyring.root is not None
    assert first.keyring.root.public == first.keyring.root_key
    assert (folder / "keyring.before-2").read_bytes() == former
    names = {record.name for record in read_head((folder / "keyring").read_bytes()).records}
    assert {"device", "identity", "agency", "store", "root"} < names
    assert read_listening(folder).key.public == first.keyring.listen.public
    first.store.close()
    again = reopen(folder, passphrase=PASSPHRASE)
    assert again.keyring.identity.public
    assert (folder / "keyring.before-2").exists()
    assert again.keyring.destroy_epoch_seeds() == 12
    assert not (folder / "keyring.before-2").exists()
    again.store.close()


def test_a_locked_device_leaves_a_keyring_of_format_1_for_its_upgrade(folder: Path) -> None:
    before = (folder / "keyring").read_bytes()
    assert erase_due_locked(folder / "keyring", LATEST_INSTANT) == 0
    assert (folder / "keyring").read_bytes() == before


def test_a_damaged_keyring_of_format_1_is_not_opened(folder: Path) -> None:
    whole = (folder / "keyring").read_bytes()
    for damaged in (whole[:-1], whole[:-40] + bytes(8) + whole[-32:]):
        (folder / "keyring").write_bytes(damaged)
        with pytest.raises(StoreDamaged):
            reopen(folder, passphrase=PASSPHRASE)
    assert not (folder / "pepper").exists()


def test_a_store_of_format_1_opens_with_no_other_passphrase(folder: Path) -> None:
    with pytest.raises(WrongPassphrase):
        reopen(folder, passphrase=PASSPHRASE.upper())


@pytest.mark.parametrize("name", ["keyring", "store.db"])
def test_the_fixture_shows_none_of_its_texts(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    assert TEXT.encode() not in content
    assert ANSWER.encode() not in content
