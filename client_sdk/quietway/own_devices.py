"""What changed about this agency's own devices, kept until a person has seen it.

A device that nobody here expected is an alarm, and so is one that is suddenly gone: each device of
the agency tells its own user. So the row is written in the commit in which the directory takes the
manifest in, and it goes when it is acknowledged, not when it was shown once.

Spec: docs/spec/keys.md, "Linking a device".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.events import OwnDevicesChanged
from quietway.ports import Delete, Put
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from quietway.ports import Row, Store
    from quietway_schemas.instants import Instant

OWN_DEVICES: Final = "own-devices"
_VERSION_BYTES: Final = 4


def write_change(change: OwnDevicesChanged, *, now: Instant) -> Put:
    """Write down what is to be told until somebody has acknowledged it."""
    row = write_row(
        added=[str(device) for device in change.added],
        departed=[str(device) for device in change.departed],
        at=now,
    )
    return Put(OWN_DEVICES, _key(change.version), row)


async def list_changes(store: Store) -> list[OwnDevicesChanged]:
    """List what was not acknowledged yet, oldest first."""
    return [_read_change(row) for row in await store.scan(OWN_DEVICES)]


async def acknowledge_change(store: Store, version: int) -> None:
    """Let go of what a person has seen; nothing happens where there is nothing."""
    await store.commit([Delete(OWN_DEVICES, _key(version))])


def _key(version: int) -> bytes:
    return version.to_bytes(_VERSION_BYTES, "big")


def _read_change(row: Row) -> OwnDevicesChanged:
    held = Fields(row.value)
    return OwnDevicesChanged(
        version=int.from_bytes(row.key, "big"),
        added=tuple(DeviceId.from_text(text) for text in held.texts("added")),
        departed=tuple(DeviceId.from_text(text) for text in held.texts("departed")),
    )
