"""A device as a process of its own, which stays connected: killed without warning, started again.

It writes `open` once it is, and a line for each alert that it knows, as `ALERT STATE`, whenever
something happens to one. It does nothing by itself that a person would have to do.

Spec: docs/explanation/escalation.md, "Seen with everything failing".
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ending import uninterrupted

from quietway import AlertClaimed, AlertRaised, AlertReleased, Client

if TYPE_CHECKING:
    from typing import IO

PASSPHRASE = "QUIETWAY_DEMO_PASSPHRASE"  # noqa: S105 - the name of a variable
PATIENCE_SECONDS = 30.0
WATCHED = AlertClaimed | AlertRaised | AlertReleased


class Device:
    """One device that nobody in this process holds.

    Args:
        home: The folder of its store, which is closed.
        passphrase: Of its store.
    """

    def __init__(self, home: Path, passphrase: str) -> None:
        self._home = home
        self._passphrase = passphrase
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def start(self) -> None:
        """Open the store in a process of its own, and stay connected there."""
        with uninterrupted():
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), str(self._home)],
                env=os.environ | {PASSPHRASE: self._passphrase, "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        self._lines = queue.Queue()
        threading.Thread(
            target=_pass_on, args=(self._process.stdout, self._lines), daemon=True
        ).start()

    def await_line(self, wanted: str) -> None:
        """Wait until it writes a line that begins so.

        Raises:
            AssertionError: It does not come.
        """
        try:
            while not self._lines.get(timeout=PATIENCE_SECONDS).startswith(wanted):
                pass
        except queue.Empty:
            raise AssertionError(f"A device never said: {wanted}") from None

    def kill(self) -> None:
        """End it as a power cut would: without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it: it has nothing that could be lost."""
        self.kill()


def _pass_on(stream: IO[str], lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line.strip())


def watch(home: str, passphrase: str) -> None:
    """Stay connected, and write how each alert stands whenever something happens to one."""
    with Client.open(home, passphrase=passphrase) as client:
        client.sync()
        sys.stdout.write("open\n")
        _write_alerts(client)
        for event in client.events():
            if isinstance(event, WATCHED):
                _write_alerts(client)


def _write_alerts(client: Client) -> None:
    for alert in client.alerts.list(open_only=False):
        sys.stdout.write(f"{alert.alert_id.hex()} {alert.state}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    watch(sys.argv[1], os.environ[PASSPHRASE])
