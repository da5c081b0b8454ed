"""A relay that keeps one message back: the hospital is shown that something is missing, and where.

The relay's operator stops it, takes one row out of its file and starts it again; later they put it
back. That is all that an operator can do, and it shows.

Spec: docs/spec/conversations.md, "Chains and gaps".
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from quietway import Gap, Said
from quietway.content import MessageText
from quietway_desk.told import tell_gap

if TYPE_CHECKING:
    from world import World

    from quietway.content import ConversationId

TITLE = "A message that does not arrive, and shows"
NEEDS = ("founding",)

WORDS = (
    "The hearing is moved.",
    "Please do not come to the front desk today.",
    "Everything else stays as agreed.",
)


def play(world: World) -> None:
    """Keep the second of three messages back, look, give it back, and look again."""
    tell = world.tell
    world.remember(*WORDS)
    world.hospital.client.sync()
    sent = world.police.client.messages.send(WORDS[0], to=["MERCY"])
    for words in WORDS[1:]:
        world.police.client.messages.send(words, to=["MERCY"], conversation=sent.conversation)
    tell.item("The police write", "three messages, one after the other")
    row = _keep_back(world)
    tell.item("The operator", "takes the second one out of the relay's file")
    world.fetch(world.hospital)
    tell.item("The hospital reads", "")
    if _read(world, sent.conversation) != 1:
        raise AssertionError("What was kept back is not shown as missing.")
    _give_back(world, row)
    tell.item("The operator", "puts it back, hours later")
    world.fetch(world.hospital)
    tell.item("The hospital reads", "")
    if _read(world, sent.conversation) != 0:
        raise AssertionError("What arrived is still shown as missing.")
    tell.say(
        "Each message's place and a hash of the one before it stand inside the signature. So a "
        "relay can delay and drop, and whoever reads is told: how many are missing, whose, and "
        "where. The last message of all shows by the receipt that does not come."
    )


def _read(world: World, conversation: ConversationId) -> int:
    entries = world.hospital.client.messages.conversation(conversation)
    for entry in entries:
        if isinstance(entry, Gap):
            world.tell.item("", f"[ {tell_gap(entry)} ]")
        elif isinstance(entry, Said) and isinstance(entry.content, MessageText):
            world.tell.item("", entry.content.text)
    return sum(isinstance(entry, Gap) for entry in entries)


def _keep_back(world: World) -> tuple[object, ...]:
    world.relay.kill()
    with closing(sqlite3.connect(world.relay.database)) as database, database:
        newest = "SELECT * FROM flash_envelopes ORDER BY id DESC LIMIT 3"
        _, row, _ = sorted(database.execute(newest).fetchall(), key=lambda held: int(held[2]))
        database.execute("DELETE FROM flash_envelopes WHERE id = ?", row[:1])
    world.relay.start()
    return tuple(row)


def _give_back(world: World, row: tuple[object, ...]) -> None:
    world.relay.kill()
    with closing(sqlite3.connect(world.relay.database)) as database, database:
        places = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO flash_envelopes VALUES ({places})", row)  # noqa: S608 - only marks are put in
    world.relay.start()
