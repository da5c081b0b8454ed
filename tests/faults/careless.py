"""The relay as it would be without one of its cares for the disk. Runs in a process of its own.

    CARELESS=name python -m tests.faults.careless serve ...

Named functions of the product are replaced as in every control, and then the product's own main
runs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.controls import without
from tests.ladders.planted import claim_behind_the_alert

from quietway_server.__main__ import main
from quietway_server.errors import StorageFailedError, StorageFullError
from quietway_server.services.jobs import run_together
from quietway_server.store import database

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_server.services.jobs import Job
    from quietway_server.services.writer import Writer

MODULE: Final = "tests.faults.careless"
SETTLE: Final = "quietway_server.store.database:_settle"
CHECK: Final = "quietway_server.store.database:check_settings"
COMMIT: Final = "quietway_server.services.writer:Writer._commit"
ALARM: Final = "quietway_server.services.ingest:Ingest.is_alarm"
_AS_IT_IS: Final = database._settle


def settling(*changes: str) -> Callable[[Any, int | None], None]:
    """Give what settles a connection, and then changes something."""

    def settle(raw: Any, max_bytes: int | None) -> None:
        _AS_IT_IS(raw, max_bytes)
        for change in changes:
            raw.cursor().execute(f"PRAGMA {change}")

    return settle


def swallow(writer: Writer, group: list[Job]) -> None:
    """Stand in for `Writer._commit`: an error of the disk is nobody's business."""
    try:
        with writer._store.writing() as transaction:
            run_together(transaction, group)
    except (StorageFailedError, StorageFullError):
        return


CONTROLS: Final[dict[str, dict[str, Callable[..., object]]]] = {
    "never syncs": {SETTLE: settling("synchronous=OFF"), CHECK: lambda _: None},
    "keeps a journal": {SETTLE: settling("journal_mode=DELETE"), CHECK: lambda _: None},
    "knows no alarms": {ALARM: lambda *_, **__: False},
    "compares no hash": {"quietway_server.services.mailbox:is_whole": lambda _: True},
    "forgets its log": {"quietway_server.store.sqlite:read_reach": lambda _: None},
    "leaves what it deletes": {SETTLE: settling("secure_delete=OFF"), CHECK: lambda _: None},
    "never empties its log": {"quietway_server.store.sqlite:SqliteStore.tidy": lambda _: None},
    "may be dumped": {"quietway_server.__main__:harden_process": lambda: None},
    "everybody is first": {"quietway_server.services.holds:is_first": lambda *_: True},
    "claims stand behind": {"quietway_server.core.holds:claim": claim_behind_the_alert},
    "swallows errors": {COMMIT: swallow},
}
"""By name: what is replaced, and by what."""


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        for defence, replacement in CONTROLS[os.environ["CARELESS"]].items():
            without(patch, defence, replacement)
        sys.exit(main())
