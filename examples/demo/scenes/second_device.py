"""A second device is linked: two screens, four words, and nothing that can start it from outside.

Spec: docs/howto/add-a-colleague.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from world import QUICK

from quietway import Client

if TYPE_CHECKING:
    from pathlib import Path

    from world import World

TITLE = "A second laptop for the shelter"
NEEDS = ("founding", "status")

LAPTOP = "laptop"
PASSPHRASE = "demo passphrase of the laptop"  # noqa: S105 - of a folder that goes away
ROLES = ("shelter_staff",)


def play(world: World) -> None:
    """Link a device, with somebody in between first, and give it what is open."""
    tell = world.tell
    tell.say(
        "The new laptop makes its own keys and shows a request: a line of text, no secret. The "
        "shelter's first device answers with an offer. Both sides then derive four words from the "
        "two. Two people read them out to each other; the words are typed, not clicked."
    )
    home = world.folder / LAPTOP
    request = Client.request_link(
        home, passphrase=PASSPHRASE, agency_owned=True, parameters=QUICK
    ).to_text()
    _show_somebody_between(world, home)
    shelter = world.shelter
    offered = shelter.client.devices.offer(request, roles=ROLES, passphrase=shelter.passphrase)
    words = Client.read_offer(home, passphrase=PASSPHRASE, offer=offered.offer)
    tell.heading("Now without anybody in between")
    tell.item("The laptop shows", " ".join(words))
    tell.item("The shelter has", " ".join(offered.words))
    if words != offered.words:
        raise AssertionError("Two honest sides derived different words.")
    shelter.client.devices.confirm(request, offered.offer, passphrase=shelter.passphrase)
    laptop = world.keep_open(
        Client.join(home, passphrase=PASSPHRASE, offer=offered.offer, words=words, parameters=QUICK)
    )
    world.laptop = laptop
    _give_what_is_open(world)
    tell.heading("The shelter's devices, as its list has them")
    for held in shelter.client.devices.list():
        tell.item(str(held.device)[:12], f"{held.program}, {', '.join(held.roles)}")
    tell.say(
        "Names of people stand nowhere in that list, which everyone may read. Where an agency has "
        "two ops holders, the second one compares the words too."
    )


def _show_somebody_between(world: World, home: Path) -> None:
    tell, shelter = world.tell, world.shelter
    swapped = Client.request_link(
        world.folder / "somebody between",
        passphrase=PASSPHRASE,
        agency_owned=True,
        parameters=QUICK,
    )
    offered = shelter.client.devices.offer(
        swapped.to_text(), roles=ROLES, passphrase=shelter.passphrase
    )
    seen = Client.read_offer(home, passphrase=PASSPHRASE, offer=offered.offer)
    tell.heading("First, somebody in between swaps the request for one of their own")
    tell.item("The laptop shows", " ".join(seen))
    tell.item("The shelter has", " ".join(offered.words))
    tell.item("", "Not the same words: nothing is approved.")
    if seen == offered.words:
        raise AssertionError("Swapped keys gave the same words.")


def _give_what_is_open(world: World) -> None:
    shelter, laptop = world.shelter, world.laptop
    assert laptop is not None  # noqa: S101 - it was linked a moment ago
    for client in (shelter.client, laptop):
        client.sync()
    shelter.client.devices.give_snapshot(laptop.device_id, passphrase=shelter.passphrase)
    laptop.sync()
    board = len(laptop.status.board())
    world.tell.item("The laptop", f"is given what is open: {board} entries on its board")
    if board != len(shelter.client.status.board()):
        raise AssertionError("The new device knows another board.")
