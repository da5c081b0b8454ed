"""The relay's command line: `quietway-relay serve`, `enroll`, `remove`, `log-key` and others.

Rules: what goes wrong is one sentence with what to do next, and status 2; a storage that failed
while serving is status 1. When `serve` is ready it prints one line with its address. SIGINT and
SIGTERM end it with status 0, after open requests are done.

Spec: docs/reference/settings.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from quietway_crypto.encoding import encode_base64
from quietway_protocol.checkpoints import name_log
from quietway_server.bootstrap import SystemClock, assemble, find_log_key, open_store
from quietway_server.errors import RelayError, StartError
from quietway_server.log import start_logging
from quietway_server.services.enrolment import add_code
from quietway_server.services.log import NONCE_BYTES
from quietway_server.services.log_start import start_log
from quietway_server.services.removal import find_agency, remove_agency
from quietway_server.settings import SETTINGS, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway_server.settings import Settings

_EPILOG = """\
A relay keeps sealed envelopes until they are fetched. It can read none of them.

  quietway-relay serve                 listen on http://127.0.0.1:8740, keep quietway-relay.db here
  quietway-relay enroll                print a one-time code that lets a new agency in
  quietway-relay remove HARBOR         end an agency's place here, for good
  quietway-relay log-key               print the key that agencies check the log by
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
        if options["command"] == "remove":
            return _remove(settings, options["agency"], asked=not options["yes"])
        return _COMMANDS[options["command"]](settings)
    except RelayError as error:
        sys.stderr.write(f"quietway-relay: {error}\n")
        return 2


def _serve(settings: Settings) -> int:
    # The web framework takes long to import, and the other commands do without it.
    from quietway_server.serving import serve  # noqa: PLC0415, see the line above

    start_logging()
    return serve(settings)


def _enroll(settings: Settings) -> int:
    store = open_store(settings)
    try:
        code = add_code(store, now=SystemClock().now(), entropy=secrets.token_bytes(16))
    finally:
        store.close()
    sys.stdout.write(f"{code}\n")
    sys.stderr.write(
        "Hand this code to the agency in person or by telephone. It is good once, for 72 hours.\n"
    )
    return 0


def _remove(settings: Settings, named: str, *, asked: bool) -> int:
    store = open_store(settings)
    try:
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
        remove_agency(store, found.agency, key=key, nonce=secrets.token_bytes(NONCE_BYTES))
    finally:
        store.close()
    sys.stdout.write(f"quietway-relay: removed {found.code} ({found.agency})\n")
    return 0


def _log_key(settings: Settings) -> int:
    if not settings.database.exists():
        # A key that was made for a mistyped name must not be published.
        raise StartError(
            f"There is no relay's database at {settings.database}: start the relay once, or name"
            " its database with --database."
        )
    store = open_store(settings)
    try:
        key = find_log_key(settings, store)
        start_log(store, key, secrets.token_bytes)
    finally:
        store.close()
    sys.stdout.write(f"{encode_base64(key.public)}\n")
    sys.stderr.write(
        f"This is the public key of the log {name_log(key.public)}: publish it where agencies will"
        f" find it without this relay.\nIts secret half is in {settings.log_key}: keep a copy apart"
        " from the database.\n"
    )
    return 0


def _migrate(settings: Settings) -> int:
    open_store(settings).close()
    sys.stdout.write(f"quietway-relay: {settings.database} is of this version\n")
    return 0


def _sweep(settings: Settings) -> int:
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


def _openapi(_settings: Settings) -> int:
    from quietway_server.api.openapi import describe  # noqa: PLC0415, as in _serve

    sys.stdout.write(json.dumps(describe(), indent=2, sort_keys=True) + "\n")
    return 0


_COMMANDS: dict[str, Callable[[Settings], int]] = {
    "serve": _serve,
    "enroll": _enroll,
    "log-key": _log_key,
    "migrate": _migrate,
    "sweep": _sweep,
    "openapi": _openapi,
}
_MEANINGS = {
    "serve": "serve until SIGINT or SIGTERM",
    "enroll": "print a one-time code for a new agency; works while the relay serves",
    "remove": "end an agency's place on this relay, for good; works while the relay serves",
    "log-key": "print the public key of the transparency log, for you to publish",
    "migrate": "bring the database to this version, and end",
    "sweep": "remove what has expired, and end; a relay that serves does this by itself",
    "openapi": "print the OpenAPI document",
}


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
        command = commands.add_parser(name, help=meaning, description=f"{meaning.capitalize()}.")
        if name == "remove":
            command.add_argument("agency", metavar="AGENCY", help="its id or its code")
            command.add_argument("--yes", action="store_true", help="don't ask for its code again")
        for setting in SETTINGS:
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
