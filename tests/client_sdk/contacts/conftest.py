from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quietway.testing import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=13) as made:
        yield made
