"""An alert at night: whoever is called first is silent, and the next one takes it.

Spec: docs/explanation/escalation.md, "An alert".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from night import LADDER, Night, await_alert, find_case, link, open_case

from quietway.codes import label_of

if TYPE_CHECKING:
    from world import World

    from quietway.content import CaseRef

TITLE = "An alert: whoever is called first is silent"
NEEDS = ("founding", "agreed")

CODE = "checkin_missed"


def play(world: World) -> None:
    """Put two devices on call, raise an alert, and let it climb."""
    before = [held.case_ref for held in world.shelter.client.cases.list()]
    case = open_case(world, (world.shelter, world.police))
    phone, laptop = link(world, "phone", "on_call_lead"), link(world, "ward", "supervisor")
    world.night = Night(case, phone, laptop)
    world.shelter.client.sync()
    _raise(world, before)
    _climb(world)


def _raise(world: World, before: list[CaseRef]) -> None:
    tell, shelter = world.tell, world.shelter.client
    tell.say(
        "Two devices are on call at the hospital tonight: a phone, and a laptop after it. A "
        "check-in is missed, and the shelter's advocate sends an alert: a code, and which case. It "
        "has no field for words. It goes to whoever is on call at the agency that leads the case, "
        "and to nobody else; the next one is called after three seconds here, not five minutes."
    )
    sent = shelter.alerts.send(find_case(shelter, before), CODE, ladder=LADDER)
    world.night.alert = sent.alert_id
    if sent.sent.state != "stored_at_relay":
        raise AssertionError("The relay did not take the alert with its ladder.")
    tell.item("The shelter", f'"{label_of("alert_code", CODE)}": the relay has the whole ladder')


def _climb(world: World) -> None:
    tell, night, began = world.tell, world.night, time.monotonic()
    tell.item("The phone", "is called at once. It is switched off")
    alert = await_alert(night.backup, night.alert, lambda _: True)
    waited = time.monotonic() - began
    tell.item("The laptop", f"rings {waited:.0f} seconds later: nobody has it yet")
    if alert.claims or waited < LADDER[1] - 1:
        raise AssertionError("The second one was called before its time.")
    night.backup.alerts.claim(night.alert)
    tell.item("The laptop", "its user takes it, and the relay calls nobody further")
    seen = await_alert(world.shelter.client, night.alert, lambda held: held.confirmed)
    late = await_alert(night.primary, night.alert, lambda held: held.confirmed)
    tell.item("The shelter", f"sees who has it: {seen.claims[0].program}, signed by the device")
    tell.item("The phone", "is switched on at last, and sees in one that it is taken")
    if seen.holder is None or late.holder is None or seen.holder.device != late.holder.device:
        raise AssertionError("Two devices do not agree about who has the alert.")
    tell.say(
        "The relay calls the next one without being able to read why, and can't stop an alert: "
        "only a signed claim does. Had nobody taken it, the shelter's own device would now say "
        "whom to phone, also without the network."
    )
