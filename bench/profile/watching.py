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

if TYPE_CHECKING:
    from bench.place import Place
    from bench.profile.loads import Load

PROGRAM: Final = (sys.executable, "-m", "bench.profile.launcher")
RATE: Final = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen.

    Attributes:
        envelopes: How many the load was made of.
        cpu: By thread, the seconds of CPU that it used while the load ran.
        threads: By thread, its samples.
    """

    envelopes: int
    cpu: dict[int, float]
    threads: dict[int, ThreadSamples]


def watch(load: Load, place: Place, picture: Path) -> Watched:
    """Watch a relay under a load, then once more for the flame graph.

    Raises:
        NotMeasuredError: It can't be watched here, or the load failed.
    """
    raw = place.new_folder("samples") / "raw"
    with Relay(place.new_folder("relay"), program=PROGRAM, agencies=load.agencies) as relay:
        load.prepare(relay)
        before = thread_cpu_seconds(relay.process.pid)
        envelopes = _sample(relay, load, place, raw, "raw")
        after = thread_cpu_seconds(relay.process.pid)
        load.prepare(relay)
        _sample(relay, load, place, picture, "flamegraph")
    cpu = {thread: after[thread] - before.get(thread, 0.0) for thread in after}
    return Watched(envelopes, cpu, read_samples(raw.read_text("utf-8").splitlines()))


def _sample(relay: Relay, load: Load, place: Place, output: Path, form: str) -> int:
    spy = Process(
        [
            str(Path(sys.executable).with_name("py-spy")),
            *("record", "--pid", str(relay.process.pid), "--output", str(output)),
            *("--format", form, "--threads", "--native", "--rate", str(RATE)),
            *("--duration", "unlimited"),
        ],
        log=place.new_folder("spy") / "log",
        environment=os.environ,
    )
    envelopes = load.run(relay)
    spy.end(signal.SIGINT)
    if not output.exists():
        raise NotMeasuredError(f"py-spy can't look into the relay here: {spy.said.strip()[-300:]}")
    return envelopes
