"""How the demo ends: by itself, in time, with nothing left behind, whoever interrupts it.

Ctrl-C, a polite kill and the deadline all become one exception in the main thread. While the demo
tidies up, a second Ctrl-C waits: half a tidying would leave files.

Spec: docs/tutorial/first-referral.md.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from world import World

DEADLINE_SECONDS = 160
TIDYING_SECONDS = 4
REMOVING_SECONDS = 2
STOPPING = (signal.SIGINT, signal.SIGTERM)


class StoppedError(BaseException):
    """Somebody asked the demo to stop, or its time is over.

    Attributes:
        status: What the process ends with.
        sentence: What is said.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Deadline:
    """Ends the demo when its time is over, from a thread of its own."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def start(self) -> None:
        """Begin to count."""
        self._timer.start()

    def cancel(self) -> None:
        """Count no more."""
        self._timer.cancel()

    def _end(self) -> None:
        self.over = True
        main_thread = threading.main_thread().ident
        if hasattr(signal, "pthread_kill") and main_thread is not None:
            # Sent to the main thread itself, it also wakes it from waiting for another one.
            signal.pthread_kill(main_thread, signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def stoppable(deadline: Deadline) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and the deadline into `StoppedError` in the main thread."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        # Once is enough: a second one would only break into the tidying up.
        stop_listening()
        if deadline.over:
            raise StoppedError(
                1, "The demo took too long on this machine and was ended. Run it again."
            )
        raise StoppedError(128 + number, "Stopped. Nothing was left behind.")

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    deadline.start()
    try:
        yield
    finally:
        deadline.cancel()


def stop_listening() -> None:
    """Let nothing interrupt the tidying up."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal wait until a child is started and known: an unknown one could not be ended."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    came: list[int] = []
    for number in STOPPING:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
    if came:
        signal.raise_signal(came[0])


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a new folder that only this user may read, and remove it whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="quietway-demo-"))
    # A thread that is busy with a store may write until the very end, and is waited for there.
    atexit.register(_remove, folder)
    try:
        yield folder
    finally:
        stop_listening()
        _remove(folder)


def _remove(folder: Path) -> None:
    # What a dying process still writes makes one removal fail; the next finds it gone.
    end = time.monotonic() + REMOVING_SECONDS
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def closed_at_the_end(world: World) -> Iterator[None]:
    """Close the stores and stop the relay; where that hangs, end without it."""

    def give_up() -> None:
        world.relay.kill()
        shutil.rmtree(world.folder, ignore_errors=True)
        os._exit(1)

    try:
        yield
    finally:
        stop_listening()
        guard = threading.Timer(TIDYING_SECONDS, give_up)
        guard.daemon = True
        guard.start()
        world.close()
        guard.cancel()
