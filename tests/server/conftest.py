"""A real relay for the tests of this folder, shared; each test brings agencies of its own."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest
from tests.relay_process import RelayProcess
from tests.server.agency import Agency, join, now_ms

from quietway_server.services.enrolment import add_code
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SEEDS = itertools.count(1)


@pytest.fixture(scope="session")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with RelayProcess(tmp_path_factory.mktemp("relay")) as process:
        yield process


@pytest.fixture(scope="session")
def codes(relay: RelayProcess) -> Callable[[], str]:
    """Make enrolment codes as the operator's command does, without starting a process each time."""

    def make() -> str:
        store = SqliteStore(relay.database)
        try:
            return add_code(store, now=now_ms(), entropy=os.urandom(16))
        finally:
            store.close()

    return make


@pytest.fixture
def new_agency(relay: RelayProcess, codes: Callable[[], str]) -> Callable[[], Agency]:
    """Enrol a fresh agency at the shared relay."""

    def make() -> Agency:
        return join(relay.url, codes(), next(_SEEDS))

    return make


@pytest.fixture
def agency(new_agency: Callable[[], Agency]) -> Agency:
    return new_agency()
