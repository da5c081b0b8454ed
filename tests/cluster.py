"""Two relays on one PostgreSQL database, for journeys, faults and the bench.

Both sign the same log, so the second is given the first one's key; both stand under one public
address, as behind a proxy, or each under its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass
class Cluster:
    """Relays that share a database.

    Args:
        folder: Where the log's key lies.
        address: Of an empty database.
        options: Further options of both.
    """

    folder: Path
    address: str
    options: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        common = {"database": self.address, "log_key": str(self.folder / "log-key")}
        common["wake_key"] = str(self.folder / "wake-key")
        self.relays = tuple(
            RelayProcess(self.folder / name, options=common | dict(self.options or {}))
            for name in ("one", "two")
        )
        self.one, self.two = self.relays

    def __enter__(self) -> Self:
        try:
            for relay in self.relays:
                relay.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for relay in self.relays:
            relay.__exit__()

    def enroll(self) -> str:
        """Make an enrolment code, good at either relay."""
        return self.one.enroll()
