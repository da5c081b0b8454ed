"""The relay as it would be if it trusted the bus: it looks at the store only when it is told to.

    python -m tests.faults.without_looking serve ...

One named function of the product is replaced as in every control, and then the product's own main
runs.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server.__main__ import main

if TYPE_CHECKING:
    from quietway_server.delivery.postgres import PostgresDelivery

LOOK: Final = "quietway_server.delivery.postgres:PostgresDelivery._look_around"


async def _never_look(_: PostgresDelivery) -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, LOOK, _never_look)
        sys.exit(main())
