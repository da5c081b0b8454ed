"""Two relays serve one PostgreSQL database, and what one accepted the other gives out."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.cluster import Cluster
from tests.relay_process import run_relay, wait_until
from tests.server.agency import PARTNER, Agency, join

from quietway_schemas.frames import EnvelopeFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres_server import PostgresServer
    from tests.relay_process import RelayProcess

SOON_SECONDS = 20
_SEEDS = iter(range(90_000, 91_000))


@pytest.fixture(scope="module")
def cluster(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    address = postgres_server.make_database()
    with Cluster(tmp_path_factory.mktemp("cluster"), address) as running:
        yield running
    postgres_server.drop_database(address)


@pytest.fixture
def agency(cluster: Cluster) -> Agency:
    return join(cluster.one.url, cluster.enroll(), next(_SEEDS))


def at(relay: RelayProcess, agency: Agency) -> Agency:
    """Let an agency speak to another relay from now on."""
    agency.url = relay.url
    return agency


def acknowledged(agency: Agency) -> object:
    """Ask for the highest number acknowledged."""
    with agency.open_socket() as socket:
        return agency.greet(socket)["acknowledged"]


def test_what_one_relay_accepted_the_other_pushes_and_takes_back(
    cluster: Cluster, agency: Agency
) -> None:
    records = [agency.record() for _ in range(3)]
    with at(cluster.two, agency).open_socket() as socket:
        assert agency.greet(socket)["latest"] == 0
        answer = at(cluster.one, agency).submit(agency.capability_for(PARTNER), *records)
        assert answer.status_code == 201
        frames = [EnvelopeFrame.unpack(socket.recv(timeout=SOON_SECONDS)) for _ in records]  # type: ignore[arg-type]  # binary
        socket.send(json.dumps({"frame": "ack", "through": 3}))
        wait_until(lambda: acknowledged(at(cluster.one, agency)) == 3)
    assert [frame.seq for frame in frames] == [1, 2, 3]
    assert {frame.sealed for frame in frames} == {record.sealed for record in records}


def test_the_same_batch_at_both_relays_is_stored_once(cluster: Cluster, agency: Agency) -> None:
    record = agency.record()
    for relay in cluster.relays:
        sent = at(relay, agency).submit(agency.capability_for(PARTNER), record)
        assert sent.status_code == 201
    with agency.open_socket() as socket:
        assert agency.greet(socket)["latest"] == 1


def test_a_device_that_leaves_its_manifest_at_one_relay_loses_its_socket_at_the_other(
    cluster: Cluster, agency: Agency
) -> None:
    with at(cluster.two, agency).open_socket() as socket:
        agency.greet(socket)
        other = Agency("", next(_SEEDS))
        certificate = agency.certificate(
            device_id=other.device_id,
            mailbox=other.mailbox,
            identity_key=other.identity.public,
            listen_key=other.listen.public,
        )
        moved = at(cluster.one, agency).publish_manifest(devices=(certificate,))
        assert moved.status_code == 204, moved.text
        closing = json.loads(socket.recv(timeout=SOON_SECONDS))
    assert closing["problem"] == "not_found"


def test_an_agency_that_is_removed_loses_its_sockets_at_both(
    cluster: Cluster, agency: Agency
) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(at(relay, agency).open_socket()) for relay in cluster.relays]
        for socket in sockets:
            agency.greet(socket)
        options = ("--database", cluster.address, "--log-key", str(cluster.folder / "log-key"))
        done = run_relay("remove", agency.code, "--yes", *options)
        assert done.returncode == 0, done.stderr
        for socket in sockets:
            assert json.loads(socket.recv(timeout=SOON_SECONDS))["problem"] == "not_found"


def test_either_relay_shows_one_directory_and_one_log(cluster: Cluster, agency: Agency) -> None:
    join(cluster.two.url, cluster.enroll(), next(_SEEDS))
    heads = {at(relay, agency).get("/v1/log/checkpoint").text for relay in cluster.relays}
    assert len(heads) == 1


def test_a_relay_that_dies_leaves_nothing_undelivered(cluster: Cluster, agency: Agency) -> None:
    records = [agency.record() for _ in range(5)]
    for record in records:
        answer = at(cluster.one, agency).submit(agency.capability_for(PARTNER), record)
        assert answer.status_code == 201
    cluster.one.kill()
    try:
        with at(cluster.two, agency).open_socket() as socket:
            assert agency.greet(socket)["latest"] == 5
            frames = [EnvelopeFrame.unpack(socket.recv(timeout=SOON_SECONDS)) for _ in records]  # type: ignore[arg-type]  # binary
    finally:
        cluster.one.restart()
    assert [frame.sealed for frame in frames] == [record.sealed for record in records]
