"""Processes under the stopwatch: started, watched, and ended whatever happens.

Rules: each child gets a process group of its own, so that Ctrl-C reaches the bench alone, which
then ends them all; what a child writes goes to a file beside its data. CPU time is the kernel's own
count for the whole process, all threads, user and system.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS: Final = 30.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_RUNNING: Final[set[Process]] = set()


class NotMeasuredError(Exception):
    """Something can't be measured here; the sentence says why."""


class Process:
    """One child.

    Args:
        command: What to run.
        log: Where what it writes goes.
        environment: Its whole environment.
        reads: Whether it reads from us.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        reads: bool = False,
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self.child = subprocess.Popen(  # noqa: S603 - our own servers and clients
                command,
                stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=ROOT,
                start_new_session=True,
            )
        _RUNNING.add(self)

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def wait_until(self, ready: Callable[[], str]) -> str:
        """Wait for a text that says that it is ready."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := ready()):
            if self.child.poll() is not None or time.monotonic() > end:
                raise NotMeasuredError(f"A server did not start: {self.said[-400:]}")
            time.sleep(0.005)
        return found

    def ask(self, question: bytes, *, seconds: float) -> str:
        """Give it its task, wait for its end, and give what it said."""
        try:
            self.child.communicate(question, timeout=seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise NotMeasuredError(f"It was not done within {seconds:.0f} s") from None
        _RUNNING.discard(self)
        if self.child.returncode != 0:
            raise NotMeasuredError((self.said.strip() or "The load ended").splitlines()[-1])
        return self.said

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)
        self.child.wait(PATIENCE_SECONDS)
        _RUNNING.discard(self)


def end_all() -> None:
    """End every child that still runs."""
    for process in list(_RUNNING):
        process.end()


def cpu_seconds(pid: int) -> float:
    """Read the CPU time that a process has used, all its threads together."""
    return _cpu_seconds(Path(f"/proc/{pid}/stat"))


def thread_cpu_seconds(pid: int) -> dict[int, float]:
    """Read the CPU time of each thread of a process, by its number."""
    return {
        int(task.name): _cpu_seconds(task / "stat") for task in Path(f"/proc/{pid}/task").iterdir()
    }


def resident_bytes(pid: int) -> int:
    """Read how much memory a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _cpu_seconds(path: Path) -> float:
    # The name in the second field may hold anything, so count from its closing parenthesis.
    fields = path.read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
