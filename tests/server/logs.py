"""Starts and ends a relay's log in this process, without its surface."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from quietway_crypto.signing import SigningKey
from quietway_server.bootstrap import SystemClock, assemble, find_log_key, open_store
from quietway_server.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_server.ports import Store
    from quietway_server.services.relay import Relay
    from quietway_server.settings import Settings

KEY = SigningKey(b"k" * 32)


def draw(count: int) -> bytes:
    """Draw nonces that a test need not tell apart."""
    return bytes(count)


def settings_in(folder: Path, **more: str) -> Settings:
    """Give the settings of a relay whose files lie in a folder."""
    return read_settings({"database": str(folder / "relay.db"), **more}, {})


def make_relay(store: Store, key: SigningKey = KEY) -> Relay:
    """Put a relay together, in the running loop."""
    return assemble(
        read_settings({}, {}),
        store=store,
        clock=SystemClock(),
        on_failure=lambda: None,
        log_key=key,
    )


def begin(settings: Settings) -> None:
    """Start a relay on these settings, and end it."""

    async def run() -> None:
        store = open_store(settings)
        try:
            relay = make_relay(store, find_log_key(settings, store))
        except BaseException:
            store.close()
            raise
        await asyncio.to_thread(relay.close)

    asyncio.run(run())
