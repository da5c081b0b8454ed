"""Status indicators instead of stories: codes that locate nobody, and that end by themselves.

Spec: docs/tutorial/first-referral.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.codes import label_of

if TYPE_CHECKING:
    from world import World

TITLE = "Status: where things stand, in codes"
NEEDS = ("founding",)


def play(world: World) -> None:
    """Let all three say where things stand, and show one board."""
    tell = world.tell
    tell.say(
        "Instead of a story, each agency says where things stand: a code from a shared list, with "
        "an end. No text, no place, no date of a hearing."
    )
    world.police.client.status.set("order_served", to=["HARBOR", "MERCY"])
    world.shelter.client.status.set("safety_plan_active", to=["CITYPD", "MERCY"])
    world.hospital.client.status.set("medical_need_met", to=["HARBOR"])
    for agency in world.agencies.values():
        world.fetch(agency)
    for agency in (world.hospital, world.police):
        tell.heading(f"The board that {agency.program} sees")
        for entry in agency.client.status.board():
            words = label_of("status_indicator", entry.code)
            tell.item(label_of("status_state", entry.state), words)
    tell.say("The police were not told of the medical need: the hospital named the shelter only.")
