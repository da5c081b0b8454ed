"""A relay as a process of its own: started, killed without warning, started again.

It is the product's own relay, run as an operator would run it. It never outlives the demo.

Spec: docs/howto/run-a-relay-on-this-machine.md.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ending import uninterrupted
from listener import START_SECONDS, Listener

if TYPE_CHECKING:
    from pathlib import Path


class Relay(Listener):
    """One relay, with its files in one folder.

    Args:
        folder: A folder of its own, which exists.

    Attributes:
        public_url: How devices reach it, from its next start on; empty where they do so directly.
    """

    NAME = "relay"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.database = folder / "relay.db"
        self.public_url = ""

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

    def _start_enrolling(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command("enroll"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            text=True,
            start_new_session=True,
        )

    def _list_words(self) -> list[str]:
        reached = ("--public-url", self.public_url) if self.public_url else ()
        return self._command("serve", "--port", str(self.port), *reached)

    def _command(self, verb: str, *rest: str) -> list[str]:
        relay = [sys.executable, "-m", "quietway_server", verb]
        return [*relay, "--database", str(self.database), *rest]
