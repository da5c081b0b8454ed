"""`quietway-relay backup` and `restore`.

Rules: a backup holds the database, and neither the log key nor the log's book: who has all three
could speak for the log. A restore is done only while no relay serves, asks first, and refuses
whatever would make the log fork; the database that it replaces is kept.

Spec: docs/reference/operating.md, "Backup and restore"; docs/decisions/a-book-of-the-log.md.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietway_server.bootstrap import SystemClock, find_log_key, make_folder, open_store
from quietway_server.errors import StartError
from quietway_server.services.log_start import start_log
from quietway_server.store.copies import FORMER, copy_database, drafted_restore
from quietway_server.store.ownership import own
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from quietway_server.settings import Settings


_AFTERWARDS: Final = (
    "Devices notice when they next ask, and send again what nobody has confirmed. Make new one-time"
    " codes: the old ones are void.\n"
)


def back_up(settings: Settings, to: str) -> int:
    """Write a copy of the database; give the exit status.

    Raises:
        StartError: It can't be done; the sentence says what to do.
    """
    if settings.postgres:
        raise StartError(
            "PostgreSQL copies its own databases: use `pg_dump --format=custom --file=FILE` with"
            " this database's name, and keep copies of the log key and the wake key apart from it."
        )
    size = copy_database(settings.database, Path(to))
    sys.stdout.write(f"quietway-relay: wrote {to}, {size} bytes, checked\n")
    sys.stderr.write(
        f"It holds neither the log key {settings.log_key} nor the log's book {settings.log_book}:"
        " keep copies of both elsewhere, and of the book a new one after each change. Nor does it"
        f" hold the wake key {settings.wake_key}: keep a copy of that too.\n"
    )
    return 0


def restore(settings: Settings, copy: str | None, *, asked: bool, without_book: bool) -> int:
    """Put a copy in the place of the database; give the exit status.

    Args:
        settings: The settings.
        copy: The backup; None with PostgreSQL, which has put its own copy back by then.
        asked: Whether to ask first.
        without_book: Whether the operator knows that nothing was published since the copy.

    Raises:
        StartError: It can't be done; the sentence says what to do. Nothing was changed.
    """
    if settings.postgres:
        return _join_postgres(settings, copy, asked=asked, without_book=without_book)
    if copy is None:
        raise StartError("Name the file that `backup` made.")
    make_folder(settings)
    with own(settings.database):
        now = SystemClock().now()
        with drafted_restore(Path(copy), settings.database, now=now) as draft:
            recovered = _join_log(settings, draft, without_book=without_book)
            if asked:
                _ask(settings)
    sys.stdout.write(
        f"quietway-relay: restored {settings.database}; {recovered} entries of the log were taken"
        " in from its book\n"
    )
    sys.stderr.write(
        f"{_AFTERWARDS}What was there before is in {settings.database}{FORMER}*: delete it when all"
        " is well.\n"
    )
    return 0


def _join_postgres(settings: Settings, copy: str | None, *, asked: bool, without_book: bool) -> int:
    if copy is not None:
        raise StartError(
            "PostgreSQL puts its own copies back: stop every relay, use `pg_restore --clean`, then"
            " run `quietway-relay restore` without a file, before any relay starts."
        )
    if not without_book:
        raise StartError(
            "With PostgreSQL no log's book is kept: if an agency has published anything since the"
            " copy, the relay would sign a second log, which every agency takes for fraud. Only"
            " where none has, add --without-book; else use a copy of the last moment."
        )
    if asked:
        _ask(settings)
    store = open_store(settings)
    try:
        # So that nothing is changed where the key is not the log's.
        start_log(store, find_log_key(settings, store), secrets.token_bytes)
        store.begin_era(SystemClock().now())  # type: ignore[attr-defined]  # it is PostgreSQL's
    finally:
        store.close()
    sys.stdout.write(f"quietway-relay: {settings.shown_database} goes on as one put back\n")
    sys.stderr.write(_AFTERWARDS)
    return 0


def _join_log(settings: Settings, draft: Path, *, without_book: bool) -> int:
    if not settings.log_book.exists() and not without_book:
        raise StartError(
            f"The log's book {settings.log_book} is missing: without it the relay would sign a"
            " second log, which every agency takes for fraud. Put your newest copy of it there."
            " Only where no agency has published anything since the backup, add --without-book."
        )
    store = SqliteStore(draft, book=settings.log_book)
    try:
        return start_log(store, find_log_key(settings, store), secrets.token_bytes)
    finally:
        store.close()


def _ask(settings: Settings) -> None:
    sys.stderr.write(
        f"{settings.shown_database} is replaced by this copy: what came since and was not fetched"
        " is sent again by its senders where they can, and files that came since are gone.\n"
        "Type restore to go on: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "restore":
        raise StartError("Nothing was restored.")
