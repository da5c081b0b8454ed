"""What is taken when a relay is seized: its files, what it wrote, its memory, its core file.

Whoever seizes knows what to look for: `Canaries` holds each in all the forms in which it may lie.
"""

from __future__ import annotations

import base64
import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.relay_process import RelayProcess

_STEP: Final = 1 << 20
_OVERLAP: Final = 256
FILES: Final = {
    *("relay.db", "relay.db-wal", "relay.db-shm", "relay.db-reserve"),
    *("relay.db-lock", "relay.db-log-key", "relay.db-log-book", "relay.db-wake-key"),
}


@dataclass
class Canaries:
    """What must not be found, by kind."""

    planted: dict[str, list[bytes]] = field(default_factory=dict)

    def plant(self, kind: str, what: str | bytes) -> None:
        """Remember one, in the forms in which it may lie."""
        raw = what.encode() if isinstance(what, str) else what
        forms = [raw]
        if isinstance(what, str):
            forms += [what.encode("utf-16-le"), what.encode("utf-32-le")]
        else:
            forms += [raw.hex().encode(), base64.urlsafe_b64encode(raw).rstrip(b"=")[:-1]]
        self.planted.setdefault(kind, []).extend(forms)

    def count(self, pieces: Iterator[bytes]) -> dict[str, int]:
        """Count the forms of each kind that stand somewhere; kinds without one are left out."""
        met = {kind: set[bytes]() for kind in self.planted}
        for piece in pieces:
            for kind, forms in self.planted.items():
                met[kind] |= {form for form in forms if form in piece}
        return {kind: len(forms) for kind, forms in met.items() if forms}


def read_files(relay: RelayProcess, *others: Path) -> Iterator[bytes]:
    """Give every file of the relay's folder whole, and others."""
    for path in (*sorted(relay.folder.rglob("*")), *others):
        if path.is_file():
            yield path.read_bytes()


def read_memory(pid: int) -> Iterator[bytes]:
    """Give the memory image of a process: all that it can write to, in pieces that overlap.

    Raises:
        PermissionError: The process does not let itself be looked into.
    """
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, permission = line.split()[:2]
            if not permission.startswith("rw"):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            for at in range(start, end, _STEP):
                with contextlib.suppress(OSError, ValueError):
                    memory.seek(at)
                    yield memory.read(min(_STEP + _OVERLAP, end - at))


def list_open_files(pid: int) -> set[str]:
    """Name the regular files that a process has open for writing, also those that were deleted."""
    found = set()
    for held in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(held.readlink())
            flags = Path(f"/proc/{pid}/fdinfo/{held.name}").read_text(encoding="ascii")
            mode = int(next(line for line in flags.splitlines() if line.startswith("flags"))[6:], 8)
            if target.startswith("/") and not target.startswith("/dev") and mode & os.O_ACCMODE:
                found.add(target)
    return found


def snippets(sealed: Mapping[bytes, bytes]) -> list[bytes]:
    """Give from each envelope's sealed bytes what no other place can hold by chance."""
    return [body[at : at + 48] for body in sealed.values() for at in (0, len(body) // 2)]
