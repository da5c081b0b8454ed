"""A folder that the first version wrote opens for ever."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.fixtures.make_store_format_1 import ANSWER, FOLDER, PASSPHRASE, TEXT
from tests.client_sdk.folders import reopen

from quietway.client import AsyncClient
from quietway.errors import WrongPassphrase
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway_schemas.content.message import MessageText
from quietway_schemas.envelope import EnvelopeClass

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


def test_a_keyring_of_format_1_holds_its_epochs(folder: Path) -> None:
    opened = reopen(folder, passphrase=PASSPHRASE)
    assert len(opened.keyring.epochs(EnvelopeClass.FLASH)) == 8
    assert len(opened.keyring.epochs(EnvelopeClass.CASE)) == 4
    opened.store.close()


def test_a_store_of_format_1_opens_with_no_other_passphrase(folder: Path) -> None:
    with pytest.raises(WrongPassphrase):
        reopen(folder, passphrase=PASSPHRASE.upper())


@pytest.mark.parametrize("name", ["keyring", "store.db"])
def test_the_fixture_shows_none_of_its_texts(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    assert TEXT.encode() not in content
    assert ANSWER.encode() not in content
