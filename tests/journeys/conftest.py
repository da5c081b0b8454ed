"""Agencies over a real relay, with encrypted stores of their own, for whole trips."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
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
    ("HARBOR-SHELTER", "shelter_staff"),
    ("CITYPD-LIAISON", "police_liaison"),
    ("MERCY-SOCIALWORK", "hospital_social_worker"),
)


@dataclass(frozen=True)
class Trio:
    """A shelter, a police liaison unit and a hospital that are partners of one another."""

    relay: RelayProcess
    homes: dict[str, Path]
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


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    with RelayProcess(tmp_path / "relay") as running:
        yield running


@pytest.fixture
def trio(relay: RelayProcess, tmp_path: Path) -> Iterator[Trio]:
    with ExitStack() as stack:
        homes = {program: tmp_path / program.lower() for program, _ in PROGRAMS}
        clients = [
            stack.enter_context(found(relay, homes[program], program, role))
            for program, role in PROGRAMS
        ]
        befriend(*clients)
        yield Trio(relay, homes, *clients)
