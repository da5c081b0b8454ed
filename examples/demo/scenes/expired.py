"""A message has expired, and nobody can open it any more: its key does not exist.

Time passes quickly here, so this scene has a clock that is turned by hand, and agencies and a relay
in memory. What is copied and opened is real: envelopes, a keyring under its passphrase, its pepper.

Whoever copies does not use the public face of the SDK. They have a program of their own.

Spec: docs/spec/keys.md, "Epoch batches and freshness" and "The keyring".
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from quietway.ambient import SystemEntropy
from quietway.keyring.keyring import Keyring
from quietway.testing import Sandbox
from quietway.testing.sandbox import PASSPHRASE
from quietway_crypto.errors import OpenError
from quietway_crypto.seal import open_
from quietway_schemas.envelope import HEADER_BYTES, Header

if TYPE_CHECKING:
    from pathlib import Path

    from world import World

    from quietway import Client

TITLE = "A message that nobody can open any more"
NEEDS: tuple[str, ...] = ()

WORDS = "She can be reached at her sister's until Friday."
A_DAY = 86_400


def play(world: World) -> None:
    """Record an envelope, copy a device now and a week later, and try to open it."""
    tell = world.tell
    tell.say(
        "Somebody records every sealed envelope on its way, and waits. They also come to have the "
        "shelter's passphrase. Today that is enough: with a copy of the device they can read."
    )
    with Sandbox(seed=5) as sandbox:
        shelter, hospital = sandbox.agency("HARBOR-SHELTER"), sandbox.agency("MERCY-SOCIALWORK")
        hospital.messages.send(WORDS, to="HARBOR")
        recorded = sandbox.relay.envelopes_held()
        early = copy_device(shelter, world.folder / "copied on the same day")
        shelter.sync()
        sandbox.clock.advance(6 * A_DAY)
        shelter.sync()
        late = copy_device(shelter, world.folder / "copied six days later")
        tell.item("Recorded", f"{len(recorded)} sealed envelopes")
        tell.item("Copy of that day", _say(try_to_open(early, recorded)))
        tell.item("Copy, 6 days later", _say(try_to_open(late, recorded)))
        if not try_to_open(early, recorded) or try_to_open(late, recorded):
            raise AssertionError("The message did not end as it must.")
    tell.say(
        "A day's key is destroyed when everything sealed to it must have expired, read or not: the "
        "day, 96 hours, and two hours for clocks. All other keys are wrapped anew under a new "
        "pepper, so that an old copy of one file is of no use beside a new one of the other. What "
        "was copied whole before that day stays readable: no software can change it."
    )


def copy_device(client: Client, to: Path) -> Path:
    """Copy all that a device has on its disk."""
    shutil.copytree(client.home, to)
    return to


def try_to_open(copy: Path, envelopes: tuple[bytes, ...]) -> bool:
    """Try every envelope with every key of a copy, whose passphrase is known."""
    keyring = Keyring.unlock(copy / "keyring", passphrase=PASSPHRASE, entropy=SystemEntropy())
    return any(WORDS.encode() in _open(keyring, envelope) for envelope in envelopes)


def _open(keyring: Keyring, envelope: bytes) -> bytes:
    raw, sealed = envelope[:HEADER_BYTES], envelope[HEADER_BYTES:]
    header = Header.unpack(raw)
    pair = keyring.epoch_pair(header.class_, header.epoch, header.suite)
    if pair is None or header.mailbox != keyring.mailbox:
        return b""
    try:
        return open_(pair, sealed, header=raw)
    except OpenError:
        return b""


def _say(opened: bool) -> str:  # noqa: FBT001 - what came of it
    return "opens it" if opened else "opens nothing: the key is not in it, nor anywhere"
