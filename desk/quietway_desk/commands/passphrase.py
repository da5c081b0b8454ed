"""`quietway passphrase change`: wrap the same secrets under another passphrase.

Spec: docs/reference/desk.md, "The passphrase".
"""

from pathlib import Path
from typing import Annotated

import typer

from quietway_desk.confirming import read_secret_line
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, say
from quietway_desk.session import opened_by_owner

app = typer.Typer(help="Change this device's passphrase.", no_args_is_help=True)


@app.command("change")
def change(
    context: typer.Context,
    new_file: Annotated[
        Path | None,
        typer.Option(
            "--new-file", metavar="FILE", help="A file whose first line is the new passphrase."
        ),
    ] = None,
) -> None:
    """Choose another passphrase for this device: 15 characters, or six words picked at random.

    A passphrase that a guesser tries early is refused, and you are told why. A backup still opens
    with the passphrase of its day.

    Try this:

      quietway passphrase change
    """
    with opened_by_owner(context) as (client, former):
        client.change_passphrase(former, _choose(new_file))
    say("Changed. The former passphrase opens nothing here any more.")
    remark("It still opens the backups and the copies of that time.")


def _choose(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text("utf-8").split("\n", 1)[0].removesuffix("\r")
        except (OSError, ValueError):
            raise UsageRefused("The file with the new passphrase could not be read.") from None
    first = read_secret_line("The new passphrase")
    if first != read_secret_line("Once more"):
        raise UsageRefused("The two passphrases differ. Nothing was changed; try again.")
    return first
