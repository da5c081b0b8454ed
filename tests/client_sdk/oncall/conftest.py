from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.oncall.office import Office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with Office(tmp_path) as made:
        await made.open()
        yield made
