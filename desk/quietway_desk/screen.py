"""What the desk writes: results to standard output, everything about them to standard error.

So `quietway inbox --json | jq` reads results only. Text is shown plain (see `plain.py`), nothing of
it is taken for markup, and colour appears only on a terminal that wants it.

Spec: docs/reference/desk.md, "What is shown".
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from quietway_desk.plain import show_line, show_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.progress import TaskID
    from rich.status import Status

    from quietway import OpeningProgress, TransferProgress

_STAGES: Final = {
    "clean": "cleaning",
    "seal": "sealing",
    "upload": "uploading",
    "fetch": "fetching",
    "open": "opening",
}

_OPENING: Final = {
    "keyring": "Opening: unlocking the keys ...",
    "upgrade": "Opening: bringing what is kept forward, once ...",
    "store": "Opening: reading what is kept ...",
    "erase": "Opening: erasing what is over ...",
}

Facts = list[tuple[str, str]]
"""Named facts in the order of their showing."""

Record = dict[str, "str | int | bool | list[str] | Record"]
"""One entry of a list as it is written with `--json`."""


class _Screen(Console):
    """A console that lets the whole program end when nobody reads its results any more."""

    def on_broken_pipe(self) -> NoReturn:
        """Say so with the exception that the system itself uses."""
        raise BrokenPipeError


def prepare_streams() -> None:
    """Show what the terminal's encoding does not have by its number, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def stop_writing() -> None:
    """Write no more results: whoever read them has gone, as `head` does."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open until the end


def say(text: str) -> None:
    """Write a paragraph of the result."""
    _out().print(Text(show_plain(text)), soft_wrap=True)


def remark(text: str) -> None:
    """Write a line about what is going on."""
    _err().print(Text(show_plain(text)), soft_wrap=True)


def warn(text: str) -> None:
    """Write what went wrong and what to do next."""
    _err().print(Text(show_plain(text), style="bold"), soft_wrap=True)


def show_facts(title: str, facts: Sequence[tuple[str, str]]) -> None:
    """Write a title and named facts below it, with an empty line after."""
    console = _out()
    console.print(Text(show_line(title), style="bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(Text(f"  {show_line(name)}"), Text(show_plain(value)))
    console.print(grid)
    console.print()


def show_json(records: Sequence[Mapping[str, object]]) -> None:
    """Write a list of records as JSON; everything outside ASCII is escaped."""
    # Not through the console, which would wrap what a pipe reads.
    sys.stdout.write(json.dumps([dict(record) for record in records], indent=2) + "\n")
    sys.stdout.flush()


def pour(raw: bytes) -> None:
    """Write a file's bytes as they are; on a terminal as text, made plain."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(raw)
    else:
        sys.stdout.write(show_plain(raw.decode().replace("\r\n", "\n")))
    sys.stdout.flush()


@contextmanager
def working(text: str) -> Iterator[Status]:
    """Show on a terminal that something takes its time."""
    with _err().status(Text(text), spinner="line") as status:
        yield status


@contextmanager
def opening() -> Iterator[Callable[[OpeningProgress], None]]:
    """Show on a terminal how far the opening of the device has come; elsewhere say nothing."""
    with working(_OPENING["keyring"]) as status:

        def tell(progress: OpeningProgress) -> None:
            far = f" ({progress.done} of {progress.total})" if progress.total > 1 else ""
            status.update(Text(f"{_OPENING[progress.stage]}{far}"))

        yield tell


@contextmanager
def transferring(text: str) -> Iterator[Callable[[TransferProgress], None]]:
    """Show on a terminal how far a file is, stage by stage; elsewhere say nothing."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        console=_err(),
        transient=True,
    )
    stages: dict[str, TaskID] = {}

    def tell(progress: TransferProgress) -> None:
        if progress.stage not in stages:
            stages[progress.stage] = bars.add_task(f"{text}: {_STAGES[progress.stage]}")
        bars.update(stages[progress.stage], completed=progress.done, total=progress.total)

    with bars:
        yield tell


def _out() -> Console:
    return _Screen(highlight=False, markup=False, emoji=False)


def _err() -> Console:
    return _Screen(stderr=True, highlight=False, markup=False, emoji=False)
