"""Reads a file that somebody named: a plain file, and no more of it than a mapper takes.

A pipe or a device could keep a program waiting for ever, or fill its memory.

Spec: docs/reference/interop.md, "What is refused".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.errors import ImportRefused
from quietway.interop.json_file import FILE, LARGEST_FILE_BYTES

if TYPE_CHECKING:
    from pathlib import Path


def read_import_file(path: Path) -> bytes:
    """Read a file to be imported, at most one byte more than 1 MiB.

    Raises:
        ImportRefused: `unreadable`: it is not there, is no plain file, or may not be read;
            `too_large`: it is longer than 1 MiB.
    """
    try:
        if not path.is_file():
            raise ImportRefused("unreadable", FILE)
        with path.open("rb") as opened:
            raw = opened.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError):
        raise ImportRefused("unreadable", FILE) from None
    if len(raw) > LARGEST_FILE_BYTES:
        raise ImportRefused("too_large", FILE)
    return raw
