"""What is put together whole, or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.server import test_services as world

from quietway_server.bootstrap import assemble
from quietway_server.errors import StartError
from quietway_server.services.writer import Writer
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

CLOSE = Writer.close


def _fail_to_assemble(folder: Path) -> bool:
    """Assemble with a password that can't be read; tell whether a thread is left of it."""
    before = set(threading.enumerate())
    options = {"mail_credentials": str(folder), "mail_server": "mail.example:587"}
    settings = read_settings({**options, "mail_sender": "relay@harbor.example"}, {})
    with pytest.raises(StartError, match="--mail-credentials"):
        assemble(settings, store=MemoryStore(), clock=world.FakeClock(), on_failure=lambda: None)
    return not before.issuperset(threading.enumerate())


async def test_a_relay_that_can_not_be_assembled_leaves_no_thread_that_keeps_the_process(
    tmp_path: Path,
) -> None:
    assert not _fail_to_assemble(tmp_path)


async def test_control_without_closing_the_writer_its_thread_would_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Writer] = []

    def leave(writer: Writer) -> None:
        left.append(writer)

    without(monkeypatch, "quietway_server.services.writer:Writer.close", leave)
    assert _fail_to_assemble(tmp_path)
    for writer in left:
        CLOSE(writer)
