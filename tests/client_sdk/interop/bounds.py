"""Runs imports in a process of its own and measures what they take: processor time, and memory.

Processor time is that of one reading, from the path to the verdict; a busy machine changes nothing.

The system counts the memory of whoever starts a process towards the new one's peak, so a small
process stands between it and the tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.relay_process import product_environment

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE: Final = 1024 * 1024
PEAK_UNIT: Final = 1 if sys.platform == "darwin" else 1024

IMPORT: Final = """
import resource, sys
from pathlib import Path
from quietway.errors import ImportRefused
from quietway.interop import preview_referral, read_import_file, read_task_state
path = Path(sys.argv[1])
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
for read in (preview_referral, read_task_state):
    before = used()
    try:
        read(read_import_file(path))
        verdict = "taken"
    except ImportRefused as refused:
        verdict = refused.reason
    print(verdict, used() - before)
"""
# What a program does that knows no bounds.
UNBOUNDED: Final = """
import json, sys
from pathlib import Path
import quietway.interop
held = json.loads(Path(sys.argv[1]).read_bytes())
print("taken", 0)
"""
_BETWEEN: Final = """
import json, os, sys
reading, writing = os.pipe()
child = os.posix_spawn(
    sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)]
)
os.close(writing)
with open(reading) as said:
    words = said.read().split()
_, status, usage = os.wait4(child, 0)
print(json.dumps([status, words, usage.ru_maxrss]))
"""


@dataclass(frozen=True)
class Taken:
    """What an import took.

    Attributes:
        verdicts: What was said of the file, by each reading.
        seconds: The processor time of the longest reading.
        mebibytes: The peak of the process's memory.
    """

    verdicts: tuple[str, ...]
    seconds: float
    mebibytes: float


def measure(program: str, path: Path) -> Taken:
    """Run a program with a file and measure it."""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _BETWEEN, sys.executable, "-c", program, str(path)],
        env=product_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    status, words, peak = json.loads(ran.stdout)
    assert status == 0, ran.stderr
    return Taken(tuple(words[::2]), max(map(float, words[1::2])), peak * PEAK_UNIT / MEBIBYTE)
