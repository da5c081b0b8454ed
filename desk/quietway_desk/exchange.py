"""Lines of text that two screens show each other: as text, in a file, as a QR code, by photograph.

None of them is believed by itself; what two people compare makes it so. Some are secrets (an
invitation is), so a file of one is for this user alone and never over another.

Spec: docs/reference/desk.md, "What two screens show each other".
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from quietway_desk.files import write_new
from quietway_desk.qr import draw_qr, is_picture, read_qr, write_qr
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, say

Written = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        help="Write it here; must not exist. A .png or .svg becomes a QR code.",
    ),
]
Drawn = Annotated[
    bool, typer.Option("--qr", help="Draw it as a QR code, for the other side's camera.")
]
Photo = Annotated[
    Path | None,
    typer.Option("--photo", metavar="FILE", help="A photograph of their QR code instead."),
]


def show_line(text: str, file: Path | None, *, qr: bool) -> None:
    """Show a line in the ways that were asked for; as text where none was.

    Raises:
        UsageRefused: The file could not be written, or there is one already.
    """
    if qr:
        say(draw_qr(text))
    if file is None:
        if not qr:
            say(text)
        return
    if is_picture(file):
        write_qr(text, file)
    else:
        write_new(file, f"{text}\n".encode())
    remark(f"Written to {file}.")


def take_line(file: Path | None, photo: Path | None, *, begins: str) -> str:
    """Read a line from a file, from standard input (`-`) or out of a photograph.

    Raises:
        UsageRefused: Neither or both were named, or what is read there is something else.
    """
    if (file is None) == (photo is None):
        raise UsageRefused("Name the file, or --photo FILE with its QR code.")
    if photo is not None:
        return read_qr(photo, begins=begins)
    line = _read(file or Path("-")).strip()
    if not line.startswith(begins):
        # Said before anybody types a passphrase, or 24 words, for the wrong file.
        raise UsageRefused(
            f"That holds no line that begins with {begins}. Look whether it is the right file."
        )
    return line


def _read(file: Path) -> str:
    try:
        return sys.stdin.readline() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, ValueError):
        raise UsageRefused("The file could not be read. Check its name.") from None
