"""Where a passphrase comes from: a hidden prompt, an open file, or a file that is named.

Never the command line, where a shell keeps its history and every process of the machine can read
it. Nothing here keeps, prints or checks a passphrase; the SDK does the checking.

Spec: docs/reference/desk.md, "The passphrase".
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Final

from quietway_desk.refusals import UsageRefused

FILE_SETTING: Final = "QUIETWAY_PASSPHRASE_FILE"

_NO_WAY_IN: Final = (
    "There is no terminal to ask for the passphrase. Name a file in "
    f"{FILE_SETTING}, or pass an open file with --passphrase-fd."
)


def read_passphrase(descriptor: int | None) -> str:
    """Read the passphrase of a store that is there.

    Args:
        descriptor: An open file descriptor to read it from, or None.

    Raises:
        UsageRefused: There is neither a terminal nor a file, or the file cannot be read.
    """
    given = _read_given(descriptor)
    return _ask("Passphrase: ") if given is None else given


def choose_passphrase(descriptor: int | None) -> str:
    """Read the passphrase of a store that is about to be made; at a terminal it is asked for twice.

    Raises:
        UsageRefused: As above, or the two differ.
    """
    given = _read_given(descriptor)
    if given is not None:
        return given
    first = _ask("Choose a passphrase (15 characters or more, or six words): ")
    if first != _ask("Once more: "):
        raise UsageRefused("The two passphrases differ. Nothing was made; try again.")
    return first


def _read_given(descriptor: int | None) -> str | None:
    named = os.environ.get(FILE_SETTING)
    try:
        if descriptor is not None:
            with os.fdopen(descriptor, encoding="utf-8") as stream:
                return _first_line(stream.read())
        return _first_line(Path(named).read_text(encoding="utf-8")) if named else None
    except (OSError, ValueError):
        raise UsageRefused(
            "The passphrase could not be read from the file that was named. Check that it is "
            "there, is text, and may be read."
        ) from None


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0].removesuffix("\r")


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise UsageRefused(_NO_WAY_IN)
    try:
        return getpass.getpass(question)
    except EOFError:
        # Ctrl-D is another way to say that one does not want to go on.
        raise KeyboardInterrupt from None
