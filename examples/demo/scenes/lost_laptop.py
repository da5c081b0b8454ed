"""A laptop is lost: one signature takes it away, and what waited for it is gone.

Spec: docs/howto/replace-a-lost-laptop.md.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from quietway.content import MessageText

if TYPE_CHECKING:
    from world import World

    from quietway import Client

TITLE = "The laptop is lost"
NEEDS = ("founding", "status", "second_device")

BEFORE = "The interpreter comes at nine."
AFTER = "The interpreter comes at ten instead."
STOLEN = "This is the shelter speaking."


def play(world: World) -> None:
    """Revoke the laptop, and let it try."""
    tell, shelter, hospital, laptop = world.tell, world.shelter, world.hospital, world.laptop
    assert laptop is not None  # noqa: S101 - the scene before linked it
    world.remember(BEFORE, AFTER)
    hospital.client.sync()
    hospital.client.messages.send(BEFORE, to=["HARBOR"])
    mailbox = mailbox_of(world, laptop)
    held = count_envelopes(world, mailbox)
    tell.item("The hospital", "writes to the shelter: a copy waits for each of its two devices")
    shelter.client.devices.revoke(laptop.device_id)
    gone = held - count_envelopes(world, mailbox)
    tell.item("The shelter", "revokes the laptop. One signature is enough")
    tell.item("The relay", f"deletes what waited for it: {gone} sealed envelopes")
    tell.item("The laptop", f"asks for its mailbox: {ask(laptop)}")
    hospital.client.sync()
    hospital.client.messages.send(AFTER, to=["HARBOR"])
    read = [
        message.content.text
        for message in world.fetch(shelter)
        if isinstance(message.content, MessageText)
    ]
    tell.item("The shelter", f"goes on reading: {len(read)} messages")
    laptop.messages.send(STOLEN, to=["MERCY"])
    tell.item("The thief", "writes to the hospital in the shelter's name, signed by the laptop")
    if STOLEN in [getattr(message.content, "text", "") for message in world.fetch(hospital)]:
        raise AssertionError("A revoked device was believed.")
    tell.item("The hospital", "puts it aside unread: who signed it is revoked")
    if not gone or read != [BEFORE, AFTER]:
        raise AssertionError("The revocation did not come out as it must.")
    tell.say(
        "The laptop never comes back under this name: if it is found, it is linked anew. What it "
        "had stored is as safe as its passphrase, so a lost device is a matter for people, too."
    )


def mailbox_of(world: World, device: Client) -> bytes:
    """Look up at the relay which mailbox a device reads."""
    with closing(sqlite3.connect(f"file:{world.relay.database}?mode=ro", uri=True)) as database:
        (mailbox,) = database.execute(
            "SELECT mailbox FROM devices WHERE device = ?", (device.device_id.value,)
        ).fetchone()
    return bytes(mailbox)


def count_envelopes(world: World, mailbox: bytes) -> int:
    """Count what waits at the relay in one mailbox.

    In that one alone: after a revocation the shelter hands out new lanes, so that others grow.
    """
    with closing(sqlite3.connect(f"file:{world.relay.database}?mode=ro", uri=True)) as database:
        tables = ("flash_envelopes", "case_envelopes")
        return sum(
            database.execute(
                f"SELECT count(*) FROM {table} WHERE mailbox = ?",  # noqa: S608 - no value
                (mailbox,),
            ).fetchone()[0]
            for table in tables
        )


def ask(laptop: Client) -> str:
    """Let the laptop ask the relay, and say what it is told."""
    problems = laptop.sync().problems
    if not problems:
        raise AssertionError("The relay let a revoked device in.")
    return "the relay knows no such device"
