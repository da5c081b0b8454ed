"""A command on a terminal of its own, with somebody who reads and types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from typing import TYPE_CHECKING, Self

from tests.desk.conftest import command

if TYPE_CHECKING:
    from tests.desk.conftest import Desk


class Terminal:
    """A command on a terminal of its own, with somebody who reads and types."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        self._control, terminal = pty.openpty()
        self._process = subprocess.Popen(
            command(*arguments),
            env=desk.environment(),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._control)

    def read_until(self, wanted: str) -> str:
        """Read on until something is shown, and give all that was shown since the last time."""
        shown = b""
        while wanted.encode() not in shown:
            ready, _, _ = select.select([self._control], [], [], 30)
            assert ready, shown
            shown += os.read(self._control, 4_096)
        return shown.decode(errors="replace").replace("\r\n", "\n")

    def answer(self, question: str, typed: str) -> None:
        self.read_until(question)
        self.type(typed)

    def type(self, typed: str) -> None:
        # A terminal gives what is typed ahead to whoever reads next, so no waiting is needed.
        os.write(self._control, typed.encode())

    def wait(self) -> int:
        return self._process.wait(30)


def read_until(descriptor: int, wanted: bytes) -> bytes:
    shown = b""
    while wanted not in shown:
        shown += os.read(descriptor, 4_096)
    return shown
