"""Count a server's fsyncs: a few lines of C, loaded before the C library, add one to a shared file.

They cost nothing that could be measured, so the count is of an ordinary window. It needs a C
compiler when the bench runs, and a server that reaches the disk through the C library, as SQLite
does and a Go program does not.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bench.place import Place

SOURCE: Final = Path(__file__).parent / "c" / "count_fsyncs.c"
_NUMBER: Final = struct.Struct("=Q")


def make_counter(place: Place, folder: Path) -> tuple[Path, dict[str, str]]:
    """Make a counter that stands at zero.

    Returns:
        Its file, and the environment of the server that shall count in it.

    Raises:
        NotMeasuredError: There is no C compiler here.
    """
    library = place.compile(SOURCE, "-shared", "-fPIC", suffix=".so", libraries=("-ldl",))
    counter = folder / "fsyncs"
    counter.write_bytes(_NUMBER.pack(0))
    return counter, {"LD_PRELOAD": str(library), "BENCH_COUNTER": str(counter)}


def read_counter(path: str | None) -> int:
    """Read where a counter stands; 0 where there is none."""
    return _NUMBER.unpack(Path(path).read_bytes())[0] if path else 0
