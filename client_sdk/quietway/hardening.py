"""Keeps this process's memory out of files and away from other programs, as far as a process can.

Two things are asked of the system. No core dump: a crash does not write all keys into a file. Not
dumpable (Linux): no other program of the same user may attach to this one or read its memory.

What this does not do: it does not keep memory out of swap or a hibernation file (encrypt the disk
for that), it does not hold back root or whoever already runs code in this process, and on systems
other than Linux only the first applies. Secrets are let go of at lock, but Python copies bytes as
it works, and freed memory is not wiped; what is really gone is measured in the attack gallery.

Spec: docs/threat-model.md.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from typing import Final

if sys.platform != "win32":
    import resource

_PR_SET_DUMPABLE: Final = 4


@dataclass(frozen=True, slots=True)
class Hardened:
    """What the system granted.

    Attributes:
        no_core_dumps: A crash writes no memory into a file.
        not_dumpable: No other program of this user reads this one's memory.
    """

    no_core_dumps: bool
    not_dumpable: bool


def harden_process() -> Hardened:
    """Forbid core dumps and looks into this process's memory, for as long as it runs.

    Meant for programs that own their process, as early as they can. What a system does not offer is
    left out, and the answer says so; nothing is raised. Debuggers and profilers that attach from
    outside stop working.
    """
    return Hardened(no_core_dumps=_forbid_core_dumps(), not_dumpable=_forbid_looking_in())


def _forbid_core_dumps() -> bool:
    if sys.platform == "win32":
        return False
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return False
    return True


def _forbid_looking_in() -> bool:
    if sys.platform != "linux":
        return False
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return False
    return bool(prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
