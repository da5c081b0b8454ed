"""A device that has worked for a year: how long a person waits, and what it weighs.

The store (`archive_store`) is made once a run, and so is the relay, with a day's messages in the
mailbox; it is put aside in a file. Each round copies the store and opens the copy in a new process,
which has nothing of the one that made it. That process takes up the relay before it opens the
device. What the relay weighed then is taken off the most that the process weighed; what it gives
back as its messages are fetched can be used by the device, so the figure may be too low by as much
as the relay weighed, and by no more.

Spec: docs/explanation/performance.md, "The archive".
"""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import shutil
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from bench.archive_relay import put_aside, take_up
from bench.archive_store import Speaker, fill
from bench.processes import NotMeasuredError

from quietway.client import AsyncClient
from quietway.history import list_messages
from quietway.store.memory import MemoryStore
from quietway.testing.clock import FakeClock
from quietway.testing.relay import InMemoryRelay
from quietway.testing.sandbox import FAST, PASSPHRASE, RELAY_URL
from quietway.views.referrals import fold_referrals
from quietway_schemas.content.referral import ReferralPacket

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bench.place import Place

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.reports import SyncProgress
    from quietway.views.referrals import Referral

_Found = TypeVar("_Found")
HERE: Final = "HARBOR-SHELTER"
THERE: Final = "MERCY-SOCIALWORK"
SPOKEN_TO: Final = 200
"""So many conversations does a day's messages lie in."""


@dataclass(frozen=True, slots=True)
class Waited:
    """What was seen of one device. Times in seconds of the clock on the wall.

    Attributes:
        open: Opening it; the passphrase itself costs next to nothing here.
        sync: One synchronisation with the day's messages.
        steps: How often it told how far it was.
        board_first: The first board after the opening.
        board: Each one after that.
        queue: The open referrals.
        search: One referral by its reference.
        case: All that was said of one case.
        due: What needs a person, after the first time.
        resident_mib: The most that it weighed, without its relay.
        relay_mib: What the relay weighed, in the same process.
        cpu: CPU seconds of opening, synchronising and the first board.
    """

    open: float
    sync: float
    steps: int
    board_first: float
    board: float
    queue: float
    search: float
    case: float
    due: float
    resident_mib: float
    relay_mib: float
    cpu: tuple[float, float, float]

    def __str__(self) -> str:
        return (
            f"open {self.open:.1f} s, sync {self.sync:.1f} s in {self.steps} steps, board"
            f" {self.board_first * 1000:.0f} then {self.board * 1000:.0f} ms, queue"
            f" {self.queue * 1000:.0f} ms, search {self.search * 1000:.1f} ms, case"
            f" {self.case * 1000:.1f} ms, due {self.due * 1000:.0f} ms,"
            f" {self.resident_mib:.0f} MiB beside a relay of {self.relay_mib:.0f}, CPU s {self.cpu}"
        )


@dataclass(frozen=True, slots=True)
class Archive:
    """One device of that size.

    Attributes:
        cases: How many; twenty messages each.
        arrivals: How many messages wait in its mailbox.
    """

    cases: int = 10_000
    arrivals: int = 2_000

    def __str__(self) -> str:
        return f"a device with {self.cases:,} cases and {self.arrivals:,} new messages"

    def run(self, place: Place) -> Waited:
        """Make the store once, then open a copy of it."""
        made: _Made = place.keep(self, lambda: _Made(self, place.new_folder("archive")))
        home, seen = place.new_folder("opened"), place.new_folder("seen") / "seen.json"
        shutil.copytree(made.home, home, dirs_exist_ok=True)
        child = multiprocessing.get_context("spawn").Process(
            target=_open_and_write, args=(made.relay_file, home, seen)
        )
        child.start()
        child.join()
        shutil.rmtree(home)
        if child.exitcode != 0:
            raise NotMeasuredError("the device with the archive stopped")
        return Waited(**json.loads(seen.read_bytes()))


class _Made:
    """The store, its relay, and a day's messages in the mailbox."""

    def __init__(self, asked: Archive, folder: Path) -> None:
        self.home = folder / "here"
        self.relay_file = folder / "relay"
        self.clock = FakeClock()
        self.relay = InMemoryRelay(self.clock)
        asyncio.run(self._make(asked, folder))
        put_aside(self.relay, self.relay_file)

    async def _make(self, asked: Archive, folder: Path) -> None:
        here = await self._found(HERE, self.home, None)
        there = await self._found(THERE, folder / "there", MemoryStore())
        await there.partners.add(await here.partners.invite(THERE))
        await here.partners.add(await there.partners.invite(HERE))
        for client in (there, here, there):
            await client.sync()
        keyring = _agent_of(there).keyring
        await fill(_agent_of(here), Speaker(keyring.agency, keyring.device), cases=asked.cases)
        # As on every day before: what is over was let go of.
        await _agent_of(here).ledger.standing()
        await here.aclose()
        self.relay.lane_envelopes = dict.fromkeys(self.relay.lane_envelopes, 1_000_000)
        await self._say(there, asked.arrivals)
        await there.aclose()

    async def _say(self, there: AsyncClient, count: int) -> None:
        first = [
            await there.messages.send("She would rather be called after six.", to="HARBOR")
            for _ in range(min(SPOKEN_TO, count))
        ]
        for number in range(count - len(first)):
            known = first[number % len(first)].conversation
            await there.messages.send("She was here.", to="HARBOR", conversation=known)

    async def _found(self, program: str, home: Path, store: MemoryStore | None) -> AsyncClient:
        return await AsyncClient.found(
            home,
            passphrase=PASSPHRASE,
            relay=RELAY_URL,
            enrolment_code=self.relay.enrolment_code(),
            agency_code=program.partition("-")[0],
            program=program,
            parameters=FAST,
            relay_port=self.relay.connect,
            clock=self.clock,
            store=store,
        )


def _open_and_write(relay_file: Path, home: Path, seen: Path) -> None:
    bare = _resident_mib("VmRSS")
    relay = take_up(relay_file)
    gc.collect()
    # The relay is no device's: looking through it would cost this one time.
    gc.freeze()
    relay_mib = _resident_mib("VmRSS") - bare
    # 5 sets the most that it weighed back to what it weighs now.
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    waited = asyncio.run(_open(relay, home))
    weight = _resident_mib("VmHWM") - relay_mib
    found = {**asdict(waited), "resident_mib": weight, "relay_mib": relay_mib}
    seen.write_text(json.dumps(found))


async def _open(relay: InMemoryRelay, home: Path) -> Waited:
    steps: list[SyncProgress] = []
    cpu = [time.process_time()]
    opening = AsyncClient.open(
        home, passphrase=PASSPHRASE, relay_port=relay.connect, clock=relay.clock
    )
    client, opened = await _clock(opening)
    agent = _agent_of(client)
    cpu.append(time.process_time())
    _, synced = await _clock(client.sync(steps.append))
    cpu.append(time.process_time())
    _, first = await _clock(client.status.board())
    cpu.append(time.process_time())
    _, board = await _clock(client.status.board())

    def fold(messages: tuple[StoredMessage, ...]) -> tuple[Referral, ...]:
        return fold_referrals(messages, me=agent.keyring.agency)

    await agent.ledger.referral_cards(fold)
    _, queue = await _clock(agent.ledger.referral_cards(fold))
    packets = (held.content for held in await agent.ledger.standing())
    packet = next(held for held in packets if isinstance(held, ReferralPacket))
    _, search = await _clock(client.referrals.find(packet.referral_ref))
    _, case = await _clock(list_messages(agent, case=packet.case_ref))
    await client.due.list()
    _, due = await _clock(client.due.list())
    await client.aclose()
    spent = tuple(round(end - start, 2) for start, end in pairwise(cpu))
    return Waited(
        opened,
        synced,
        len(steps),
        first,
        board,
        queue,
        search,
        case,
        due,
        0.0,
        0.0,
        (*spent,),  # type: ignore[arg-type]  # there are three
    )


def _agent_of(client: AsyncClient) -> Agent:
    return client._agent  # noqa: SLF001 - a store is filled below the face


async def _clock(work: Awaitable[_Found]) -> tuple[_Found, float]:
    began = time.perf_counter()
    found = await work
    return found, time.perf_counter() - began


def _resident_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
