"""A process that opens a device, uses it, locks it, and writes its own memory into files.

    python -m tests.gallery.memory_program HOME DUMPS product|control < PASSPHRASE

Row 60 runs it and looks for the keys, which this process knows only from the device's own files.
The memory is written as it is: `open` while the device is open, `locked` after it was locked.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway.client import AsyncClient
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEP: Final = 1 << 20


def read_memory() -> Iterator[bytes]:
    """Give all memory that this process can write to, in pieces: elsewhere nothing can be left."""
    maps = Path("/proc/self/maps").read_text(encoding="ascii").splitlines()
    with Path("/proc/self/mem").open("rb", 0) as memory:
        for line in maps:
            span, permission = line.split()[:2]
            if not permission.startswith("rw"):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            for at in range(start, end, _STEP):
                memory.seek(at)
                try:
                    yield memory.read(min(_STEP, end - at))
                except OSError:
                    break


def dump(into: Path) -> None:
    """Write the memory of this moment out."""
    gc.collect()
    with into.open("wb") as file:
        for piece in read_memory():
            file.write(piece)


async def main(home: Path, dumps: Path, passphrase: str) -> None:
    """Open, use every key, lock, and dump twice."""
    clock = FakeClock()
    client = await AsyncClient.open(
        home,
        passphrase=passphrase,
        relay_port=InMemoryRelay(clock).connect,
        clock=clock,
        entropy=SeededEntropy(5),
    )
    keyring = client._agent.keyring
    for name in keyring.record_names():
        keyring.record_key(name)
    for class_ in EnvelopeClass:
        for epoch in keyring.epochs(class_):
            keyring.epoch_pair(class_, epoch, 2)
    for key in (keyring.identity, keyring.listen, keyring.root, keyring.ops):
        if key is not None:
            key.sign("quietway/v1/core", b"something")
    await client.inbox()
    dump(dumps / "open")
    await client.lock()
    del client, keyring, key
    dump(dumps / "locked")


if __name__ == "__main__":
    if sys.argv[3] == "control":
        without(pytest.MonkeyPatch(), "quietway_crypto.secret:_clear", lambda _: None)
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.stdin.read()))
