"""A new agency's device reads the directory of 200 others with 20 devices each, and a day of it.

The relay and the client are processes of their own, as anybody runs them, over loopback; the fleet
is real down to each key and signature. Every root is pinned, so everything is proved and kept.

Spec: docs/spec/directory.md; docs/explanation/performance.md, "The directory".
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from bench.fleet import Fleet, read_now
from bench.peers.relay import Relay
from bench.processes import ROOT, NotMeasuredError
from tests.relay_process import product_environment

from quietway_server.store.log_key import open_log_key
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from bench.place import Place

AGENCIES: Final = 200
DEVICES: Final = 20


@dataclass(frozen=True, slots=True)
class DirectoryTimes:
    """What was seen.

    Attributes:
        first_seconds: A whole first synchronisation.
        day_seconds: One after every device of the fleet has published its new day.
        resident_mib: What the client's process weighed afterwards.
        most_mib: The most that it weighed in between.
    """

    first_seconds: float
    day_seconds: float
    resident_mib: float
    most_mib: float

    def __str__(self) -> str:
        return (
            f"first {self.first_seconds:.1f} s, a day {self.day_seconds:.2f} s,"
            f" {self.resident_mib:.0f} MiB (at most {self.most_mib:.0f})"
        )


@dataclass(frozen=True, slots=True)
class ReadDirectory:
    """A client reads what a fleet has published.

    Attributes:
        agencies: How many the fleet has.
        devices: How many each of them has.
    """

    agencies: int = AGENCIES
    devices: int = DEVICES

    def __str__(self) -> str:
        return f"directory of {self.agencies} agencies with {self.devices} devices"

    def run(self, place: Place) -> DirectoryTimes:
        """Found an agency, write the fleet into the relay's database, read, and read a day more."""
        folder = place.new_folder("directory")
        fleet = Fleet(self.agencies, self.devices, read_now())
        with Relay(folder, agencies=0) as relay, _Reader() as reader:
            home = str(folder / "client")
            reader.tell({"home": home, "relay": relay.url, "code": relay.make_code()})
            reader.hear("founded")
            store = SqliteStore(relay.database)
            log_key = open_log_key(Path(f"{relay.database}-log-key"), may_make=False)
            try:
                fleet.write_all(store, log_key)
                numbers = range(self.agencies)
                reader.tell(
                    [[str(fleet.agency(n)), fleet.code(n), fleet.root_seed(n)] for n in numbers]
                )
                first = self._check(reader.hear("seconds"))
                fleet.write_next_day(store)
            finally:
                store.close()
            reader.tell("again")
            day = self._check(reader.hear("seconds"))
        return DirectoryTimes(
            first["seconds"],
            day["seconds"],
            max(first["now_mib"], day["now_mib"]),
            max(first["most_mib"], day["most_mib"]),
        )

    def _check(self, seen: dict[str, Any]) -> dict[str, Any]:
        if seen["problems"] or seen["devices"] != self.agencies * self.devices + 1:
            raise NotMeasuredError(f"The client did not read all of it: {seen}")
        return seen


class _Reader:
    """The client's process."""

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.load.directory_reader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=product_environment(),
            cwd=ROOT,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()

    def tell(self, said: object) -> None:
        """Give it a line."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(said) + "\n")
        self._child.stdin.flush()

    def hear(self, name: str) -> dict[str, Any]:
        """Wait for a line that holds a name."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {}
        if name not in found:
            raise NotMeasuredError("The client that reads the directory ended")
        return found
