"""Record keys in memory: what a keyring does with them, without the passphrase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_schemas.instants import Instant


class MemoryRecordKeys:
    """A `RecordKeys`."""

    def __init__(self) -> None:
        self.held: dict[bytes, tuple[Secret, Instant]] = {}

    def record_key(self, name: bytes) -> Secret | None:
        found = self.held.get(name)
        return None if found is None else found[0]

    def record_names(self) -> Mapping[bytes, Instant]:
        return {name: dies for name, (_, dies) in self.held.items()}

    def add_record_keys(self, keys: Mapping[bytes, tuple[bytes, Instant]]) -> None:
        self.held.update({name: (Secret(key), dies) for name, (key, dies) in keys.items()})

    def erase(self, now: Instant) -> None:
        self.held = {name: held for name, held in self.held.items() if now < held[1]}
