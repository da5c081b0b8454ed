"""A relay as a process of its own: started, killed without warning, started again.

It is the product's own relay, run as an operator would run it. It never outlives the demo.

Spec: docs/howto/run-a-relay-on-this-machine.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from ending import uninterrupted

if TYPE_CHECKING:
    from pathlib import Path

READY = re.compile(r"listening on (http://\S+?:(\d+))")
START_SECONDS = 20


class RelayFailedError(Exception):
    """The relay did not start; what it said is in the sentence."""


class Relay:
    """One relay, with its files in one folder.

    Args:
        folder: A folder of its own, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "relay.db"
        self.log = folder / "relay.log"
        self.url = ""
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, later on the port it had first, and wait until it listens."""
        with self.log.open("ab") as log, uninterrupted():
            self._process = subprocess.Popen(
                self._command("serve", "--port", str(self._port)),
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment(),
                # Ctrl-C is for the demo, which stops the relay in its own time.
                start_new_session=True,
            )
        found = self._wait_until_ready(self._process)
        self.url, self._port = found[1], int(found[2])

    def enroll(self, times: int) -> list[str]:
        """Make one-time codes, as the operator does for each new agency."""
        making: list[subprocess.Popen[str]] = []
        try:
            for _ in range(times):
                with uninterrupted():
                    making.append(self._start_enrolling())
            return [process.communicate(timeout=START_SECONDS)[0].strip() for process in making]
        finally:
            for process in making:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End the process as a power cut would: without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask the process to end, and see that it does."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=3)
        self.kill()

    def _start_enrolling(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command("enroll"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            text=True,
            start_new_session=True,
        )

    def _command(self, verb: str, *rest: str) -> list[str]:
        relay = [sys.executable, "-m", "quietway_server", verb]
        return [*relay, "--database", str(self.database), *rest]

    def _environment(self) -> dict[str, str]:
        # Whatever the relay's libraries might want to keep, they keep in the folder that goes away.
        return os.environ | {"HOME": str(self.folder), "PYTHONUNBUFFERED": "1"}

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> re.Match[str]:
        assert process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        guard = threading.Timer(START_SECONDS, process.kill)
        guard.start()
        try:
            for line in process.stdout:
                if found := READY.search(line.decode("utf-8", "replace")):
                    return found
        finally:
            guard.cancel()
        raise RelayFailedError(f"The relay did not start:\n{self.log.read_text('utf-8').strip()}")
