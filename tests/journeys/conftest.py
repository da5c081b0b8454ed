"""Agencies over a real relay, with encrypted stores of their own, for whole trips."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count, permutations
from typing import TYPE_CHECKING, Final

import pytest
from tests.relay_process import RelayProcess

from quietway import Client, PassphraseParameters
from quietway_server.bootstrap import SystemClock, open_store
from quietway_server.services.enrolment import add_code
from quietway_server.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway import Received

# The least that the passphrase's own rules allow: these stores guard nothing.
QUICK: Final = PassphraseParameters(time_cost=1, memory_kib=64, parallelism=1)
PASSPHRASE: Final = "a passphrase of twenty-nine letters"
PROGRAMS: Final = (
    ("HARBOR", "SHELTER", "shelter_staff"),
    ("CITYPD", "LIAISON", "police_liaison"),
    ("MERCY", "SOCIALWORK", "hospital_social_worker"),
)
_NUMBERS: Final = count(1)


@dataclass(frozen=True)
class Trio:
    """A shelter, a police liaison unit and a hospital that are partners of one another."""

    relay: RelayProcess
    shelter: Client
    police: Client
    hospital: Client

    @property
    def everyone(self) -> tuple[Client, Client, Client]:
        return self.shelter, self.police, self.hospital


def enroll(relay: RelayProcess) -> str:
    """Make a one-time code as `quietway-relay enroll` does, without a process for each."""
    store = open_store(read_settings({"database": str(relay.database)}, {}))
    try:
        return add_code(store, now=SystemClock().now(), entropy=secrets.token_bytes(16))
    finally:
        store.close()


def found(relay: RelayProcess, home: Path, program: str, role: str) -> Client:
    """Found an agency with a store in `home`."""
    return Client.found(
        home,
        passphrase=PASSPHRASE,
        relay=relay.url,
        enrolment_code=enroll(relay),
        agency_code=program.partition("-")[0],
        program=program,
        roles=(role,),
        parameters=QUICK,
    )


def befriend(*clients: Client) -> None:
    """Let every one invite every other."""
    for host, guest in permutations(clients, 2):
        guest.partners.add(host.partners.invite(guest.program))
    for client in clients:
        assert client.sync().problems == ()


def fetch(client: Client) -> list[Received]:
    """Ask the relay, and return what is new and said by a person."""
    known = {held.message_id for held in client.inbox()}
    client.sync()
    return [
        held
        for held in client.inbox()
        if held.message_id not in known and held.content.type != "audience.list"
    ]


def code_of(client: Client) -> str:
    """Return the code of a client's agency."""
    return client.program.partition("-")[0]


@contextmanager
def trio_over(relay: RelayProcess, folder: Path) -> Iterator[Trio]:
    """Found three agencies; their codes are new ones, for a relay gives none away twice."""
    number = next(_NUMBERS)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                found(relay, folder / agency.lower(), f"{agency}{number}-{program}", role)
            )
            for agency, program, role in PROGRAMS
        ]
        befriend(*clients)
        yield Trio(relay, *clients)


@pytest.fixture(scope="session")
def shared_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """Give one relay to all journeys of this process; who kills it starts it again."""
    with RelayProcess(tmp_path_factory.mktemp("journeys") / "relay") as running:
        yield running


@pytest.fixture
def trio(shared_relay: RelayProcess, tmp_path: Path) -> Iterator[Trio]:
    with trio_over(shared_relay, tmp_path) as made:
        yield made


@pytest.fixture
def trio_alone(tmp_path: Path) -> Iterator[Trio]:
    """Give a trio with a relay of its own, whose files hold nothing but theirs."""
    with RelayProcess(tmp_path / "relay") as relay, trio_over(relay, tmp_path) as made:
        yield made
