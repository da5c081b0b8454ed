"""A relay, a watch beside it, and the operator whom it tells: three real processes and a server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final, Self

from tests.relay_process import PRODUCT, RelayProcess, product_environment, wait_until
from tests.server.providers import Provider

if TYPE_CHECKING:
    from pathlib import Path

_MARKER: Final = "operator's listener on "


class Watched:
    """One relay that is watched.

    Args:
        folder: Where the relay's files go.
        relay: The module that runs as the relay.
        watch: The module that runs as the watch.
        every_seconds: How often the watch asks.
    """

    def __init__(
        self,
        folder: Path,
        *,
        relay: str = PRODUCT,
        watch: str = PRODUCT,
        every_seconds: int = 1,
    ) -> None:
        self.operator = Provider()
        self.relay = RelayProcess(folder, options={"operator_port": "0"})
        self.relay.module = relay
        self._watch = watch
        self._every_seconds = every_seconds

    @property
    def said(self) -> list[str]:
        """What the operator was told."""
        return [came.body.decode() for came in self.operator.came]

    def __enter__(self) -> Self:
        self.operator.__enter__()
        self.relay.start()
        line = next(x for x in self.relay.output.splitlines() if _MARKER in x)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                self._watch,
                "watch",
                f"--watch-url={line.partition(_MARKER)[2].strip()}",
                f"--watch-seconds={self._every_seconds}",
                f"--alarm-targets={self.operator.url('alarm')}",
                f"--wake-own-hosts={self.operator.origin}",
            ],
            env=product_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert "watching" in self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        self.ended = self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()
        with contextlib.suppress(ProcessLookupError, AssertionError):
            os.kill(self.relay.pid, signal.SIGCONT)
        with contextlib.suppress(AssertionError):
            self.relay.kill()
        self.operator.__exit__()

    def wait_for(self, text: str, *, seconds: float) -> float:
        """Wait until the operator is told; give how long it took, in seconds."""
        began = time.monotonic()
        wait_until(lambda: text in self.said, seconds=seconds)
        return time.monotonic() - began
