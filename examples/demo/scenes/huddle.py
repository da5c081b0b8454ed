"""Four agencies in one huddle: what they say, do and decide, and who gets nothing any more.

Spec: docs/explanation/escalation.md, "A crisis with several agencies".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from night import (
    activate,
    await_crisis,
    await_texts,
    befriend,
    let_answer,
    name_agency,
    read_texts,
    tell_of_case,
)

from quietway.codes import label_of

if TYPE_CHECKING:
    from world import World

TITLE = "A huddle of four agencies"
NEEDS = ("founding", "agreed", "alert", "corroborated")

MINUTE_MS = 60_000
LEGAL_AID = ("a legal aid office", "JUSTICE-LEGALAID", "legal_aid")
SAID = (
    ("HARBOR", "A room is ready, and somebody waits by the phone."),
    ("CITYPD", "We go by what she wants; nobody drives up to a door."),
    ("JUSTICE", "The order can be filed first thing in the morning."),
)
DECIDED = "She is called by the advocate whom she knows, and by nobody else."
AFTERWARDS = "The advocate has reached her; she is well."
DRIVER = "arrange_transport"


def play(world: World) -> None:
    """Bring legal aid in, call everybody together, talk, act, decide, and let one leave."""
    _bring_in_legal_aid(world)
    world.night.event = activate(world)
    _take_part(world)
    _talk(world)
    _act(world)
    _leave(world)


def _bring_in_legal_aid(world: World) -> None:
    (code,) = world.relay.enroll(1)
    world.found(*LEGAL_AID, code=code)
    newcomer = world.agencies["JUSTICE"]
    for agency in world.agencies.values():
        if agency is not newcomer:
            befriend(agency, newcomer)
    tell_of_case(world, world.night.case, newcomer)
    for device in world.others:
        device.sync()
    world.tell.say(
        "A legal aid office joins the partnership. The hospital calls all three together, one "
        "after the other, each with its own reference of the case: by what the survivor released "
        "to each of them."
    )


def _take_part(world: World) -> None:
    tell, night = world.tell, world.night
    for agency in world.agencies.values():
        if agency is not world.hospital:
            let_answer(world, agency)
            tell.item(agency.program, "is called, and answers that it takes part")
    crisis = night.backup.crises.show(night.event)
    tell.heading("Who takes part, as the device that leads has signed it")
    for seat in crisis.members:
        tell.item(name_agency(world, seat.agency), label_of("huddle_role", seat.role))
    if len({seat.agency for seat in crisis.members}) != len(world.agencies):
        raise AssertionError("Not everybody who answered takes part.")


def _talk(world: World) -> None:
    tell = world.tell
    world.remember(*(text for _, text in SAID))
    tell.heading("What they say, to all four and to nobody else")
    for code, text in SAID:
        world.agencies[code].client.sync()
        world.agencies[code].client.crises.say(world.night.event, text)
        tell.item(world.agencies[code].program, text)
    for agency in world.agencies.values():
        if agency is not world.hospital:
            await_texts(world, agency.client, [text for _, text in SAID])


def _act(world: World) -> None:
    tell, night = world.tell, world.night
    lead, event = night.backup.crises, night.event
    world.remember(DECIDED)
    now = night.backup.now()
    action = lead.add_action(event, DRIVER, owner="CITYPD", due_at=now + 30 * MINUTE_MS)
    lead.decide(event, DECIDED, rationale="survivor_choice")
    lead.set_checkin(event, now + 60 * MINUTE_MS)
    police = world.police.client
    await_crisis(police, event, lambda held: bool(held.actions and held.checkin))
    police.crises.update_action(event, action, "done")
    seat = next(held for held in lead.show(event).members if held.agency == police.agency_id)
    made = lead.send_logistics(
        event,
        "transport",
        to=[seat.device],
        window_from=now + 30 * MINUTE_MS,
        window_to=now + 90 * MINUTE_MS,
    )
    done = await_crisis(night.backup, event, lambda held: held.actions[0].state == "done")
    tell.heading("What is done and decided, as the hospital sees it")
    tell.item(
        label_of("urgent_action", DRIVER),
        f"the police, in 30 minutes: {label_of('action_state', done.actions[0].state)}",
    )
    tell.item("Decided", done.decisions[0].text)
    tell.item("Check-in", "in an hour; without one, nothing is closed")
    tell.item("Arranged", "transport, told to one device of the police and to nobody else")
    tell.item("", f"the place by voice, after four words: {made.words}")
    shelter = world.shelter.client
    shelter.sync()
    if shelter.crises.show(event).logistics:
        raise AssertionError("Somebody who was not named was told what is arranged.")


def _leave(world: World) -> None:
    tell, night = world.tell, world.night
    night.backup.crises.remove(night.event, "JUSTICE")
    world.remember(AFTERWARDS)
    night.backup.crises.say(night.event, AFTERWARDS)
    await_texts(world, world.shelter.client, [AFTERWARDS])
    legal_aid = world.agencies["JUSTICE"].client
    legal_aid.sync()
    tell.item("JUSTICE-LEGALAID", "has done its part, and is taken off the list")
    tell.item("The hospital", AFTERWARDS)
    if AFTERWARDS in read_texts(legal_aid.crises.show(night.event)):
        raise AssertionError("Who left was told more.")
    tell.item("JUSTICE-LEGALAID", "gets nothing of that: it was sealed for three agencies")
