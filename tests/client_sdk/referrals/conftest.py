from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.two_agencies import Two

from quietway.testing import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def two() -> Iterator[Two]:
    with Sandbox(seed=11) as sandbox:
        yield Two(sandbox)
