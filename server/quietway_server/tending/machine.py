"""What the doctor looks at on the machine: programs, clock, files, disk and ports.

Rules: nothing is changed, and nothing is made that is missing. A file is named by what it is.

Spec: docs/reference/operating.md, "Doctor".
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from quietway_server.store.ownership import is_owned
from quietway_server.store.reserve import RESERVE_BYTES
from quietway_server.tending.findings import fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from quietway_server.settings import Settings
    from quietway_server.tending.findings import Finding

LIBRARIES: Final = ("uvicorn", "fastapi", "sqlalchemy", "alembic", "sqlcipher3", "pynacl")
_OLDEST_PYTHON: Final = (3, 11)
_LARGE_WAL: Final = 64 * 2**20
_EARLIEST: Final = 1_767_225_600
"""2026-01-01: no machine that runs this was switched on before."""
_ASK_SECONDS: Final = 2.0


def look_at_versions(_settings: Settings) -> Iterable[Finding]:
    """Look at Python and the libraries."""
    found = sys.version_info[:3]
    shown = ".".join(map(str, found))
    if found < _OLDEST_PYTHON:
        yield fail("python", f"{shown} is too old: install Python 3.11 or newer")
    else:
        yield ok("python", shown)
    told = ", ".join(f"{name} {find_version(name)}" for name in ("quietway", *LIBRARIES))
    yield ok("libraries", told)


def find_version(name: str) -> str:
    """Give the version of a library that is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def look_at_clock(settings: Settings) -> Iterable[Finding]:
    """Look whether the clock is plausible."""
    now = time.time()
    newest = max(
        (path.stat().st_mtime for path in _files(settings).values() if path.exists()),
        default=_EARLIEST,
    )
    if now < _EARLIEST:
        yield fail("clock", "it stands before 2026: set it, and let NTP keep it")
    elif newest > now + 1:
        behind = int(newest - now)
        yield fail("clock", f"it stands {behind} s before the newest of the relay's files: set it")
    else:
        yield ok("clock", "not before 2026, and not before the relay's files")


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


def look_at_files(settings: Settings) -> Iterable[Finding]:
    """Look at who may read and write the relay's files."""
    folder = settings.database.parent
    if not folder.exists():
        yield fail("folder", f"{folder} is not there: start the relay once, or make it")
        return
    yield _judge(folder, "folder", may_be_read=True)
    for about, path in _files(settings).items():
        if path.exists():
            yield _judge(path, about, may_be_read=False)


def _judge(path: Path, about: str, *, may_be_read: bool) -> Finding:
    held = path.stat()
    if hasattr(os, "geteuid") and held.st_uid not in {os.geteuid(), 0}:
        return fail(about, f"another user owns {path}: chown it to the relay's user")
    others = stat.S_IWGRP | stat.S_IWOTH | (0 if may_be_read else stat.S_IRWXG | stat.S_IRWXO)
    if held.st_mode & others:
        right = "700" if path.is_dir() else "600"
        return fail(about, f"others may read or write {path}: chmod {right}")
    if not os.access(path, os.R_OK | os.W_OK):
        return fail(about, f"this user may not read and write {path}: run this as the relay's user")
    return ok(about, "for its owner alone")


def look_at_disk(settings: Settings) -> Iterable[Finding]:
    """Look at the room that is left, the reserve and the write-ahead log."""
    folder = settings.database.parent
    if settings.postgres or not folder.exists():
        return  # its disk is PostgreSQL's
    free = os.statvfs(folder)
    left = free.f_bavail * free.f_frsize
    if left < RESERVE_BYTES:
        yield fail("disk", f"{left // 2**20} MiB free, less than the reserve: make room")
    elif left < 64 * RESERVE_BYTES:
        yield warn("disk", f"{left // 2**20} MiB free: make room, 1 GiB is little")
    else:
        yield ok("disk", f"{left // 2**20} MiB free")
    reserve = settings.database.with_name(settings.database.name + "-reserve")
    if settings.database.exists() and (
        not reserve.exists() or reserve.stat().st_size < RESERVE_BYTES
    ):
        yield warn("reserve", "not set aside: the disk was full, or is; make room")
    wal = settings.database.with_name(settings.database.name + "-wal")
    size = wal.stat().st_size if wal.exists() else 0
    shown = f"{size // 2**20} MiB"
    if size > _LARGE_WAL:
        yield warn("write-ahead log", f"{shown}: is something holding the database open?")
    else:
        yield ok("write-ahead log", shown)


def look_at_ports(settings: Settings) -> Iterable[Finding]:
    """Look whether the ports are free, or answered by the relay that serves."""
    # Which of several relays serves a database of PostgreSQL is not to be seen from here.
    is_served = None if settings.postgres else is_owned(settings.database)
    listeners = [("port", settings.host, settings.port)]
    if settings.operator_port is not None:
        listeners.append(("operator port", settings.operator_host, settings.operator_port))
    for about, host, port in listeners:
        if port == 0:
            yield ok(about, "a free one at each start")
        else:
            yield _judge_port(about, port, is_served=is_served, answers=_answers(host, port))


def _answers(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as asked:
        asked.settimeout(_ASK_SECONDS)
        return asked.connect_ex((host, port)) == 0


def _judge_port(about: str, port: int, *, is_served: bool | None, answers: bool) -> Finding:
    match is_served, answers:
        case None, True:
            return ok(about, f"{port} is answered, by this relay if it serves")
        case None, False:
            return ok(about, f"{port} is free")
        case True, True:
            return ok(about, f"a relay serves on {port}")
        case True, False:
            return fail(
                about,
                f"a relay serves this database, and nobody answers on {port}: give this command"
                " the settings that the relay has, or look whether the relay hangs",
            )
        case False, True:
            return fail(about, f"another program listens on {port}: stop it, or choose another")
        case _:
            return ok(about, f"{port} is free, and no relay serves")
