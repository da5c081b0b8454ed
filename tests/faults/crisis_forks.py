"""The process whose forks are the lives of a crisis, and what each of them noted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Self

from tests.relay_process import ROOT, product_environment

if TYPE_CHECKING:
    from tests.faults.crisis_process import Order


@dataclass
class Life:
    """One life of a process, and what it noted."""

    pid: int = 0
    notes: list[tuple[str, object]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    moments: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )

    def take(self, kind: str, value: object) -> None:
        """Take in a note."""
        if kind == "begun":
            self.pid = int(str(value))
        self.notes.append((kind, value))
        self.moments[kind].set()

    async def kill(self) -> None:
        """End it by SIGKILL, unless it has ended."""
        await self.moments["begun"].wait()
        if not self.moments["ended"].is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        await self.moments["ended"].wait()


class Forks:
    """The process whose forks are the lives. Use it as a context."""

    def __init__(self) -> None:
        self._lives: dict[int, Life] = {0: Life()}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.crisis_process",
            env=product_environment(),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reading is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    def begin(self, order: Order) -> Life:
        """Begin a life."""
        assert self._process is not None
        assert self._process.stdin is not None
        life = self._lives[order.number] = Life()
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        return life

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            with suppress(ValueError):
                note = json.loads(line)
                self._lives[note["number"]].take(note["kind"], note["value"])
