"""The voice of the demo: eighty columns, plain when nobody watches, every line remembered.

It never prints what it was not given, and knows nothing of agencies or relays.

Spec: docs/explanation/what-the-relay-sees.md.
"""

from __future__ import annotations

import os
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 78


class Teller:
    """Tells the story on a stream.

    Args:
        stream: Where to; colours only where it is a terminal and NO_COLOR is not set.
    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._plain = not stream.isatty() or "NO_COLOR" in os.environ
        self._told: list[str] = []
        self._hushed = False

    @property
    def told(self) -> str:
        """All that was told so far."""
        return "\n".join(self._told)

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """Tell nothing for a while: what is played is only there to set the stage."""
        self._hushed = True
        try:
            yield
        finally:
            self._hushed = False

    def title(self, text: str) -> None:
        """Begin a scene."""
        self._write("")
        self._write(text, "1")
        self._write("=" * len(text), "2")

    def say(self, text: str) -> None:
        """Tell a paragraph."""
        self._write("")
        for line in textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False):
            self._write(line)

    def heading(self, text: str) -> None:
        """Name the list that follows."""
        self._write("")
        self._write(text, "36")

    def item(self, name: str, text: str, *, indent: int = 2, column: int = 20) -> None:
        """Tell one named fact; a long one goes on under itself."""
        first = f"{' ' * indent}{name:<{column}} "
        wrapped = textwrap.wrap(
            text,
            WIDTH,
            initial_indent=first,
            subsequent_indent=" " * len(first),
            break_on_hyphens=False,
        )
        for line in wrapped or [first.rstrip()]:
            self._write(line)

    def raw(self, line: str) -> None:
        """Tell a line as it is: a hexdump, a table's row."""
        self._write(line)

    def _write(self, line: str, style: str = "") -> None:
        if self._hushed:
            return
        self._told.append(line)
        shown = line if self._plain or not style or not line else f"\x1b[{style}m{line}\x1b[0m"
        self._stream.write(shown + "\n")
        self._stream.flush()
