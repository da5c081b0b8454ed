"""The command line: which commands there are, and what holds for all of them.

Each command lives in a file of its own under `commands`. Completion scripts are left out, because
installing one writes to the home folder; traces are left to the developer's own tools, because they
would show local values.

Spec: docs/reference/desk.md.
"""

from importlib.metadata import version as read_version
from typing import Annotated

import typer

from quietway_desk.commands import (
    access,
    agency,
    alert,
    attachment,
    backup,
    conversation,
    crisis,
    custodians,
    debrief,
    device,
    dictionary,
    doctor,
    drill,
    guard,
    inbox,
    init,
    listen,
    log,
    oncall,
    outbox,
    partner,
    passphrase,
    referral,
    send,
    status,
    watch,
    wipe,
)
from quietway_desk.session import Settings

EXAMPLES = f"""{init.EXAMPLE}
  quietway partner add mercy.invitation

  quietway send referral --to MERCY

  quietway inbox
"""

app = typer.Typer(
    name="quietway",
    help="Coordinate with partner agencies through a relay that cannot read.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)
app.command("init", epilog=init.EXAMPLE)(init.init)
app.add_typer(send.app, name="send")
app.add_typer(referral.app, name="referral")
app.command("inbox")(inbox.inbox)
app.add_typer(outbox.app, name="outbox")
app.add_typer(conversation.app, name="conversation")
app.command("watch")(watch.watch)
app.add_typer(status.app, name="status")
app.add_typer(alert.app, name="alert")
app.add_typer(crisis.app, name="crisis")
app.add_typer(debrief.app, name="debrief")
app.add_typer(drill.app, name="drill")
app.add_typer(attachment.app, name="attachment")
app.add_typer(guard.app, name="guard")
app.add_typer(oncall.app, name="oncall")
app.add_typer(partner.app, name="partner")
app.add_typer(agency.app, name="agency")
app.add_typer(device.app, name="device")
app.add_typer(dictionary.app, name="dictionary")
app.add_typer(access.app, name="access")
app.command("custodian", epilog=custodians.EXAMPLE_OF_ONE)(custodians.custodian)
app.add_typer(passphrase.app, name="passphrase")
app.command("listen")(listen.listen)
app.command("lock")(listen.lock)
app.add_typer(log.app, name="log")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("wipe")(wipe.wipe)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    if wanted:
        typer.echo(f"quietway {read_version('quietway')}")
        raise typer.Exit


@app.callback()
def prepare(
    context: typer.Context,
    passphrase_fd: Annotated[
        int | None,
        typer.Option(
            "--passphrase-fd",
            metavar="NUMBER",
            help="Read the passphrase from this open file descriptor instead of asking. "
            "QUIETWAY_PASSPHRASE_FILE names a file instead.",
        ),
    ] = None,
    *,
    version: Annotated[  # noqa: ARG001 - the callback answers it
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Coordinate with partner agencies through a relay that cannot read.

    What you write is sealed on this machine, for the devices of the agencies you name.
    QUIETWAY_HOME names the folder of the store, where it is not the usual one.
    """
    context.obj = Settings(passphrase_descriptor=passphrase_fd)
