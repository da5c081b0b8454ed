"""`quietway agency recover`: an agency comes back from paper.

Spec: docs/reference/desk.md, "quietway agency recover".
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Client, RecoveryFile, StoreExists, has_store
from quietway_desk.asking import ask_code, ask_secret_words, check_code
from quietway_desk.confirming import type_to_confirm
from quietway_desk.passphrase import choose_passphrase
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, show_facts, warn, working
from quietway_desk.session import needing_relay, settings_of

EXAMPLE: Final = """
Try this:

  \b
  quietway agency recover --relay https://relay.example.org \\
      --program HARBOR-SHELTER --file harbor.recovery
"""


def recover(
    context: typer.Context,
    relay: Annotated[
        str, typer.Option("--relay", metavar="URL", help="The relay's address, from the sheet.")
    ],
    program: Annotated[
        str, typer.Option("--program", metavar="CODE", help="This device's program.")
    ],
    agency_id: Annotated[
        str | None,
        typer.Option("--agency-id", metavar="ID", help="The agency's id, from its own sheet."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="The recovery file, with custodians' words."),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help="What you do there; may be given repeatedly."),
    ] = None,
) -> None:
    """Bring your agency back with this machine, where none of its devices is left or trusted.

    Asks for the agency's own 24 words, or with --file for those of the custodians, one after the
    other. All former devices are revoked. Where there is a backup, `quietway restore` is better.
    """
    if has_store():
        raise StoreExists
    if (agency_id is None) == (file is None):
        raise UsageRefused("Name --agency-id, from the agency's own sheet, or --file.")
    for named in role or ():
        check_code("role")(named)
    roles = tuple(role or [ask_code(None, "--role", "role", "What do you do there?")])
    recovery = None if file is None else _read(file)
    code = program.strip().upper().partition("-")[0]
    warn(f"Every device of {code} is revoked by this, and it can't be undone.")
    type_to_confirm("Type the agency's code to go on", code)
    words = _ask_words(recovery)
    passphrase = choose_passphrase(settings_of(context).passphrase_descriptor)
    with needing_relay("Not recovered"), working("Recovering ..."):
        recovered = Client.recover_agency(
            passphrase=passphrase,
            relay=relay,
            program=program.strip().upper(),
            words=words,
            agency_id=agency_id,
            file=recovery,
            roles=roles,
        )
    with recovered as client:
        show_facts(
            f"{client.program} is back.",
            [
                ("Agency", str(client.agency_id)),
                ("Fingerprint", client.fingerprint),
                ("In words", client.fingerprint_words),
                ("Store", str(client.home)),
            ],
        )
    remark(
        "Your identity is the same, so your partners compare nothing anew. Invite each of them "
        "once more: quietway partner invite LABEL"
    )


def _ask_words(file: RecoveryFile | None) -> str | list[str]:
    if file is None:
        return ask_secret_words("The agency's own words")
    return [ask_secret_words(f"Custodian {n} of {file.threshold}") for n in _count(file)]


def _count(file: RecoveryFile) -> range:
    return range(1, file.threshold + 1)


def _read(file: Path) -> RecoveryFile:
    try:
        return RecoveryFile.from_bytes(file.read_bytes())
    except OSError:
        raise UsageRefused("The recovery file could not be read. Check its name.") from None
