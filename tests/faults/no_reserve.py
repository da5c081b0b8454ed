"""The relay as it would be if nothing were urgent. Runs in a process of its own.

python -m tests.faults.no_reserve serve ...
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server.__main__ import main

if TYPE_CHECKING:
    from quietway_server.services.urgency import Urgency

JUDGE: Final = "quietway_server.services.urgency:Urgency.judge"


async def find_nothing_urgent(_urgency: Urgency, _lane: bytes) -> None:
    """Stand in the place of the lookup."""


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, JUDGE, find_nothing_urgent)
        sys.exit(main())
