"""A partner is paused: nothing more goes there, what they had not fetched is taken back, and waits.

Spec: docs/howto/pause-a-partner.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenes.restart import read_texts
from world import STATES

from quietway import PartnerPaused

if TYPE_CHECKING:
    from world import World

TITLE = "A paused partner"
NEEDS = ("founding",)

WAITING = "Call back on the usual number after four."
ASKED = "Did you get our list from the clinic?"
REFUSED = "One more thing about tomorrow."


def play(world: World) -> None:
    """Pause the hospital with one message on its way, and resume it."""
    tell, shelter, hospital = world.tell, world.shelter.client, world.hospital
    # The other two are read by nobody while the demo runs: one is refused, one tried again later.
    world.remember(WAITING)
    world.fetch(hospital)
    sent = shelter.messages.send(WAITING, to=["MERCY"])
    tell.item("The shelter writes", f"a message to the hospital: {STATES[sent.state]}")
    tell.say("Then the hospital phones: a laptop of theirs is gone. The shelter pauses them.")
    report = shelter.partners.pause("MERCY", "safety_concern")
    tell.item("The shelter", f"has paused the hospital; copies taken back: {report.taken_back}")
    try:
        shelter.messages.send(REFUSED, to=["MERCY"])
    except PartnerPaused:
        tell.item("The shelter writes", "another one, and it is refused before it is sealed")
    if read_texts(world.fetch(hospital)):
        raise AssertionError("The hospital read what was taken back.")
    tell.item("The hospital", "looks, and finds nothing")
    answer = hospital.client.messages.send(ASKED, to=["HARBOR"])
    tell.item("The hospital writes", f"to the shelter: {STATES[answer.state]}")
    shelter.partners.resume("MERCY")
    tell.item("The shelter", "resumes them; what waited goes out by itself")
    if read_texts(world.fetch(hospital)) != [WAITING]:
        raise AssertionError("What waited did not go out, or not once.")
    tell.item("The hospital", "reads the message, once")
    tell.say(
        "The pause counted from the moment it was typed, and would have without the network. What "
        "a partner has fetched can't be taken back: then one phones."
    )
