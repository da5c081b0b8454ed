"""Wiping a device: it says so as far as it can, and then destroys what it holds.

An ops holder's device takes itself out of the manifest; another tells its colleagues, and one of
them retires it. Without the network the wipe is the same, and says that nobody knows of it yet. The
keys go first, so that a wipe that is cut off leaves nothing that opens.

Spec: docs/spec/keys.md, "Devices that leave" and "Messages within an agency".
"""

from __future__ import annotations

import asyncio
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from quietway.attaching.staging import INCOMING, OUTGOING
from quietway.engine.state import Progress
from quietway.errors import PepperMissing, QuietwayError, RelayUnreachable
from quietway.folder import KEYRING_FILE
from quietway.own.members import remove_device
from quietway.own.telling import list_colleagues, tell_own
from quietway.pending import LINKING_FILE
from quietway.store import DATABASE_FILE
from quietway.store.lock import LOCK_FILE
from quietway_schemas.content.agency import AgencyLeaving

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.agent import Agent

_KEYS_FIRST: Final = (
    KEYRING_FILE,
    "pepper",
    "listen",
    LINKING_FILE,
    "clock",
    "alarms",
    DATABASE_FILE,
    LOCK_FILE,
)
"""Files of a device."""
_BESIDE: Final = re.compile(r"(\.before-[0-9]+|-wal|-shm|-journal)?(\.new)?")
"""What stands after such a name in former copies and journals; other files are somebody's own."""
_LEAVING: Final = "agency.leaving"


@dataclass(frozen=True, slots=True)
class Wiped:
    """What a wipe could say before everything was gone.

    Attributes:
        told: `retired` where this device took itself out of the manifest; `colleagues` where others
            were asked to; `nobody` where nobody was told, or there is nobody.
        problem: Why nobody was told, where somebody should have been.
    """

    told: Literal["retired", "colleagues", "nobody"]
    problem: QuietwayError | None = None


async def wipe_device(agent: Agent, home: Path, *, announce: bool) -> Wiped:
    """Announce the wipe if that is wanted and possible, then destroy; see `AsyncClient.wipe`."""
    try:
        wiped = await _announce(agent) if announce else Wiped("nobody")
    except QuietwayError as problem:
        wiped = Wiped("nobody", problem)
    finally:
        # With the system's keyring it would outlive the folder, and open every copy of it.
        with suppress(PepperMissing):
            agent.keyring.destroy_pepper()
        agent.keyring.lock()
        await agent.aclose()
        await asyncio.to_thread(destroy_files, home)
    return wiped


def destroy_files(home: Path) -> None:
    """Overwrite and remove a device's files, its keys before anything else."""
    for name in _KEYS_FIRST:
        for path in sorted(home.glob(f"{name}*")):
            if path.is_file() and _BESIDE.fullmatch(path.name.removeprefix(name)):
                _destroy(path)
    for way in (OUTGOING, INCOMING):
        # Sealed files on their way, whose keys went with the store.
        shutil.rmtree(home / way, ignore_errors=True)


async def _announce(agent: Agent) -> Wiped:
    if not list_colleagues(agent):
        return Wiped("nobody")
    if agent.keyring.ops is not None:
        await remove_device(agent, agent.keyring.device, how="retired")
        return Wiped("retired")
    await tell_own(agent, AgencyLeaving())
    # A device that is switched off need not keep the others' being told from counting.
    unheard = [
        held
        for held in agent.state.outbox.values()
        if held.kind == _LEAVING
        and not held.settled
        and not any(copy.progress is Progress.STORED for copy in held.deliveries)
    ]
    if unheard:
        return Wiped("nobody", RelayUnreachable())
    return Wiped("colleagues")


def _destroy(path: Path) -> None:
    # As far as the disk lets us: what remains of the store is sealed under keys that are gone.
    with suppress(OSError), path.open("r+b") as file:
        file.write(bytes(min(path.stat().st_size, 1024 * 1024)))
        file.flush()
    path.unlink()
