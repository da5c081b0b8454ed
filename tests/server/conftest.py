"""A real relay for the tests of this folder, shared; each test brings agencies of its own."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.relay_process import RelayProcess
from tests.server.agency import Agency, join, now_ms

from quietway_server.log import SILENCED
from quietway_server.services.enrolment import add_code
from quietway_server.store.postgres import PostgresStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SEEDS = itertools.count(1)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command of the relay, run in this process, sets up logging; the next test hears as ever."""
    loggers = [logging.getLogger(name) for name in ("", "quietway_server", *SILENCED)]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
        each.handlers[:] = handlers
        each.setLevel(level)
        each.propagate = propagate


@pytest.fixture(scope="session")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with RelayProcess(tmp_path_factory.mktemp("relay")) as process:
        yield process


def make_code(relay: RelayProcess) -> str:
    """Make an enrolment code as the operator's command does, without a process of its own."""
    store = SqliteStore(relay.database)
    try:
        return add_code(store, now=now_ms(), entropy=os.urandom(16))
    finally:
        store.close()


def held_by(relay: RelayProcess) -> bytes:
    """Read all that a relay's files hold, without the reserve, which is 16 MiB of zeros."""
    kept = [path for path in relay.paths if not path.name.endswith("-reserve")]
    return b"".join(path.read_bytes() for path in kept)


@pytest.fixture(scope="session")
def codes(relay: RelayProcess) -> Iterator[Callable[[], str]]:
    """Make enrolment codes at the shared relay."""
    store = SqliteStore(relay.database)
    yield lambda: add_code(store, now=now_ms(), entropy=os.urandom(16))
    store.close()


@pytest.fixture(scope="session")
def new_agency(relay: RelayProcess, codes: Callable[[], str]) -> Callable[[], Agency]:
    """Enrol a fresh agency at the shared relay."""

    def make() -> Agency:
        return join(relay.url, codes(), next(_SEEDS))

    return make


@pytest.fixture
def agency(new_agency: Callable[[], Agency]) -> Agency:
    return new_agency()


@pytest.fixture
def postgres_store(empty_postgres: str) -> Iterator[PostgresStore]:
    """Give a store on PostgreSQL in which nothing stands."""
    made = PostgresStore(empty_postgres)
    yield made
    made.close()
