"""What the process may not do, from its first moment and from the moment it reads a file.

At once: little memory, little time, no core dump (it would hold the file), no file of any length,
no other process, no socket. Before parsing: no file descriptor more, so that not even native code
opens a file or a connection. Where the system has no such limits (Windows), the pixel and size
limits of the rooms and the time of the asking process remain.

Spec: docs/spec/cleaning.md, "The process".
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

MOST_MEMORY: Final = 640 * 1024 * 1024
"""Bytes of data of the whole process: a picture of 50 million pixels, twice, and the program."""
MOST_CPU_SECONDS: Final = 90
_LAST_DESCRIPTOR: Final = 3
_FORBIDDEN: Final = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.startfile",
    "ctypes.dlopen",
)


def confine() -> None:
    """Shut the process in."""
    sys.addaudithook(_refuse)
    with suppress(ImportError):
        import resource  # noqa: PLC0415 - not on Windows

        _lower(resource.RLIMIT_CPU, MOST_CPU_SECONDS)
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_FSIZE, 0)
        # macOS heeds the first of these, Linux counts by the second what is really used.
        _lower(resource.RLIMIT_AS, 4 * MOST_MEMORY)
        _lower(resource.RLIMIT_DATA, MOST_MEMORY)


def close_all_doors() -> None:
    """Give up the right to open anything: three descriptors are open, and there are no more."""
    with suppress(ImportError):
        import resource  # noqa: PLC0415 - not on Windows

        _lower(resource.RLIMIT_NOFILE, _LAST_DESCRIPTOR)


def _lower(limit: int, value: int) -> None:
    import resource  # noqa: PLC0415 - not on Windows

    _, hard = resource.getrlimit(limit)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # A system that knows the limit and does not keep it refuses to set it.
    with suppress(ValueError, OSError):
        resource.setrlimit(limit, (most, most))


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(event)
