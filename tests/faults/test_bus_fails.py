"""F9: the bus of hints breaks, falls silent, repeats itself or lies; nothing is lost.

One relay accepts, the other has the socket, and PostgreSQL's notifications are all that goes
between them. The control is a relay that trusts the bus: healthy, it delivers by hints alone; where
nobody tells, nothing comes.
"""

from __future__ import annotations

import json
import time
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from tests.cluster import Cluster
from tests.faults.bus_faults import FAULTS, Bus
from tests.faults.counts import FIRST_SEED, IS_ALONE, trials
from tests.server.agency import PARTNER, join

from quietway_schemas.frames import EnvelopeFrame
from quietway_server.delivery.postgres import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres_server import PostgresServer
    from tests.server.agency import Agency
    from websockets.sync.client import ClientConnection

LATE_SECONDS: Final = POLL_SECONDS + 2
PATIENCE_SECONDS: Final = 60.0


def submit(cluster: Cluster, agency: Agency) -> bytes:
    """Submit an envelope at the first relay; give its sealed bytes."""
    record = agency.record()
    agency.url = cluster.one.url
    answer = agency.submit(agency.capability_for(PARTNER), record)
    assert answer.status_code == 201, answer.text
    return record.sealed


def take(socket: ClientConnection, *, seconds: float = PATIENCE_SECONDS) -> EnvelopeFrame:
    """Take the next envelope from a socket, and acknowledge it."""
    frame = EnvelopeFrame.unpack(socket.recv(timeout=seconds))  # type: ignore[arg-type]  # binary
    socket.send(json.dumps({"frame": "ack", "through": frame.seq}))
    return frame


@pytest.mark.requirement("A51")
def test_a_bus_that_fails_costs_seconds_and_nothing_else(
    postgres_server: PostgresServer,
    new_postgres: str,
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """A51: a fluctuating network costs time, never a message."""
    draw, late, sent, came = Random(f"{FIRST_SEED} bus"), [], [], []
    with Cluster(folder, new_postgres) as cluster:
        bus = Bus(postgres_server, cluster)
        agency = join(cluster.two.url, cluster.enroll(), FIRST_SEED)
        with agency.open_socket() as socket:
            agency.greet(socket)
            for number in range(trials("F9")):
                bus.wait()
                with bus.failing(FAULTS[number % len(FAULTS)], agency.mailbox.value, draw):
                    sent.append(submit(cluster, agency))
                    begun = time.monotonic()
                    came.append(take(socket))
                    late.append(time.monotonic() - begun)
            bus.wait()
    figures = f"{len(sent)} faults of the bus; the last hint came {max(late):.1f} s late"
    report(figures)
    assert [frame.sealed for frame in came] == sent, figures
    assert [frame.seq for frame in came] == list(range(1, len(sent) + 1)), figures
    assert max(late) <= LATE_SECONDS or not IS_ALONE, figures


def test_control_a_relay_that_trusts_the_bus_delivers_nothing_when_nobody_tells(
    postgres_server: PostgresServer, new_postgres: str, folder: Path
) -> None:
    cluster = Cluster(folder, new_postgres)
    cluster.two.module = "tests.faults.without_looking"
    with cluster:
        bus = Bus(postgres_server, cluster)
        agency = join(cluster.two.url, cluster.enroll(), FIRST_SEED)
        with agency.open_socket() as socket:
            agency.greet(socket)
            bus.wait()
            sealed = submit(cluster, agency)
            assert take(socket).sealed == sealed
            with bus.failing(FAULTS[0], agency.mailbox.value, Random(0)):
                submit(cluster, agency)
                with pytest.raises(TimeoutError):
                    take(socket, seconds=LATE_SECONDS)
