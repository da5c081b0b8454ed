"""A device of a new agency that reads the directory of a whole fleet, and the day after it again.

It speaks with the bench line by line: founds its agency, says `founded`; takes the pins, reads,
says how long that took and how much memory the process then has; then the same for each further
line. What is clocked is a whole `synchronise`, from the first request to the last commit.

Spec: docs/explanation/performance.md, "The directory".
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from quietway import AsyncClient
from quietway_crypto.signing import SigningKey
from quietway_schemas.ids import AgencyId

FOUND: Final = "found"
PASSPHRASE: Final = "slow lantern over quiet water again"  # noqa: S105 - a throwaway store


def _tell(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _read_memory() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    kib = {line.split(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
    return {"now_mib": int(kib["VmRSS"]) / 1024, "most_mib": int(kib["VmHWM"]) / 1024}


def _forget_the_most() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


async def _found(task: dict[str, str]) -> None:
    client = await AsyncClient.found(
        Path(task["home"]),
        relay=task["relay"],
        agency_code="READER",
        program="READER-DESK",
        roles=("frontline_advocate",),
        enrolment_code=task["code"],
        passphrase=PASSPHRASE,
    )
    await client.aclose()


async def _run() -> None:
    task = json.loads(sys.stdin.readline())
    # In a process of its own: choosing a passphrase loads word lists that no later day needs.
    founder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load.directory_reader", FOUND, stdin=subprocess.PIPE
    )
    await founder.communicate(json.dumps(task).encode())
    client = await AsyncClient.open(Path(task["home"]), passphrase=PASSPHRASE)
    agent = client._agent  # noqa: SLF001 - what it holds is counted
    _tell(founded=True)
    pins = json.loads(sys.stdin.readline())
    for text, _, root in pins:
        agency = AgencyId.from_text(text)
        # Pinned, so that all of it is proved and kept; nothing is sent to them meanwhile, or what
        # is clocked would be the lanes of 4,000 devices and not the directory.
        agent.directory.pin(agency, SigningKey(bytes.fromhex(root)).public)
    await agent.settle()
    while True:
        # What unlocking took is not what the directory takes: the most is counted from here on.
        _forget_the_most()
        began, cpu = time.perf_counter(), time.process_time()
        report = await client.sync()
        _tell(
            seconds=time.perf_counter() - began,
            cpu_seconds=time.process_time() - cpu,
            problems=[str(problem) for problem in report.problems],
            devices=sum(len(agent.directory.devices_of(a)) for a in agent.directory.pinned()),
            **_read_memory(),
        )
        if not sys.stdin.readline():
            break
    await client.aclose()


if __name__ == "__main__":
    if sys.argv[1:] == [FOUND]:
        asyncio.run(_found(json.loads(sys.stdin.readline())))
    else:
        asyncio.run(_run())
