"""The place where a bench works: a folder on the real disk, and what was compiled in it.

Rules: everything that is written lies below build/bench, on the disk that the project lies on,
because a disk in memory would make an fsync free; nothing of it stays behind.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Final, Self, TypeVar

from bench.processes import ROOT, NotMeasuredError, end_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

BUILD: Final = ROOT / "build"

Kept = TypeVar("Kept")


class Place:
    """A folder for one run.

    Args:
        seconds: How long a window of load is.
        build: Where the folder is made.
    """

    def __init__(self, *, seconds: float, build: Path = BUILD) -> None:
        self.seconds = seconds
        self.folder = build / f"bench-{os.getpid()}"
        self._numbers = itertools.count(1)
        self._compiled: dict[Path, Path] = {}
        self._kept: dict[object, object] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        # A second Ctrl-C waits: half a tidying up would leave servers and gigabytes behind.
        former = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            end_all()
            shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            signal.signal(signal.SIGINT, former)

    def new_folder(self, name: str) -> Path:
        """Make an empty folder."""
        folder = self.folder / f"{name}-{next(self._numbers)}"
        folder.mkdir()
        return folder

    def keep(self, key: object, make: Callable[[], Kept]) -> Kept:
        """Make something once a run, for later rounds too; it ends with the place."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]  # as it was made

    def compile(
        self, source: Path, *flags: str, suffix: str = "", libraries: Sequence[str] = ()
    ) -> Path:
        """Compile a C file, once a run.

        Raises:
            NotMeasuredError: There is no C compiler, or it refused.
        """
        if source not in self._compiled:
            made = self.folder / f"{source.stem}{suffix}"
            self._compiled[source] = _compile([*flags, str(source), *libraries], made)
        return self._compiled[source]


def _compile(arguments: Sequence[str], made: Path) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise NotMeasuredError("there is no C compiler (cc, or what CC names)")
    done = subprocess.run(  # noqa: S603 - our own source
        [compiler, "-O2", "-o", str(made), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NotMeasuredError(f"the C compiler refused: {done.stderr.strip()[-300:]}")
    return made
