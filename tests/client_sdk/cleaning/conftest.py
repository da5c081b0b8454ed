"""Gives the tests of cleaning a folder of their own, and a call with few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quietway.attaching.sealed_file import Source
from quietway.attaching.staging import staged
from quietway.cleaning.cleaning import CLEANING, clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from quietway.cleaning.cleaned import Cleaned


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "device"


@pytest.fixture
def cleaned(home: Path) -> Callable[..., Awaitable[Cleaned]]:
    """Give `clean` with a place in the device's folder."""

    async def call(content: bytes | Path, name: str = "", media_type: str = "") -> Cleaned:
        place = staged(home, CLEANING, b"one")
        return await clean(Source.of(content), name=name, media_type=media_type, place=place)

    return call
