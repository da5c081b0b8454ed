"""Watch a relay under load: the kernel counts the CPU of each thread, py-spy samples what they do.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.peers.relay import Relay
from bench.processes import NotMeasuredError, Process, thread_cpu_seconds
from bench.profile.samples import ThreadSamples, read_samples
from bench.windows import Window, drive

if TYPE_CHECKING:
    from bench.load.task import Outcome
    from bench.place import Place

PROGRAM: Final = (sys.executable, "-m", "bench.profile.launcher")
RATE: Final = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen.

    Attributes:
        outcome: Of the load.
        cpu: By thread, the seconds of CPU that it used while the load ran.
        threads: By thread, its samples.
    """

    outcome: Outcome
    cpu: dict[int, float]
    threads: dict[int, ThreadSamples]


def watch(window: Window, place: Place, picture: Path) -> Watched:
    """Watch a relay under a window of load, then once more for the flame graph.

    Raises:
        NotMeasuredError: It can't be watched here, or the load failed.
    """
    folder = place.new_folder("relay")
    with Relay(folder, program=PROGRAM) as relay:
        before = thread_cpu_seconds(relay.process.pid)
        raw = folder / "samples"
        outcome = _sample(relay, window, place, raw, "raw")
        after = thread_cpu_seconds(relay.process.pid)
        _sample(relay, window, place, picture, "flamegraph")
    cpu = {thread: after[thread] - before.get(thread, 0.0) for thread in after}
    return Watched(outcome, cpu, read_samples(raw.read_text("utf-8").splitlines()))


def _sample(relay: Relay, window: Window, place: Place, output: Path, form: str) -> Outcome:
    folder = place.new_folder("watching")
    spy = Process(
        [
            str(Path(sys.executable).with_name("py-spy")),
            *("record", "--pid", str(relay.process.pid), "--output", str(output)),
            *("--format", form, "--threads", "--native", "--rate", str(RATE)),
            *("--duration", "unlimited"),
        ],
        log=folder / "spy.log",
        environment=os.environ,
    )
    outcome = drive(folder, window.task(place, relay.target()))
    spy.end(signal.SIGINT)
    if not output.exists():
        raise NotMeasuredError(f"py-spy can't look into the relay here: {spy.said.strip()[-300:]}")
    return outcome
