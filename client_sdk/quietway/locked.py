"""A locked device: it learns that something came, deletes what has expired, and opens nothing.

Rules: no passphrase, no key of the store and no epoch's seed is in reach here. What is read are the
file `listen` and the keyring's head. The folder is free, so another program may open the device
meanwhile; it is taken only for the moment of an erasure. The network being away is no error: what
was not heard is heard when the relay answers again, since it tells a number and no event.

Spec: docs/spec/keys.md, "The keyring"; docs/reference/sdk.md, "Locking".
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final, NoReturn

from quietway.alerting.alarms_file import SLICE_SECONDS, AlarmsFile
from quietway.ambient import SystemClock, SystemEntropy
from quietway.errors import ClockError, DeviceLocked, RelayError, StorageFull, StoreMissing
from quietway.folder import KEYRING_FILE
from quietway.keyring.head import erase_due_locked
from quietway.keyring.listening import read_listening
from quietway.pausing import pause_after, told_by
from quietway.store.lock import FolderLock
from quietway_schemas.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from quietway.clocks import Clocks
    from quietway.founding import Ports
    from quietway_schemas.instants import Instant


class Gone:
    """What stands where something was that a lock has let go of: whoever reaches for it is told."""

    def __getattr__(self, name: str) -> NoReturn:
        raise DeviceLocked


GONE: Final = Gone()


async def listen(home: Path, ports: Ports) -> AsyncGenerator[int, None]:
    """Yield the newest number of the device's mailbox, at once and whenever it has grown.

    Raises:
        StoreMissing, StoreDamaged: There is nothing to listen with.
    """
    listening = await asyncio.to_thread(read_listening, home)
    clock, entropy = ports.clock or SystemClock(), ports.entropy or SystemEntropy()
    relay = ports.connect(listening.relay)(listening.key, listening.device)
    failures, told = 0, -1
    try:
        while True:
            wait = 0.0
            try:
                async with aclosing(relay.listen()) as numbers:
                    async for latest in numbers:
                        failures = 0
                        if latest != told:
                            told = latest
                            yield latest
            except RelayError as problem:
                failures, wait = failures + 1, told_by(problem)
            await clock.sleep(pause_after(failures, entropy, told=wait))
    finally:
        await relay.aclose()


async def ring(home: Path, ports: Ports) -> AsyncGenerator[Instant, None]:
    """Yield the time of each alarm of the device when it has come, as its file has them.

    What was yielded is taken out of the file when the next one is asked for: whoever is cut off
    while calling somebody calls again. A full disk silences nothing, and repeats nothing here.
    """
    clock, file = ports.clock or SystemClock(), AlarmsFile(home)
    wall, steady = clock.now(), clock.steady()
    rung: set[Instant] = set()
    while True:
        # The more of two clocks, as for an unlocked device: one that is put back delays nothing.
        now = max(clock.now(), wall + clock.steady() - steady)
        waiting = [one for one in await asyncio.to_thread(file.read) if one not in rung]
        for at in (one for one in waiting if one <= now):
            yield at
            rung.add(at)
            left = [one for one in await asyncio.to_thread(file.read) if one not in rung]
            with suppress(StorageFull):
                await asyncio.to_thread(file.write, left)
        ahead = min((one - now for one in waiting if one > now), default=MINUTE) / SECOND
        await clock.sleep(min(ahead, SLICE_SECONDS))


async def believe(home: Path, ports: Ports, clocks: Clocks) -> Instant:
    """Return the time to erase by, as the relay says it, or as the clocks here went on.

    Raises:
        ClockDoubted: None is to be believed.
        StoreMissing, StoreDamaged: There is nothing to ask the relay with.
    """
    listening = await asyncio.to_thread(read_listening, home)
    relay = ports.connect(listening.relay)(listening.key, listening.device)
    try:
        clocks.hear(await relay.read_clock())
    except ClockError as problem:
        clocks.hear_refusal(problem.skew_ms)
    except RelayError:
        clocks.hear(None)
    finally:
        await relay.aclose()
    return clocks.demand()


def erase_due(home: Path, now: Instant) -> int:
    """Delete the keys whose time has passed, without the passphrase; returns how many. Blocks.

    Raises:
        StoreMissing: There is no device.
        StoreInUse: A program has it open, and erases by itself.
        StoreDamaged, StoreTooNew, StorageFull: Nothing was changed.
    """
    keyring = home / KEYRING_FILE
    if not keyring.exists():
        raise StoreMissing
    lock = FolderLock.acquire(home)
    try:
        return erase_due_locked(keyring, now)
    finally:
        lock.release()
