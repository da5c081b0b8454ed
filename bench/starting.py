"""How long it takes until there is something: a relay that is ready, an SDK that is imported.

Each is done three times a round, and the median counts: the first one of a run reads its files from
the disk, the others from memory.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.peers.relay import Relay
from bench.processes import NotMeasuredError, resident_bytes
from tests.relay_process import product_environment

if TYPE_CHECKING:
    from bench.place import Place

TIMES: Final = 3
SETTLING_SECONDS: Final = 0.5
_CLOCKED: Final = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"


@dataclass(frozen=True, slots=True)
class Started:
    """What was seen of relays that started.

    Attributes:
        seconds: From the start of the process to its ready line, with a new database.
        resident_mib: What it then weighed.
    """

    seconds: float
    resident_mib: float

    def __str__(self) -> str:
        return f"ready in {self.seconds:.2f} s, {self.resident_mib:.1f} MiB"


@dataclass(frozen=True, slots=True)
class StartedRelay:
    """A relay is started, and left alone."""

    def __str__(self) -> str:
        return "relay, started"

    def run(self, place: Place) -> Started:
        """Start it a few times."""
        seen = [self._start(place) for _ in range(TIMES)]
        return Started(
            median(started.seconds for started in seen),
            median(started.resident_mib for started in seen),
        )

    def _start(self, place: Place) -> Started:
        with Relay(place.new_folder("start"), agencies=0) as relay:
            time.sleep(SETTLING_SECONDS)
            return Started(relay.start_seconds, resident_bytes(relay.process.pid) / 2**20)


@dataclass(frozen=True, slots=True)
class Imported:
    """A statement is run in a new Python.

    Attributes:
        statement: Which.
    """

    statement: str

    def __str__(self) -> str:
        return self.statement

    def run(self, place: Place) -> float:
        """Run it a few times, and give the median in milliseconds."""
        return median(self._run(place) for _ in range(TIMES)) * 1000

    def _run(self, place: Place) -> float:
        done = subprocess.run(  # noqa: S603 - the statements of our claims
            [sys.executable, "-c", _CLOCKED.format(self.statement)],
            env=product_environment(),
            cwd=place.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NotMeasuredError(f"{self.statement!r} failed")
        return float(done.stdout)
