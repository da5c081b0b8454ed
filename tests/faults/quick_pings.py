"""The relay with pings that come fast, so that a test need not wait for 25 s. In its own process.

python -m tests.faults.quick_pings serve ...      PINGS=off: the control, which never asks
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server import serving
from quietway_server.__main__ import main

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from quietway_server.settings import Settings

PING_SECONDS: Final = 0.5
SILENCE_SECONDS: Final = 1.0
_configure: Final = serving._configure


def configure_quickly(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Stand in the place of the configuration."""
    config = _configure(app, settings)
    config.ws_ping_interval = None if os.environ.get("PINGS") == "off" else PING_SECONDS
    config.ws_ping_timeout = SILENCE_SECONDS
    return config


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, "quietway_server.serving:_configure", configure_quickly)
        sys.exit(main())
