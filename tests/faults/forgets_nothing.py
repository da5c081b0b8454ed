"""The relay as it would be if it kept every batch that it judged. Runs in a process of its own.

python -m tests.faults.forgets_nothing serve ...
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server.__main__ import main
from quietway_server.services.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_server.errors import RefusedError
    from quietway_server.ports import Transaction
    from quietway_server.rows import Arrival
    from quietway_server.services.ingest import Batch

ACCEPT: Final = "quietway_server.services.ingest:Ingest.accept"
_TIMES: Final = 8
_accept: Final = Ingest.accept
_kept: Final[list[bytes]] = []


def accept_and_keep(
    ingest: Ingest, transaction: Transaction, batches: Sequence[Batch]
) -> list[list[Arrival] | RefusedError]:
    """Stand in the place of judging: the same, with a leak."""
    for batch in batches:
        _kept.extend(record.pack() * _TIMES for record in batch.records)
    return _accept(ingest, transaction, batches)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, ACCEPT, accept_and_keep)
        sys.exit(main())
