"""A real relay in its own process, for journeys, faults and the gallery.

`RelayProcess` starts `python -m quietway_server serve` on a free loopback port, waits for the line
that says it is ready, and keeps what it wrote. After `kill()` or `stop()`, `restart()` takes the
same port and the same files. A control runs another module in its place, which alters one function
of the product and then runs it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("crypto", "schemas", "protocol", "client_sdk", "server", "desk", "migrations")
PRODUCT: Final = "quietway_server"
READY: Final = "quietway-relay: listening on "
OPERATOR: Final = "quietway-relay: operator's listener on "
PATIENCE_SECONDS: Final = 30.0


def product_environment(**more: str) -> dict[str, str]:
    """Give an environment in which a child finds the product, without this user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUIETWAY_")}
    path = os.pathsep.join(str(ROOT / package) for package in (*PACKAGES, ""))
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more}


def run_relay(
    *arguments: str, timeout: float = PATIENCE_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run one command of the relay to its end."""
    return subprocess.run(
        [sys.executable, "-m", PRODUCT, *arguments],
        env=product_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class RelayProcess:
    """One relay.

    Args:
        folder: Where its files go; made where it is missing.
        options: Further options of `serve`, by name of setting.
        environment: Further environment variables.
        before: Runs in the child before the relay does, such as to set a limit.

    Attributes:
        operator_url: Where the operator's listener is, where it has one.
        module: What runs: the product, unless a control puts another in its place.
        environment: Further environment variables of the next start.
        ready_seconds: How long the last start took, from the spawn to the line that says so.
        ready_cpu_seconds: What it used of the processor; 0 where the system has no /proc.
    """

    def __init__(
        self,
        folder: Path,
        *,
        options: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.folder = folder
        self.database = folder / "relay.db"
        self.url = ""
        self.operator_url = ""
        self.port = 0
        self.module = PRODUCT
        self.ready_seconds = 0.0
        self.ready_cpu_seconds = 0.0
        self._options = dict(options or {})
        self.environment = dict(environment or {})
        self._before = before
        self._spawned = 0.0
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._readers: list[threading.Thread] = []

    @property
    def output(self) -> str:
        """Everything that all runs of this relay wrote to standard output and error."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        """The number of the running process."""
        return self._running().pid

    @property
    def has_spoken(self) -> bool:
        """Whether the last start has come to its ready line, or to its end."""
        return self._ready.is_set()

    @property
    def paths(self) -> list[Path]:
        """The relay's files: database, log, shared memory, reserve."""
        return sorted(path for path in self.folder.glob("relay.db*") if path.is_file())

    @property
    def rows(self) -> str:
        """Where its rows are: its file, or the address that its options give."""
        return self._options.get("database", str(self.database))

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> str:
        """Start and wait until it is ready.

        Returns:
            Its address, such as `http://127.0.0.1:40123`.
        """
        self.begin()
        if not self._ready.wait(PATIENCE_SECONDS) or not self.url:
            self.kill()
            raise AssertionError(f"The relay did not start:\n{self.output}")
        self.ready_cpu_seconds = _read_cpu_seconds(self.pid)
        return self.url

    def begin(self) -> None:
        """Start, and wait for nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ready.clear()
        # What an earlier run said must not pass for this one's word.
        self.url = ""
        self._process = self._spawn()

    def restart(self) -> str:
        """Start again on the same port and files."""
        return self.start()

    def enroll(self) -> str:
        """Make a one-time code, while the relay runs or not."""
        done = run_relay("enroll", "--database", self.rows)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sweep(self) -> str:
        """Sweep by hand; give what it said."""
        done = run_relay("sweep", "--database", self.rows)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill(self) -> None:
        """End it as a power cut of the process would: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it politely; give the exit status."""
        self._running().send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; give the exit status."""
        process = self._running()
        status = process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        self._process = None
        return status

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(AssertionError):
            self.kill()

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "The relay is not running."
        return self._process

    def _spawn(self) -> subprocess.Popen[str]:
        settings = {"database": str(self.database), "port": str(self.port), **self._options}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        self._spawned = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", self.module, "serve", *options],
            env=product_environment(**self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=self._before,  # noqa: PLW1509, a limit can be set nowhere else
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (process.stdout, process.stderr)
        ]
        for reader in self._readers:
            reader.start()
        return process

    def _read(self, stream: object) -> None:
        for line in stream:  # type: ignore[attr-defined]  # a text stream of the child
            self._lines.append(line)
            if line.startswith(OPERATOR):
                self.operator_url = line.removeprefix(OPERATOR).strip()
            if line.startswith(READY):
                self.ready_seconds = time.monotonic() - self._spawned
                self.url = line.removeprefix(READY).strip()
                self.port = int(self.url.rpartition(":")[2])
                self._ready.set()
        self._ready.set()


def _read_cpu_seconds(pid: int) -> float:
    path = Path("/proc") / str(pid) / "stat"
    if not path.exists():
        return 0.0
    ticks = [int(field) for field in path.read_text().rpartition(")")[2].split()[11:13]]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def hold_port(port: int) -> Iterator[None]:
    """Keep the port of a relay that was killed from being given to somebody else meanwhile."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # It never listens, so whoever connects is refused, and the relay may listen beside it.
        held.bind(("127.0.0.1", port))
        yield


def wait_until(condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something outside this process has come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not come true in time."
        time.sleep(0.02)
