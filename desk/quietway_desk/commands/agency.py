"""`quietway agency`: the agency itself: its root, its ops holders, its custodians, its review.

The root belongs on paper. So its words are shown once, read back from the paper, and only then is
it destroyed here: whoever copied a word wrongly learns it while it can still be mended.

Spec: docs/reference/desk.md, "quietway agency".
"""

from typing import Final

import typer

from quietway import Client
from quietway_desk.commands import custodians, holders, init, recover, review
from quietway_desk.confirming import take_words, type_to_confirm
from quietway_desk.files import check_new
from quietway_desk.screen import remark, say, warn
from quietway_desk.session import opened_by_owner
from quietway_desk.sheets import Sheet, give_sheet

NOT_HERE: Final = "The root is not on this device. It is on paper, as it should be."

app = typer.Typer(
    help="Found your agency, put its root on paper, and say who decides for it.",
    no_args_is_help=True,
)
app.command("found", epilog=init.EXAMPLE.replace("quietway init", "quietway agency found"))(
    init.init
)
app.command("custodians", epilog=custodians.EXAMPLE_OF_ALL)(custodians.name_custodians)
app.command("recover", epilog=recover.EXAMPLE)(recover.recover)
app.add_typer(holders.app, name="ops")
app.command("review")(review.review)


@app.command("words")
def show_words(context: typer.Context, sheet: Sheet = None) -> None:
    """Show the 24 words of the root once more, to be written down or printed.

    Whoever has these words can take over the agency; without them, and without custodians, nobody
    can give it back to you. No photograph, no password store, no cloud.

    Try this:

      quietway agency words --sheet root.html
    """
    if sheet is not None:
        check_new(sheet)
    with opened_by_owner(context) as (client, passphrase):
        if not client.agency.standing().root_here:
            say(NOT_HERE)
            return
        made = client.agency.recovery_sheet(passphrase=passphrase)
    give_sheet(made, sheet)
    remark("Have it on paper twice, in two places. Then: quietway agency secure")


@app.command("secure")
def secure(context: typer.Context) -> None:
    """Take the root off this device, once its words are read back from the paper.

    Try this:

      quietway agency secure
    """
    with opened_by_owner(context) as (client, passphrase):
        if not client.agency.standing().root_here:
            say(NOT_HERE)
            return
        _ask_for_code(client)
        take_words(
            "The words, as they stand on the paper",
            lambda words: client.agency.take_root_offline(words, passphrase=passphrase),
        )
    say("The root is off this device. From now on it is the paper, and the custodians.")
    warn("Delete what the sheet was printed from, and lock the two sheets away, apart.")
    remark("Next: quietway agency custodians, and a second ops holder: quietway agency ops add")


def _ask_for_code(client: Client) -> None:
    code = client.program.partition("-")[0]
    type_to_confirm("Type your agency's code to destroy the root on this device", code)
