"""The watch as it would be if silence were good news. Runs in a process of its own.

python -m tests.faults.blind_watch watch ...
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.controls import without

from quietway_server.__main__ import main

if TYPE_CHECKING:
    from quietway_server.watching import Watch


async def see_nothing(_: Watch) -> str:
    """Take no answer for a good one."""
    return ""


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, "quietway_server.watching:Watch._ask", see_nothing)
        sys.exit(main())
