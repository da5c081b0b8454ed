"""The product's own relay core in this process, and without threads.

Everything behind the surface is real: `assemble` joins the services over the store in memory. What
its two threads would do is done on the spot, so that one seed is one history; nonces of the log
come from the seed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.sim.loop import OnTheSpot

from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_server.bootstrap import assemble
from quietway_server.services.enrolment import add_code
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    import asyncio

    from tests.sim.clocks import SimClock, SimEntropy

    from quietway_server.services.relay import Relay
    from quietway_server.services.writer import Writer


def make_relay(
    clock: SimClock,
    entropy: SimEntropy,
    store: MemoryStore | None = None,
    *,
    log_key: SigningKey | None = None,
) -> Relay:
    """Put a relay together on a virtual clock, over what a former one committed."""
    store = store or MemoryStore()

    def fail() -> None:
        raise AssertionError("The relay's storage has failed.")

    relay = assemble(
        read_settings({}, {}),
        store=store,
        clock=clock,
        on_failure=fail,
        log_key=log_key or SigningKey(entropy.draw(32)),
        steady=clock.steady,
        wake_key=Secret(entropy.draw(32)),
    )
    _end_threads(relay)
    log = replace(relay.log, draw=entropy.draw)
    ingest = replace(relay.ingest, draw=lambda below: int.from_bytes(entropy.draw(4)) % below)
    return replace(
        relay,
        log=log,
        directory=replace(relay.directory, log=log),
        ingest=ingest,
        holds=replace(relay.holds, ingest=ingest),
    )


def make_code(relay: Relay, entropy: SimEntropy) -> str:
    """Make an enrolment code, as the relay's operator does."""
    return add_code(relay.store, now=relay.clock.now(), entropy=entropy.draw(16))


def end_relay(relay: Relay) -> None:
    """End a relay as a crash does: what was not committed is gone."""
    relay.writer._groups = _Nobody()


def _end_threads(relay: Relay) -> None:
    writer = relay.writer
    writer._groups.put(None)
    writer._thread.join()
    writer._groups = _Groups(writer, writer._loop)
    relay.reader._threads = OnTheSpot()


class _Groups:
    """Takes groups of jobs as the writing thread would, and commits each before it returns."""

    def __init__(self, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        self._writer = writer
        self._loop = loop

    def put(self, group: list[object] | None) -> None:
        """Commit a group; its jobs are answered in a later turn of the loop."""
        if group is not None:
            self._writer._commit(group)
            self._loop.call_soon(self._writer._answer, group)


class _Nobody:
    def put(self, group: list[object] | None) -> None:
        """Commit nothing: this relay is dead, and whoever waits for its answer waits in vain."""
