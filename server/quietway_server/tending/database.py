"""What the doctor looks at in the database, and in the keys that belong to it.

Rules: nothing is changed, and nothing is made that is missing. Rows are counted, and none is named.

Spec: docs/reference/operating.md, "Doctor".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError
from quietway_server.bootstrap import inspect_store
from quietway_server.errors import StartError
from quietway_server.store.log_book import LogBook
from quietway_server.store.log_key import open_log_key
from quietway_server.tending.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway_server.settings import Settings
    from quietway_server.store.inspecting import Inspection


def look_at_database(settings: Settings) -> Iterable[Finding]:
    """Look whether the database is whole and current, and whether its keys fit."""
    if not settings.postgres and not settings.database.exists():
        yield fail(
            "database",
            f"{settings.database} is not there: run `quietway-relay migrate`, or name the right one"
            " with --database",
        )
        return
    try:
        seen = inspect_store(settings)
    except StartError as error:
        yield fail("database" if settings.postgres else "integrity", str(error))
        return
    yield ok("postgresql" if settings.postgres else "sqlite", seen.version)
    for name, found, wanted in seen.pragmas:
        if found == wanted:
            yield ok(name, str(found))
        else:
            yield fail(name, f"{found}, must be {wanted}: use a local disk, or a new file")
    yield _judge_schema(seen)
    if settings.postgres:
        yield ok("integrity", "PostgreSQL's own: look with pg_amcheck")
    elif seen.is_whole:
        yield ok("integrity", "whole")
    else:
        yield fail("integrity", "damaged: stop the relay, restore the newest backup")
    yield _judge_wake_key(settings, seen)
    yield from _look_at_log(settings, seen)


def _judge_schema(seen: Inspection) -> Finding:
    if seen.revision is None:
        return warn("schema", "no tables yet: the next start makes them")
    if seen.revision == seen.head:
        return ok("schema", str(seen.revision))
    if seen.is_known:
        return warn(
            "schema", f"{seen.revision}, older than {seen.head}: the next start migrates it"
        )
    return fail("schema", f"{seen.revision} was written by a newer relay: install that version")


def _judge_wake_key(settings: Settings, seen: Inspection) -> Finding:
    if settings.wake_key.exists():
        return ok("wake key", "there")
    if seen.rows.get("wake_endpoints"):
        return fail(
            "wake key",
            f"{settings.wake_key} is missing, and endpoints are kept under it: put the file back,"
            " copy it from a relay that shares the database, or run"
            " `quietway-relay forget-wake-ups`",
        )
    return ok("wake key", "none yet: the relay's first start makes it")


def _look_at_log(settings: Settings, seen: Inspection) -> Iterable[Finding]:
    if seen.checkpoint is None:
        yield ok("log", "not begun")
        return
    try:
        key = open_log_key(settings.log_key, may_make=False)
    except StartError as error:
        yield fail("log key", str(error))
        return
    try:
        signed = read_checkpoint(seen.checkpoint, key.public)
    except CheckpointRefusedError:
        yield fail("log key", "another key signed the log: put the right file back")
        return
    yield ok("log key", f"signs the log's head of {signed.size} leaves")
    if settings.postgres:
        return  # PostgreSQL's own copies stand for it
    entries, _ = LogBook(settings.log_book).read(signed.size)
    if entries == signed.size:
        yield ok("log book", "as long as the log")
    elif entries > signed.size:
        yield warn("log book", "ahead of the database: the next start takes that in")
    else:
        yield warn("log book", "behind the database: the next start completes it")
