"""A disk of C that a test steers: built once a run, loaded before the relay's C library.

It can be full, fail at the n-th operation, tear a write, say that it synced when it did not, and
it writes down everything, so that what a power cut leaves can be made out afterwards: of each file
what was synced, and of each name what the folder was synced with. See `c/disk.c`.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.relay_process import RelayProcess

SOURCE: Final = Path(__file__).parent / "c" / "disk.c"
WRITE, SYNC, TRUNCATE, UNLINK, OPEN = 1, 2, 4, 8, 16
EVERYTHING: Final = WRITE | SYNC | TRUNCATE | UNLINK | OPEN
FAILS, TEARS, SILENT = 1, 2, 3
NEEDED: Final = "This test needs a C compiler: install gcc or clang, so that cc is there."
_FIELDS: Final = (
    *("count", "nth", "kinds", "mode", "error", "lasting", "failed", "limited", "budget"),
)
_HEAD: Final = struct.Struct("=4q")
_OPENED, _WRITTEN, _CUT, _SYNCED, _UNLINKED, _FOLDER_SYNCED, _LOST = range(1, 8)


def has_compiler() -> bool:
    """Tell whether the disk can be built here."""
    return shutil.which(os.environ.get("CC", "cc")) is not None


def build(into: Path) -> Path:
    """Build the disk.

    Raises:
        AssertionError: There is no C compiler; the sentence says what to install.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    assert compiler, NEEDED
    made = into / "disk.so"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"], check=True
    )
    return made


class Page:
    """The numbers that the test and the disk share."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8 * len(_FIELDS)))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 8 * len(_FIELDS))

    def read(self, field: str) -> int:
        """Read a number."""
        return int(struct.unpack_from("=q", self._shared, 8 * _FIELDS.index(field))[0])

    def set(self, **numbers: int) -> None:
        """Set numbers, in the order in which they are given."""
        for field, number in numbers.items():
            struct.pack_into("=q", self._shared, 8 * _FIELDS.index(field), number)

    def fail_at(
        self, nth: int, *, error: int, mode: int = FAILS, kinds: int = EVERYTHING, lasting: int = 0
    ) -> None:
        """Let the n-th operation of these kinds from now on fail."""
        self.set(nth=0, count=0, failed=0, kinds=kinds, mode=mode, error=error, lasting=lasting)
        self.set(nth=nth)


class ShimDisk:
    """A folder on a disk of C.

    Attributes:
        folder: Where the relay's files go.
        environment: What the relay's process must be given.
        page: What steers it.
        means: What this disk is, for the figures.
    """

    means = "a preloaded shim in C"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self._record = folder / "record"
        library = build(folder)
        self.page = Page(folder / "page")
        self._synced: dict[str, bytearray] = {}
        self.environment = {
            "LD_PRELOAD": str(library),
            "DISK_FILES": str(self.folder / "relay.db"),
            "DISK_PAGE": str(folder / "page"),
            "DISK_RECORD": str(self._record),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._record.unlink(missing_ok=True)

    def begin(self) -> None:
        """Take what lies there for synced; nobody may have it open."""
        self._record.write_bytes(b"")
        self._synced = {
            str(path): bytearray(path.read_bytes())
            for path in self.folder.glob("relay.db*")
            if not path.name.endswith(("-shm", "-lock", "-reserve"))
        }

    def cut_power(self, relay: RelayProcess) -> None:
        """Cut the power under a relay: what was not synced by now is gone."""
        relay.kill()
        self._follow()
        for path in self.folder.glob("relay.db*"):
            path.unlink()
        for name, held in self._synced.items():
            Path(name).write_bytes(held)
        self._record.write_bytes(b"")

    def fill(self) -> None:
        """Leave no room for another byte."""
        self.page.set(budget=0, limited=1)

    def free(self) -> None:
        """Give the room back."""
        self.page.set(limited=0)

    def _follow(self) -> None:
        dirty: dict[str, list[_Change]] = {}
        unlinked = set[str]()
        for change in _read(self._record):
            if change.did in (_OPENED, _WRITTEN, _CUT):
                unlinked.discard(change.name)
                dirty.setdefault(change.name, []).append(change)
            elif change.did == _SYNCED:
                held = self._synced.setdefault(change.name, bytearray())
                for each in dirty.pop(change.name, []):
                    each.apply(held)
            elif change.did == _LOST:
                dirty.pop(change.name, None)
            elif change.did == _UNLINKED:
                dirty.pop(change.name, None)
                unlinked.add(change.name)
            else:
                for name in unlinked:
                    self._synced.pop(name, None)


class _Change(NamedTuple):
    did: int
    name: str
    at: int
    written: bytes

    def apply(self, held: bytearray) -> None:
        """Do to the synced bytes what was done to the file."""
        if self.did == _WRITTEN:
            held.extend(bytes(max(0, self.at - len(held))))
            held[self.at : self.at + len(self.written)] = self.written
        elif self.at >= 0:
            held.extend(bytes(max(0, self.at - len(held))))
            del held[self.at :]


def _read(record: Path) -> Iterator[_Change]:
    raw, at = record.read_bytes(), 0
    while at + _HEAD.size <= len(raw):
        did, named, where, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        written = length if did == _WRITTEN else 0
        name = raw[at : at + named].decode()
        at += named
        # A record that the kill cut short tells of what nobody was answered for.
        yield _Change(did, name, where, raw[at : at + written])
        at += written
