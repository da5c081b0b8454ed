"""The relay as it would be if it answered before it committed. Runs in a process of its own.

    python -m tests.faults.answers_first serve ...

One named function of the product is replaced as in every control, and then the product's own main
runs. The commit comes a tenth of a second after the answer, so that a kill finds what was answered
and not yet committed.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server.__main__ import main
from quietway_server.services.jobs import run_together

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_server.services.jobs import Job
    from quietway_server.services.writer import Writer

COMMIT: Final = "quietway_server.services.writer:Writer._commit"
LATE_SECONDS: Final = 0.1


def answering_first(wait: Callable[[], object]) -> Callable[[Writer, list[Job]], None]:
    """Give what stands in the place of the writer's commit.

    Args:
        wait: Called between the answer and the commit.
    """

    def answer_first(writer: Writer, group: list[Job]) -> None:
        with writer._store.writing() as transaction:
            run_together(transaction, group)
            writer._loop.call_soon_threadsafe(writer._answer, list(group))
            wait()
        group.clear()

    return answer_first


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, COMMIT, answering_first(lambda: time.sleep(LATE_SECONDS)))
        sys.exit(main())
