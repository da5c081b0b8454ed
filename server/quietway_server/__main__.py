"""The relay's command line: `quietway-relay serve`, `enroll`, `backup`, `doctor` and others.

Rules: what goes wrong is one sentence with what to do next, and status 2; a storage that failed
while serving is status 1. When `serve` is ready it prints one line with its address. SIGINT and
SIGTERM end it with status 0, after open requests are done.

Spec: docs/reference/settings.md.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import secrets
import sys
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeAlias

from quietway_crypto.encoding import encode_base64
from quietway_protocol.checkpoints import name_log
from quietway_server.bootstrap import SystemClock, assemble, find_log_key, open_store
from quietway_server.errors import RelayError, StartError
from quietway_server.hardening import harden_process
from quietway_server.log import start_logging
from quietway_server.options import SETTINGS
from quietway_server.services.enrolment import add_code
from quietway_server.services.log import NONCE_BYTES
from quietway_server.services.log_start import start_log
from quietway_server.services.removal import find_agency, remove_agency
from quietway_server.settings import read_settings
from quietway_server.tending.bundle import write_bundle
from quietway_server.tending.copying import back_up, restore
from quietway_server.tending.doctor import examine, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway_server.settings import Settings

Options: TypeAlias = "dict[str, Any]"
_EPILOG = """\
A relay keeps sealed envelopes until they are fetched. It can read none of them.

  quietway-relay serve                 listen on http://127.0.0.1:8740, keep quietway-relay.db here
  quietway-relay enroll                print a one-time code that lets a new agency in
  quietway-relay remove HARBOR         end an agency's place here, for good
  quietway-relay log-key               print the key that agencies check the log by
  quietway-relay doctor                look whether all is well, and what to do
  quietway-relay backup FILE           copy the database while the relay serves
  quietway-relay restore FILE          put such a copy back, while no relay serves
  quietway-relay watch                 tell me when that relay does not answer, or is late
  quietway-relay serve --port 0        listen on a free port, and say which

Each option can also be set in the environment: --max-sockets is QUIETWAY_RELAY_MAX_SOCKETS.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; those of the process by default.

    Returns:
        The exit status.
    """
    options = vars(_parser().parse_args(arguments))
    # What the relay writes is for its own user alone.
    os.umask(0o077)
    try:
        settings = read_settings(options, os.environ)
        return _COMMANDS[options["command"]](settings, options)
    except RelayError as error:
        sys.stderr.write(f"quietway-relay: {error}\n")
        return 2


def _serve(settings: Settings, _options: Options) -> int:
    # Nothing of what is loaded from here on is ever freed: `serve` collects again once it is ready.
    gc.disable()
    # The web framework takes long to import, and the other commands do without it.
    from quietway_server.serving import serve  # noqa: PLC0415, see the line above

    harden_process()
    start_logging()
    return serve(settings)


def _enroll(settings: Settings, _options: Options) -> int:
    # A code from a database that was made for a mistyped name lets nobody in.
    _refuse_absent(settings)
    with closing(open_store(settings)) as store:
        code = add_code(store, now=SystemClock().now(), entropy=secrets.token_bytes(16))
    sys.stdout.write(f"{code}\n")
    sys.stderr.write(
        "Hand this code to the agency in person or by telephone. It is good once, for 72 hours.\n"
    )
    return 0


def _remove(settings: Settings, options: Options) -> int:
    named, asked = options["agency"], not options["yes"]
    _refuse_absent(settings)
    with closing(open_store(settings)) as store:
        found = find_agency(store, named)
        if found is None:
            raise StartError(f"There is no agency {named} on this relay: give its id or its code.")
        if asked:
            sys.stderr.write(
                f"{found.code} and its devices ({found.devices}) lose their place on this relay,"
                " and all that waits for them. Everybody sees it, and it can't be undone.\n"
                f"Type {found.code} to remove it: "
            )
            sys.stderr.flush()
            if sys.stdin.readline().strip() != found.code:
                raise StartError("Nothing was removed: that is not its code.")
        key = find_log_key(settings, store)
        start_log(store, key, secrets.token_bytes)
        remove_agency(
            store,
            found.agency,
            key=key,
            nonce=secrets.token_bytes(NONCE_BYTES),
            now=SystemClock().now(),
        )
    sys.stdout.write(f"quietway-relay: removed {found.code} ({found.agency})\n")
    return 0


def _log_key(settings: Settings, _options: Options) -> int:
    # A key that was made for a mistyped name must not be published.
    _refuse_absent(settings)
    with closing(open_store(settings)) as store:
        key = find_log_key(settings, store)
        start_log(store, key, secrets.token_bytes)
    sys.stdout.write(f"{encode_base64(key.public)}\n")
    sys.stderr.write(
        f"This is the public key of the log {name_log(key.public)}: publish it where agencies will"
        f" find it without this relay.\nIts secret half is in {settings.log_key}: keep a copy apart"
        " from the database.\n"
    )
    return 0


def _refuse_absent(settings: Settings) -> None:
    if not settings.postgres and not settings.database.exists():
        raise StartError(
            f"There is no relay's database at {settings.database}: start the relay once, or name"
            " its database with --database."
        )


def _backup(settings: Settings, options: Options) -> int:
    return back_up(settings, options["file"])


def _restore(settings: Settings, options: Options) -> int:
    return restore(
        settings, options["file"], asked=not options["yes"], without_book=options["without_book"]
    )


def _migrate(settings: Settings, options: Options) -> int:
    # Alembic takes long to import, and no other command needs it for a database of this version.
    from quietway_server.tending.migrating import migrate  # noqa: PLC0415, see the line above

    return migrate(settings, checks_only=options["check"], to=options["to"])


def _doctor(settings: Settings, options: Options) -> int:
    return tell(examine(settings, os.environ), as_json=options["json"])


def _support_bundle(settings: Settings, options: Options) -> int:
    return write_bundle(settings, options["file"], os.environ)


def _sweep(settings: Settings, _options: Options) -> int:
    async def sweep() -> None:
        store = open_store(settings)
        try:
            relay = assemble(
                settings,
                store=store,
                clock=SystemClock(),
                on_failure=lambda: None,
                log_key=find_log_key(settings, store),
            )
        except BaseException:
            store.close()
            raise
        try:
            swept = await relay.sweeper.sweep()
        finally:
            relay.close()
        removed = f"{swept.envelopes} envelopes and {swept.others} other rows"
        sys.stdout.write(f"quietway-relay: removed {removed}\n")

    asyncio.run(sweep())
    return 0


def _forget_wake_ups(settings: Settings, _options: Options) -> int:
    _refuse_absent(settings)
    with closing(open_store(settings)) as store, store.writing() as transaction:
        forgotten = transaction.forget_endpoints()
    sys.stdout.write(f"quietway-relay: forgot where {forgotten} devices are woken\n")
    sys.stderr.write(
        "Nobody is woken until their device leaves its endpoints again: tell the agencies.\n"
    )
    return 0


def _watch(settings: Settings, _options: Options) -> int:
    from quietway_server.watching import watch  # noqa: PLC0415, as in _serve

    start_logging()
    return watch(settings)


def _openapi(_settings: Settings, _options: Options) -> int:
    from quietway_server.api.openapi import describe  # noqa: PLC0415, as in _serve

    sys.stdout.write(json.dumps(describe(), indent=2, sort_keys=True) + "\n")
    return 0


_COMMANDS: dict[str, Callable[[Settings, Options], int]] = {
    "serve": _serve,
    "enroll": _enroll,
    "remove": _remove,
    "log-key": _log_key,
    "backup": _backup,
    "restore": _restore,
    "doctor": _doctor,
    "support-bundle": _support_bundle,
    "forget-wake-ups": _forget_wake_ups,
    "watch": _watch,
    "migrate": _migrate,
    "sweep": _sweep,
    "openapi": _openapi,
}
_MEANINGS = {
    "serve": "serve until SIGINT or SIGTERM",
    "enroll": "print a one-time code for a new agency; works while the relay serves",
    "remove": "end an agency's place on this relay, for good; works while the relay serves",
    "log-key": "print the public key of the transparency log, for you to publish",
    "backup": "write a checked copy of the database; works while the relay serves",
    "restore": "put a copy in the place of the database; no relay may serve it meanwhile",
    "doctor": "look whether everything is as a relay needs it, and say what to do",
    "support-bundle": "write what helps whoever helps you; it names nobody",
    "forget-wake-ups": "forget where devices are woken, because the wake key is lost",
    "watch": "tell you when a relay is dead, hangs or is late; runs until SIGINT or SIGTERM",
    "migrate": "bring the database to this version, and end",
    "sweep": "remove what has expired, and end; a relay that serves does this by itself",
    "openapi": "print the OpenAPI document",
}


_ARGUMENTS: dict[str, dict[str, dict[str, Any]]] = {
    "remove": {
        "agency": {"metavar": "AGENCY", "help": "its id or its code"},
        "--yes": {"action": "store_true", "help": "don't ask for its code again"},
    },
    "backup": {"file": {"metavar": "FILE", "help": "where to write it; must not be there yet"}},
    "restore": {
        "file": {
            "metavar": "FILE",
            "nargs": "?",
            "help": "what `backup` wrote; none where PostgreSQL has put its own copy back",
        },
        "--yes": {"action": "store_true", "help": "don't ask"},
        "--without-book": {
            "action": "store_true",
            "help": "the log's book is lost, and no agency has published anything since the backup",
        },
    },
    "doctor": {"--json": {"action": "store_true", "help": "print one JSON object"}},
    "support-bundle": {
        "file": {"metavar": "FILE", "help": "where to write it; must not be there yet"}
    },
    "migrate": {
        "--check": {"action": "store_true", "help": "say what would be done, and do nothing"},
        "--to": {"metavar": "VERSION", "help": "go back to an older version, for an older relay"},
    },
}
"""What a command takes beside the settings."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quietway-relay",
        description="Carry sealed envelopes between agencies.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"quietway-relay {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, meaning in _MEANINGS.items():
        command = commands.add_parser(
            name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}."
        )
        for argument, given in _ARGUMENTS.get(name, {}).items():
            command.add_argument(argument, **given)
        for setting in (each for each in SETTINGS if name in each.used_by):
            shown = f" (default: {setting.default})" if setting.default != "" else ""
            command.add_argument(
                setting.option, metavar="VALUE", help=f"{setting.meaning}{shown}".replace("%", "%%")
            )
    return parser


def _version() -> str:
    try:
        return version("quietway")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
