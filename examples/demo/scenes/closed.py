"""The crisis ends: notes, a summary, the day of the review, and what is to change.

Spec: docs/explanation/escalation.md, "Afterwards".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from night import await_crisis, name_agency, show_day

from quietway import NotesOwed
from quietway.codes import label_of

if TYPE_CHECKING:
    from world import World

TITLE = "Afterwards: notes, a summary, a review that is due"
NEEDS = ("founding", "agreed", "alert", "corroborated", "huddle")

NOTES = {
    "HARBOR": ("service_provided", "took_part"),
    "CITYPD": ("action_done", "took_part"),
    "MERCY": ("decision_made", "led_event"),
}
DAY_MS = 86_400_000
ITEM = "The list of interpreters is kept at both desks."


def play(world: World) -> None:
    """Refuse to close without notes, take them, close, and look back."""
    tell, night = world.tell, world.night
    lead, left = night.backup.crises, {"JUSTICE": "left_event"}
    try:
        lead.close(night.event, "danger_over", missing=left)
    except NotesOwed as refused:
        tell.item("Closing at once", f"is refused. {refused}")
    else:
        raise AssertionError("An event was closed without a note of each agency.")
    _take_notes(world)
    lead.close(night.event, "danger_over", missing=left)
    shelter = world.shelter.client
    crisis = await_crisis(shelter, night.event, lambda held: held.state == "closed", night.backup)
    summary = crisis.summaries[-1]
    tell.heading("The summary, made of codes, as it comes to the shelter")
    tell.item("What", label_of("event_type", summary.event_type))
    tell.item("Led by", name_agency(world, summary.lead))
    for action in summary.actions:
        who = name_agency(world, action.owner)
        state = label_of("action_state", action.state)
        tell.item("Action", f"{label_of('urgent_action', action.code)}: {who}, {state}")
    review = shelter.reviews.show(night.event)
    tell.item("The review", f"is due {show_day(review.due)}, the fifth business day after")
    _look_back(world)


def _take_notes(world: World) -> None:
    night = world.night
    for code, did in NOTES.items():
        client = night.backup if code == "MERCY" else world.agencies[code].client
        client.sync()
        client.crises.note(night.event, did)
        words = ", ".join(label_of("event_note", each).lower() for each in did)
        world.tell.item(world.agencies[code].program, f"notes: {words}")
    night.backup.sync()


def _look_back(world: World) -> None:
    tell, night, police = world.tell, world.night, world.police.client
    world.remember(ITEM)
    reviews, due = night.backup.reviews, night.backup.now() + 30 * DAY_MS
    reviews.record(night.event, worked_well=["verified_first", "clear_lead"], data_gaps=["none"])
    item = reviews.add_item(night.event, "protocol_update", owner="CITYPD", due=due, text=ITEM)
    police.sync()
    police.reviews.update_item(item, "under_way")
    night.backup.sync()
    held = next(one for one in reviews.show(night.event).items if one.item_id == item)
    tell.heading("What is to change, and who reports on it")
    tell.item("Item", f"{ITEM} {label_of('aar_item_state', held.state)}, says the police")
    if held.state != "under_way" or reviews.show(night.event).state != "held":
        raise AssertionError("What was agreed afterwards is not followed.")
    tell.say(
        "The agency that owns an item reports on it, and nobody else. A drill goes the very same "
        "way, says EXERCISE on every line, and is in no list of what is real."
    )
