"""A process of its own that listens: started, killed without warning, started again.

It never outlives the demo, and keeps its port: who comes back is found where it was.

Spec: docs/howto/run-a-relay-on-this-machine.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING

from ending import uninterrupted

if TYPE_CHECKING:
    from pathlib import Path

READY = re.compile(r"listening on (http://\S+?:(\d+))")
START_SECONDS = 20


class StartFailedError(Exception):
    """A process did not start; what it said is in the sentence."""


class Listener(ABC):
    """One process that listens on a port of this machine.

    Args:
        folder: A folder of its own, which exists.

    Attributes:
        url: Where it listens, once it was started.
        port: Its port; 0 before the first start.
    """

    NAME = "process"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _list_words(self) -> list[str]:
        """Give the command that starts it on `port`."""

    def start(self) -> None:
        """Start the process, later on the port it had first, and wait until it listens."""
        with self._log.open("ab") as log, uninterrupted():
            self._process = subprocess.Popen(
                self._list_words(),
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment(),
                # Ctrl-C is for the demo, which stops its processes in its own time.
                start_new_session=True,
            )
        found = self._wait_until_ready(self._process)
        self.url, self.port = found[1], int(found[2])

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

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.NAME}.log"

    def _environment(self) -> dict[str, str]:
        # Whatever its libraries might want to keep, they keep in the folder that goes away.
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
        said = self._log.read_text("utf-8").strip()
        raise StartFailedError(f"The {self.NAME} did not start:\n{said}")
