"""A device of a new agency that reads the directory of a whole fleet, and the day after it again.

It speaks with the bench line by line: founds its agency, says `founded`; takes the pins, reads,
says how long that took and how much memory the process then has; then the same for each further
line. What is clocked is a whole `synchronise`, from the first request to the last commit.

Spec: docs/explanation/performance.md, "The directory".
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from quietway import AsyncClient
from quietway.partners import PARTNER, Invitation, PartnerRecord
from quietway.ports import Put
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_schemas.ids import AgencyId


def _tell(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _read_memory() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    kib = {line.split(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
    return {"now_mib": int(kib["VmRSS"]) / 1024, "most_mib": int(kib["VmHWM"]) / 1024}


def _forget_the_most() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


async def _run() -> None:
    task = json.loads(sys.stdin.readline())
    client = await AsyncClient.found(
        Path(task["home"]),
        relay=task["relay"],
        agency_code="READER",
        program="READER-DESK",
        roles=("frontline_advocate",),
        enrolment_code=task["code"],
        passphrase="slow lantern over quiet water again",  # noqa: S106 - a throwaway store
    )
    agent = client._agent  # noqa: SLF001 - what it holds is counted
    _tell(founded=True)
    pins = json.loads(sys.stdin.readline())
    for text, code, root in pins:
        agency = AgencyId.from_text(text)
        invitation = Invitation(
            relay=task["relay"],
            agency_id=agency,
            agency_code=code,
            root_key=SigningKey(bytes.fromhex(root)).public,
            partner=bytes(16),
            lane=Secret(bytes(32)),
        )
        record = PartnerRecord(invitation, code)
        agent.directory.pin(agency, invitation.root_key)
        await agent.settle(also=[Put(PARTNER, agency.value, record.to_row())])
        agent.lanes.add(record)
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
    asyncio.run(_run())
