from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import Agencies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def agencies(tmp_path: Path) -> AsyncIterator[Agencies]:
    async with Agencies(tmp_path) as made:
        yield made
