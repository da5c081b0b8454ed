"""The file `alarms`: when a locked device must call its human, in the clear.

It lies beside the file `listen` and holds instants, nothing else: no alert, no agency, no case. A
locked device opens no claim, so it calls its human at the time at which an alert of its own would
be unanswered, also where somebody claimed it in the meantime: in doubt a person looks. Who steals
the file learns that an alert was sent from this device, and until when its sender waited.

Spec: docs/spec/alerts.md, "Locked"; docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from quietway.files import write_durably
from quietway_schemas.canonical import decode_strict, encode_canonical
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from quietway_schemas.instants import Instant

ALARMS_FILE: Final = "alarms"
MOST_ALARMS: Final = 64
SLICE_SECONDS: Final = 5.0
"""At most so long nothing is looked at, so that a clock that was put on is noticed."""
_LARGEST_FILE: Final = 4_096


class Alarms(Protocol):
    """Where the instants of alarms are kept, for a device that is locked."""

    def read(self) -> tuple[Instant, ...]:
        """Return them, the earliest first."""
        ...

    def write(self, instants: Iterable[Instant]) -> None:
        """Keep these and no others.

        Raises:
            StorageFull: There is no room. The former ones stay.
        """
        ...


class AlarmsFile:
    """The alarms in a device's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ALARMS_FILE

    def read(self) -> tuple[Instant, ...]:
        """Return them, the earliest first; none where the file can't be read."""
        try:
            held = decode_strict(self._path.read_bytes(), max_bytes=_LARGEST_FILE)
        except (OSError, SchemaError):
            return ()
        found = held.get("alarms")
        return (
            tuple(sorted(one for one in found if isinstance(one, int)))
            if (isinstance(found, list))
            else ()
        )

    def write(self, instants: Iterable[Instant]) -> None:
        """Keep these and no others, as the port says; the earliest, where there are many."""
        kept = tuple(sorted(set(instants))[:MOST_ALARMS])
        if kept != self.read():
            write_durably(self._path, encode_canonical({"alarms": list(kept)}))


class MemoryAlarms:
    """Alarms that are gone with the process."""

    def __init__(self) -> None:
        self._kept: tuple[Instant, ...] = ()

    def read(self) -> tuple[Instant, ...]:
        """Return them, the earliest first."""
        return self._kept

    def write(self, instants: Iterable[Instant]) -> None:
        """Keep these and no others."""
        self._kept = tuple(sorted(set(instants)))
