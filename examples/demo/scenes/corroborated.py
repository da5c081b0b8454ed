"""Before more agencies are told, somebody else says that it is true.

Spec: docs/explanation/escalation.md, "Is it true?".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from night import activate, await_alert

from quietway import NotCorroborated
from quietway.codes import label_of

if TYPE_CHECKING:
    from world import World

TITLE = "Is it true? Nobody is told before a second source says so"
NEEDS = ("founding", "agreed", "alert")

SOURCE = "partner_agency"


def play(world: World) -> None:
    """Refuse to tell more agencies, corroborate, and let the shelter see it."""
    tell, night = world.tell, world.night
    try:
        activate(world)
    except NotCorroborated as refused:
        tell.say("The hospital wants to call the police and the shelter together. The SDK asks:")
        tell.item("refused", str(refused))
    else:
        raise AssertionError("An alert was told on before anybody corroborated it.")
    night.backup.alerts.verify(night.alert, SOURCE, "supports")
    source = label_of("verification_source", SOURCE)
    tell.item("The hospital", f"asks by phone, and notes the class of source: {source}")
    seen = await_alert(world.shelter.client, night.alert, lambda held: bool(held.verified))
    tell.item("The shelter", f"sees: {label_of('verification_state', seen.verification)}")
    if seen.verification != "corroborated":
        raise AssertionError("A corroboration did not count.")
    tell.say(
        "Another agency than the one that raised it has corroborated it; whoever raised an alert "
        "can't. Where no source can be asked in time, the judgement of two people stands for one, "
        "and is recorded as that."
    )
