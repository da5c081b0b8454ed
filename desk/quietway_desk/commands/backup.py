"""`quietway backup` and `quietway restore`: one file and 24 words bring this device back elsewhere.

Spec: docs/reference/desk.md, "Backups".
"""

from pathlib import Path
from typing import Annotated

import typer

from quietway import Client, StoreExists, has_store
from quietway_desk.asking import ask_secret_words
from quietway_desk.files import check_new
from quietway_desk.passphrase import read_passphrase
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import opening, remark, say, working
from quietway_desk.session import needing_relay, require_store, settings_of
from quietway_desk.sheets import Sheet, give_sheet


def backup(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="A folder, or a file that does not exist yet.", metavar="PATH")
    ],
    sheet: Sheet = None,
) -> None:
    """Make a backup of this device: one file, and 24 words that stand in no other.

    To restore it takes the file, the words and your passphrase. Keep file and words apart.

    Try this:

      quietway backup /media/stick --sheet words.html
    """
    if sheet is not None:
        check_new(sheet)
    require_store()
    passphrase = read_passphrase(settings_of(context).passphrase_descriptor)
    with opening() as tell:
        client = Client.open(passphrase=passphrase, progress=tell)
    with client, working("Making the backup ..."):
        made = client.backup(path, passphrase=passphrase)
    say(f"Backup: {made.file}")
    give_sheet(made.sheet, sheet)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")],
    relay: Annotated[
        str | None,
        typer.Option("--relay", metavar="URL", help="The relay's address, where it has moved."),
    ] = None,
) -> None:
    """Bring a device back on this machine, where the former one is gone.

    Asks for the 24 words and the passphrase of the backup. What has expired since stays gone. The
    former machine must not run any more.

    Try this:

      quietway restore /media/stick/k3f7q2mzt5xw6b4a
    """
    if has_store():
        raise StoreExists
    if not file.is_file():
        raise UsageRefused("There is no such file. Check its name, and that the stick is in.")
    words = ask_secret_words("The words of the backup")
    passphrase = read_passphrase(settings_of(context).passphrase_descriptor)
    with (
        needing_relay("Not restored"),
        working("Restoring ..."),
        Client.restore(file=file, words=words, passphrase=passphrase, relay=relay) as client,
    ):
        program, home, decides = client.program, client.home, client.agency.standing().decides_here
    say(f"{program} is back, in {home}.")
    if not decides:
        remark(
            "A backup holds no ops key. If this device is an ops holder's, make a new one: "
            "quietway agency ops request"
        )
    remark("Next: quietway doctor. Destroy the backup once you have made a new one.")
