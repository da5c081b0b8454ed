"""The high-water mark: the latest time that was believed, in the device's file `clock`.

It lies in the clear beside the keyring, since a locked device needs it too. It is written hourly: a
nearer time would cost a durable writing and tell no more. A file that can't be read counts as none,
and then nothing is erased until a relay has answered.

Spec: docs/spec/keys.md, "When is it time: the clock".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from quietway.files import write_durably
from quietway_schemas.canonical import decode_strict, encode_canonical
from quietway_schemas.errors import SchemaError
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_schemas.instants import Instant

CLOCK_FILE: Final = "clock"
WRITTEN_EVERY_MS: Final = HOUR
_LARGEST_FILE: Final = 1_024


class Mark(Protocol):
    """Where the high-water mark is kept."""

    def read(self) -> Instant | None:
        """Return it, or None where there is none."""
        ...

    def note(self, believed: Instant) -> None:
        """Keep this one, where it is an hour or more away from the one that is kept.

        Raises:
            StorageFull: There is no room. The former one stays.
        """
        ...


class MarkFile:
    """The mark in a device's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CLOCK_FILE
        self._kept = self._load()

    def read(self) -> Instant | None:
        """Return it, or None where there is none."""
        return self._kept

    def note(self, believed: Instant) -> None:
        """Keep this one, as the port says."""
        if self._kept is None or abs(believed - self._kept) >= WRITTEN_EVERY_MS:
            write_durably(self._path, encode_canonical({"high_water": believed}))
            self._kept = believed

    def _load(self) -> Instant | None:
        try:
            held = decode_strict(self._path.read_bytes(), max_bytes=_LARGEST_FILE)
        except (OSError, SchemaError):
            return None
        found = held.get("high_water")
        return found if isinstance(found, int) else None


class MemoryMark:
    """A mark that is gone with the process."""

    def __init__(self) -> None:
        self._kept: Instant | None = None

    def read(self) -> Instant | None:
        """Return it, or None where there is none."""
        return self._kept

    def note(self, believed: Instant) -> None:
        """Keep this one."""
        self._kept = believed
