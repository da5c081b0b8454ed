"""`quietway log`: the relay's transparency log: how it stands, alarms, and evidence for others.

`verify` needs no store, no passphrase and no network: whoever is handed a file can check it.

Spec: docs/reference/desk.md, "quietway log".
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import (
    EvidenceRefused,
    ForkFound,
    LogAlarm,
    LogUnproven,
    UnknownOwnVersion,
    verify_evidence,
)
from quietway_desk.files import check_new, write_new
from quietway_desk.refusals import NotListed
from quietway_desk.screen import remark, say, show_facts, show_json, warn
from quietway_desk.session import opened, talk, tell_alarms
from quietway_desk.times import show_instant, write_instant

app = typer.Typer(
    help="See that the relay shows everybody the same directory, and prove it where it does not.",
    no_args_is_help=True,
)
_MOST_FILE_BYTES: Final = 65_536


@app.command("show")
def show(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show which log this device relies on, how far it was verified, and what is wrong.

    Every agency of the relay sees the same eight words. Compare them by phone when in doubt.

    Try this:

      quietway log show
    """
    with opened(context) as client:
        standing, alarms = client.log.standing(), client.log.alarms()
        if not as_json:
            tell_alarms(client)
    synced = standing.synced_at
    if as_json:
        show_json(
            [
                {
                    "fingerprint": standing.fingerprint,
                    "words": standing.words,
                    "size": standing.size,
                    "root": standing.root.hex(),
                    "synced_at": "" if synced is None else write_instant(synced),
                    "stopped": standing.stopped,
                    "alarms": [_name(alarm) for alarm in alarms],
                }
            ]
        )
        return
    show_facts(
        "The relay's log",
        [
            ("In words", standing.words or "not known yet"),
            ("Fingerprint", standing.fingerprint or "not known yet"),
            ("Verified", f"{standing.size} entries"),
            ("Last seen", "never" if synced is None else show_instant(synced)),
            ("Alarms", str(len(alarms)) if alarms else "none"),
        ],
    )


@app.command("export")
def export(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist.")
    ],
) -> None:
    """Write the proof that the relay showed two directories, for your partners and its operator.

    The file names no agency and no device, and holds nothing of what was said. It is no secret.

    Try this:

      quietway log export fork.json
    """
    check_new(file)
    with opened(context) as client:
        forks = client.log.evidence()
        if not forks:
            raise NotListed("A proof", "quietway log show")
        raw = client.log.export(forks[-1].fork_id)
    write_new(file, raw)
    say(f"Written to {file}. Anybody can check it: quietway log verify {file}")


@app.command("acknowledge")
def acknowledge(context: typer.Context) -> None:
    """Say that you have seen the alarms. After a fork, the directory goes on from there.

    Do it when your partners and the relay's operator have the proof, and you have decided to stay
    with this relay.

    Try this:

      quietway log acknowledge
    """
    with opened(context) as client:
        alarms = client.log.alarms()
        for alarm in alarms:
            client.log.acknowledge(alarm)
        talk(client)
        proofs = client.log.evidence()
    say(f"Alarms that count as seen now: {len(alarms)}." if alarms else "There was no alarm.")
    if proofs:
        remark("The proof stays here: quietway log export FILE")


@app.command("verify")
def verify(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="The file that somebody handed you.",
        ),
    ],
) -> None:
    """Check a proof; needs no passphrase and no network. The exit code is 1 if it proves nothing.

    Try this:

      quietway log verify fork.json
    """
    with file.open("rb") as opened_file:
        raw = opened_file.read(_MOST_FILE_BYTES)
    try:
        fork = verify_evidence(raw)
    except EvidenceRefused as refused:
        warn(str(refused))
        raise typer.Exit(1) from None
    say(
        "This proves that the log was shown in two versions that can't both be true: one of "
        f"{fork.first_size} entries and one of {fork.second_size}, both signed by its key."
    )
    show_facts("The log's key", [("In words", fork.words), ("Fingerprint", fork.fingerprint)])
    remark("If quietway log show has the same words, it is the log that you rely on.")


def _name(alarm: LogAlarm) -> dict[str, object]:
    match alarm:
        case ForkFound():
            return {"alarm": "fork", "at": write_instant(alarm.at)}
        case LogUnproven():
            return {
                "alarm": "unproven",
                "agency": str(alarm.agency),
                "size": alarm.size,
                "at": write_instant(alarm.at),
            }
        case UnknownOwnVersion():
            return {
                "alarm": "unknown_own_version",
                "index": alarm.index,
                "at": write_instant(alarm.at),
            }
