"""`quietway agency custodians`, `quietway custodian`: people who bring the root back together.

A custodian makes words of their own, on their own machine, where no store is needed. The agency
learns the public half alone. The recovery file holds no secret that one person could open.

Spec: docs/reference/desk.md, "Custodians".
"""

import time
from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Client, RecoverySheet, make_custodian
from quietway_desk.asking import ask_secret_words
from quietway_desk.exchange import take_line
from quietway_desk.files import check_new, write_new
from quietway_desk.screen import remark, say, warn
from quietway_desk.session import opened_by_owner
from quietway_desk.sheets import Sheet, give_sheet

PREFIX: Final = "quietway-custodian:"
# Lines that are to be copied stand in an epilogue, which is not filled up to the screen's width.
EXAMPLE_OF_ONE: Final = """
Try this:

  \b
  quietway custodian --agency HARBOR --key-file ana.custodian \\
      --sheet words.html
"""
EXAMPLE_OF_ALL: Final = """
Try this:

  \b
  quietway agency custodians --custodian ana.custodian \\
      --custodian ben.custodian --custodian cleo.custodian \\
      --threshold 2 --out harbor.recovery
"""


def custodian(
    agency: Annotated[
        str, typer.Option("--agency", metavar="CODE", help="Whose custodian you are, as HARBOR.")
    ],
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="Write the line for the agency here."),
    ] = None,
    sheet: Sheet = None,
) -> None:
    """Make words of your own, as a custodian: on your own machine, alone. No store is needed.

    The 24 words are yours: nobody at the agency needs them, or may have them. The one line is for
    the agency, and no secret.
    """
    for file in (sheet, key_file):
        if file is not None:
            check_new(file)
    made = make_custodian()
    paper = RecoverySheet(
        kind="custodian",
        agency_code=agency.strip().upper(),
        at=time.time_ns() // 1_000_000,
        words=made.words,
    )
    give_sheet(paper, sheet)
    if key_file is None:
        say(f"For the agency: {made.key}")
        return
    write_new(key_file, f"{made.key}\n".encode())
    remark(f"Give {key_file} to the agency. Give the words to nobody.")


def name_custodians(
    context: typer.Context,
    custodian: Annotated[
        list[Path],
        typer.Option("--custodian", metavar="FILE", help="A custodian's file; repeat it for each."),
    ],
    threshold: Annotated[
        int,
        typer.Option(
            "--threshold", metavar="NUMBER", min=1, max=7, help="How many of them it takes."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Write the recovery file here.")
    ],
) -> None:
    """Make the recovery file: so many custodians together bring the root back.

    Choose people who don't depend on one another. One alone can do nothing. The file is no secret:
    keep it in several places.
    """
    check_new(out)
    keys = [take_line(file, None, begins=PREFIX) for file in custodian]
    with opened_by_owner(context) as (client, passphrase):
        words = read_root_words(client)
        made = client.agency.name_custodians(
            keys, threshold=threshold, passphrase=passphrase, root_words=words
        )
    write_new(out, made.to_bytes())
    say(f"Any {threshold} of {len(keys)} custodians bring the root back, with {out}.")
    warn("An older recovery file still works: destroy every copy of it.")
    remark("Copy the file to several places: with each sheet, and to each custodian.")


def read_root_words(client: Client) -> str | None:
    """Read the root's words from paper, where the root is not on this device."""
    if client.agency.standing().root_here:
        return None
    return ask_secret_words("The root's words, from its sheet")
