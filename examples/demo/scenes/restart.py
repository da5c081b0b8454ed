"""The relay is killed in the middle, and nothing is lost and nothing comes twice.

Spec: docs/explanation/architecture.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from world import STATES

from quietway.content import MessageText

if TYPE_CHECKING:
    from world import World

    from quietway import Received

TITLE = "The relay is killed, and started again"
NEEDS = ("founding",)

BEFORE = "Bed kept until noon; the night desk knows."
DURING = "Interpreter arranged for the morning."


def play(world: World) -> None:
    """Kill the relay with one message accepted and one not yet sent."""
    tell = world.tell
    world.remember(BEFORE, DURING)
    first = world.shelter.client.messages.send(BEFORE, to=["MERCY"])
    tell.item("The shelter writes", f"a message: {STATES[first.state]}")
    world.relay.kill()
    tell.item("The relay", "is killed, as by a power cut (signal 9)")
    second = world.shelter.client.messages.send(DURING, to=["MERCY"])
    tell.item("The shelter writes", f"another one: {STATES[second.state]}")
    world.relay.start()
    tell.item("The relay", "is started again, on the same files")
    report = world.shelter.client.sync()
    tell.item(
        "The shelter", f"hands over what waited: {report.sent} sent, {report.waiting} waiting"
    )
    read = read_texts(world.fetch(world.hospital))
    tell.item("The hospital", f"reads {len(read)} messages, each once:")
    for text in read:
        tell.item("", text)
    if read != [BEFORE, DURING]:
        raise AssertionError("A message was lost, doubled or out of order.")
    tell.say(
        'The relay says "accepted" only after the message is on its disk, and a device tells the '
        "relay to delete it only after it is on its own."
    )


def read_texts(received: list[Received]) -> list[str]:
    """Return the words of the messages, in order."""
    return [held.content.text for held in received if isinstance(held.content, MessageText)]
