"""`quietway-relay doctor`: is everything as a relay needs it, and what to do where it is not.

Rules: nothing is changed, and nothing is made that is missing. Each finding is one line: OK, WARN
or FAIL, what was looked at, what was found, and what to do. Nothing named here is an agency's. A
look that can't be taken is a finding too, and never the end of the others.

Spec: docs/reference/operating.md, "Doctor".
"""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError
from quietway_server.bootstrap import inspect_store
from quietway_server.errors import RelayError, StartError
from quietway_server.options import find_unknown
from quietway_server.store.log_book import LogBook
from quietway_server.store.log_key import open_log_key
from quietway_server.store.ownership import is_owned
from quietway_server.store.reserve import RESERVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from quietway_server.settings import Settings
    from quietway_server.store.inspecting import Inspection

OK: Final = "OK"
WARN: Final = "WARN"
FAIL: Final = "FAIL"
LIBRARIES: Final = ("uvicorn", "fastapi", "sqlalchemy", "alembic", "sqlcipher3", "pynacl")
_OLDEST_PYTHON: Final = (3, 11)
_LARGE_WAL: Final = 64 * 2**20
_EARLIEST: Final = 1_767_225_600
"""2026-01-01: no machine that runs this was switched on before."""
_ASK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor.

    Attributes:
        state: `OK`, `WARN` or `FAIL`.
        about: What was looked at.
        found: What was found, and what to do where it is not well.
    """

    state: str
    about: str
    found: str


def examine(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """Look at everything."""
    findings: list[Finding] = []
    for look in (
        _look_at_versions,
        _look_at_settings(environment),
        _look_at_clock,
        _look_at_files,
        _look_at_disk,
        _look_at_database,
        _look_at_ports,
    ):
        try:
            findings += look(settings)
        except (OSError, RelayError) as error:
            told = error.strerror if isinstance(error, OSError) else str(error)
            findings.append(Finding(FAIL, "look", f"a look could not be taken: {told}"))
    return findings


def tell(findings: list[Finding], *, as_json: bool) -> int:
    """Print the findings; give the exit status: 1 where something fails."""
    if as_json:
        rows = [
            {"about": each.about, "found": each.found, "state": each.state} for each in findings
        ]
        sys.stdout.write(json.dumps({"findings": rows}, indent=2) + "\n")
    else:
        for each in findings:
            sys.stdout.write(f"{each.state:<4}  {each.about}: {each.found}\n")
    return 1 if any(each.state == FAIL for each in findings) else 0


def _look_at_versions(_settings: Settings) -> Iterable[Finding]:
    found = sys.version_info[:3]
    shown = ".".join(map(str, found))
    if found < _OLDEST_PYTHON:
        yield Finding(FAIL, "python", f"{shown} is too old: install Python 3.11 or newer")
    else:
        yield Finding(OK, "python", shown)
    told = ", ".join(f"{name} {find_version(name)}" for name in ("quietway", *LIBRARIES))
    yield Finding(OK, "libraries", told)


def _look_at_settings(
    environment: Mapping[str, str],
) -> Callable[[Settings], Iterable[Finding]]:
    def look(settings: Settings) -> Iterable[Finding]:
        unknown = find_unknown(environment)
        for name in unknown:
            yield Finding(
                WARN, "environment", f"{name} is no setting: correct its name, or unset it"
            )
        if not unknown:
            yield Finding(OK, "environment", "every QUIETWAY_RELAY_ variable is a setting")
        if settings.public_url:
            yield Finding(OK, "public url", settings.public_url)
        else:
            yield Finding(
                WARN, "public url", "none: only this machine can be a client; set --public-url"
            )
        if settings.postgres and urlsplit(settings.postgres).password:
            yield Finding(
                WARN,
                "password",
                "in the address, where whoever lists processes may read it: use"
                " --database-password-file",
            )
        if settings.max_blob_bytes > settings.lane_blob_bytes:
            yield Finding(
                WARN,
                "blobs",
                "--max-blob-bytes is more than --lane-blob-bytes: files of that size never fit",
            )
        if 0 < settings.all_blob_bytes < settings.lane_blob_bytes:
            yield Finding(
                WARN,
                "blobs",
                "--lane-blob-bytes is more than --all-blob-bytes: one lane can fill the relay",
            )
        if settings.operator_port is None:
            yield Finding(
                WARN, "operator", "no listener: set --operator-port to be told of trouble"
            )

    return look


def _look_at_clock(settings: Settings) -> Iterable[Finding]:
    now = time.time()
    newest = max(
        (path.stat().st_mtime for path in _files(settings).values() if path.exists()),
        default=_EARLIEST,
    )
    if now < _EARLIEST:
        yield Finding(FAIL, "clock", "it stands before 2026: set it, and let NTP keep it")
    elif newest > now + 1:
        behind = int(newest - now)
        yield Finding(
            FAIL, "clock", f"it stands {behind} s before the newest of the relay's files: set it"
        )
    else:
        yield Finding(OK, "clock", "not before 2026, and not before the relay's files")


def _files(settings: Settings) -> dict[str, Path]:
    """Give the relay's files, by what each is: a file's own name may name somebody."""
    database = settings.database
    return {
        "database file": database,
        **{
            f"{name} file": database.with_name(f"{database.name}-{name}")
            for name in ("wal", "shm", "reserve", "lock")
        },
        "log key file": settings.log_key,
        "log book file": settings.log_book,
        "wake key file": settings.wake_key,
    }


def _look_at_files(settings: Settings) -> Iterable[Finding]:
    folder = settings.database.parent
    if not folder.exists():
        yield Finding(FAIL, "folder", f"{folder} is not there: start the relay once, or make it")
        return
    yield _judge(folder, "folder", may_be_read=True)
    for about, path in _files(settings).items():
        if path.exists():
            yield _judge(path, about, may_be_read=False)


def _judge(path: Path, about: str, *, may_be_read: bool) -> Finding:
    held = path.stat()
    if hasattr(os, "geteuid") and held.st_uid not in {os.geteuid(), 0}:
        return Finding(FAIL, about, f"another user owns {path}: chown it to the relay's user")
    others = stat.S_IWGRP | stat.S_IWOTH | (0 if may_be_read else stat.S_IRWXG | stat.S_IRWXO)
    if held.st_mode & others:
        right = "700" if path.is_dir() else "600"
        return Finding(FAIL, about, f"others may read or write {path}: chmod {right}")
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding(
            FAIL, about, f"this user may not read and write {path}: run this as the relay's user"
        )
    return Finding(OK, about, "for its owner alone")


def _look_at_disk(settings: Settings) -> Iterable[Finding]:
    folder = settings.database.parent
    if settings.postgres or not folder.exists():
        return  # its disk is PostgreSQL's
    free = os.statvfs(folder)
    left = free.f_bavail * free.f_frsize
    if left < RESERVE_BYTES:
        yield Finding(FAIL, "disk", f"{left // 2**20} MiB free, less than the reserve: make room")
    elif left < 64 * RESERVE_BYTES:
        yield Finding(WARN, "disk", f"{left // 2**20} MiB free: make room, 1 GiB is little")
    else:
        yield Finding(OK, "disk", f"{left // 2**20} MiB free")
    reserve = settings.database.with_name(settings.database.name + "-reserve")
    if settings.database.exists() and (
        not reserve.exists() or reserve.stat().st_size < RESERVE_BYTES
    ):
        yield Finding(WARN, "reserve", "not set aside: the disk was full, or is; make room")
    wal = settings.database.with_name(settings.database.name + "-wal")
    size = wal.stat().st_size if wal.exists() else 0
    state = WARN if size > _LARGE_WAL else OK
    advice = ": is something holding the database open?" if state == WARN else ""
    yield Finding(state, "write-ahead log", f"{size // 2**20} MiB{advice}")


def _look_at_database(settings: Settings) -> Iterable[Finding]:
    if not settings.postgres and not settings.database.exists():
        yield Finding(
            FAIL,
            "database",
            f"{settings.database} is not there: run `quietway-relay migrate`, or name the right one"
            " with --database",
        )
        return
    try:
        seen = inspect_store(settings)
    except StartError as error:
        yield Finding(FAIL, "database" if settings.postgres else "integrity", str(error))
        return
    yield Finding(OK, "postgresql" if settings.postgres else "sqlite", seen.version)
    for name, found, wanted in seen.pragmas:
        if found == wanted:
            yield Finding(OK, name, str(found))
        else:
            yield Finding(FAIL, name, f"{found}, must be {wanted}: use a local disk, or a new file")
    yield _judge_schema(seen)
    if settings.postgres:
        yield Finding(OK, "integrity", "PostgreSQL's own: look with pg_amcheck")
    elif seen.is_whole:
        yield Finding(OK, "integrity", "whole")
    else:
        yield Finding(FAIL, "integrity", "damaged: stop the relay, restore the newest backup")
    yield _judge_wake_key(settings, seen)
    yield from _look_at_log(settings, seen)


def _judge_schema(seen: Inspection) -> Finding:
    if seen.revision is None:
        return Finding(WARN, "schema", "no tables yet: the next start makes them")
    if seen.revision == seen.head:
        return Finding(OK, "schema", str(seen.revision))
    if seen.is_known:
        return Finding(
            WARN, "schema", f"{seen.revision}, older than {seen.head}: the next start migrates it"
        )
    return Finding(
        FAIL, "schema", f"{seen.revision} was written by a newer relay: install that version"
    )


def _judge_wake_key(settings: Settings, seen: Inspection) -> Finding:
    if settings.wake_key.exists():
        return Finding(OK, "wake key", "there")
    if seen.rows.get("wake_endpoints"):
        return Finding(
            FAIL,
            "wake key",
            f"{settings.wake_key} is missing, and endpoints are kept under it: put the file back,"
            " copy it from a relay that shares the database, or run"
            " `quietway-relay forget-wake-ups`",
        )
    return Finding(OK, "wake key", "none yet: the relay's first start makes it")


def _look_at_log(settings: Settings, seen: Inspection) -> Iterable[Finding]:
    if seen.checkpoint is None:
        yield Finding(OK, "log", "not begun")
        return
    try:
        key = open_log_key(settings.log_key, may_make=False)
    except StartError as error:
        yield Finding(FAIL, "log key", str(error))
        return
    try:
        signed = read_checkpoint(seen.checkpoint, key.public)
    except CheckpointRefusedError:
        yield Finding(FAIL, "log key", "another key signed the log: put the right file back")
        return
    yield Finding(OK, "log key", f"signs the log's head of {signed.size} leaves")
    if settings.postgres:
        return  # PostgreSQL's own copies stand for it
    entries, _ = LogBook(settings.log_book).read(signed.size)
    if entries == signed.size:
        yield Finding(OK, "log book", "as long as the log")
    elif entries > signed.size:
        yield Finding(WARN, "log book", "ahead of the database: the next start takes that in")
    else:
        yield Finding(WARN, "log book", "behind the database: the next start completes it")


def _look_at_ports(settings: Settings) -> Iterable[Finding]:
    # Which of several relays serves a database of PostgreSQL is not to be seen from here.
    is_served = None if settings.postgres else is_owned(settings.database)
    yield _judge_port("port", settings.host, settings.port, is_served=is_served)
    if settings.operator_port is not None:
        yield _judge_port(
            "operator port", settings.operator_host, settings.operator_port, is_served=is_served
        )


def _judge_port(about: str, host: str, port: int, *, is_served: bool | None) -> Finding:
    if port == 0:
        return Finding(OK, about, "a free one at each start")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as asked:
        asked.settimeout(_ASK_SECONDS)
        answers = asked.connect_ex((host, port)) == 0
    if is_served is None:
        found = f"{port} is answered, by this relay if it serves" if answers else f"{port} is free"
        return Finding(OK, about, found)
    if is_served:
        return (
            Finding(OK, about, f"a relay serves on {port}")
            if answers
            else Finding(
                FAIL,
                about,
                f"a relay serves this database, and nobody answers on {port}: give this command"
                " the settings that the relay has, or look whether the relay hangs",
            )
        )
    return (
        Finding(FAIL, about, f"another program listens on {port}: stop it, or choose another")
        if answers
        else Finding(OK, about, f"{port} is free, and no relay serves")
    )


def find_version(name: str) -> str:
    """Give the version of a library that is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
