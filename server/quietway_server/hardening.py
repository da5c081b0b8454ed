"""Keep this process's memory out of files and away from other programs, as far as a process can.

A relay holds no key that opens anything; what its memory does hold are the addresses of those who
are connected just now, the capabilities that they show, sealed bytes on their way, and the key of
the log. So a crash writes no core file, and on Linux no other program of the same user may attach.

What this does not do: it keeps no memory out of swap or a hibernation file, and holds back neither
root nor whoever already runs code in this process.

Spec: docs/explanation/what-the-relay-sees.md.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Final

if sys.platform != "win32":
    import resource

_PR_SET_DUMPABLE: Final = 4


def harden_process() -> None:
    """Forbid core files and looks into this process, where the system offers it."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
