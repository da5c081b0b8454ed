"""Writes a sheet of words where it was asked for: to a file for this user alone, or as a result.

A file that ends in `.html` becomes a page to print. Whoever prints it deletes it afterwards, and is
told so.

Spec: docs/reference/desk.md, "Words on paper".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quietway_desk.files import write_new
from quietway_desk.screen import remark, say

if TYPE_CHECKING:
    from quietway import RecoverySheet

Sheet = Annotated[
    Path | None,
    typer.Option(
        "--sheet",
        metavar="FILE",
        help="Write the words here (.html: a page to print) instead of showing them.",
    ),
]


def give_sheet(sheet: RecoverySheet, file: Path | None) -> None:
    """Show a sheet once, or write it into a new file.

    Raises:
        UsageRefused: The file could not be written, or something is there already.
    """
    if file is None:
        say(sheet.to_text())
        remark("These words are shown once. Write them down, and clear the screen.")
        return
    page = file.suffix.lower() == ".html"
    write_new(file, (sheet.to_html() if page else sheet.to_text()).encode())
    remark(f"Written to {file}. Print it, lock it away, and delete the file.")
