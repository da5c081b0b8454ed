"""The whole story while everything fails: network, relay and the device on call are killed.

Each is a process of its own, and ends by SIGKILL. What was written down stays, what was sealed goes
out when it can, and nothing is there twice. Where anything is lost, the demo ends with 1.

Spec: docs/explanation/escalation.md, "Seen with everything failing".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from device import Device
from network import Network
from night import (
    Night,
    activate,
    await_alert,
    await_crisis,
    befriend,
    find_case,
    let_answer,
    link,
    open_case,
    read_texts,
    show_day,
    tell_of_case,
)
from scenes import founding
from scenes.alert import CODE
from scenes.huddle import LEGAL_AID
from scenes.who_sees_what import search_relay

from quietway.codes import label_of

if TYPE_CHECKING:
    from world import World

    from quietway import Sent

TITLE = "Everything fails: the network, the relay, and the device that is on call"
NEEDS: tuple[str, ...] = ()

PHONE = "phone"
LADDER = (0, 8, 16, 24)
"""When each is called, in seconds: long enough to be killed in between."""
MINUTE_MS = 60_000
SAID = (
    ("HARBOR", "A room is ready, and somebody waits by the phone."),
    ("CITYPD", "We go by what she wants; nobody drives up to a door."),
    ("JUSTICE", "The order can be filed first thing in the morning."),
)
NOTES = ("took_part",)
OUTCOME = "danger_over"


def play(world: World) -> None:
    """Tell the story of a night in which nothing stays up."""
    network = _build(world)
    phone = Device(world.folder / PHONE, f"demo passphrase of the {PHONE}")
    world.stop_at_the_end(phone)
    phone.start()
    phone.await_line("open")
    _raise_without_network(world, network)
    _climb_without_relay(world, phone)
    _claim_without_network(world, network, phone)
    _verify_while_the_relay_dies(world)
    _talk_while_all_of_it_dies(world, network)
    _close(world)
    search_relay(world)
    world.tell.say(
        "Lost: nothing. Twice: nothing. Whoever writes is written down on their own disk before "
        "the network is tried; whoever accepts has it on theirs before they say so."
    )


def _build(world: World) -> Network:
    with world.tell.hushed():
        world.relay.start()
        network = Network(world.relay)
        network.start()
        world.stop_at_the_end(network)
        # From now on every device reaches the relay through the network, and in no other way.
        world.relay.public_url = network.url
        world.relay.stop()
        founding.play(world)
        (code,) = world.relay.enroll(1)
        world.found(*LEGAL_AID, code=code)
        newcomer = world.agencies["JUSTICE"]
        for agency in world.agencies.values():
            if agency is not newcomer:
                befriend(agency, newcomer)
        case = open_case(world, (world.shelter, world.police))
        tell_of_case(world, case, newcomer)
        primary, backup = link(world, PHONE, "on_call_lead"), link(world, "ward", "supervisor")
        world.shelter.client.sync()
        world.night = Night(case, primary, backup)
        # From now on a process of its own has the phone's store.
        world.others.remove(primary)
        primary.close()
    world.tell.say(
        "Four agencies, a relay, the network between them, and a phone that is on call at the "
        "hospital: a process each. Each of them but the agencies is killed now, some twice, with "
        "SIGKILL: no process is asked, and none can tidy up."
    )
    return network


def _raise_without_network(world: World, network: Network) -> None:
    tell, shelter, night = world.tell, world.shelter.client, world.night
    network.kill()
    tell.item("The network", "is killed")
    sent = shelter.alerts.send(find_case(shelter, ()), CODE, ladder=LADDER)
    night.alert = sent.alert_id
    _demand(sent.sent.state != "stored_at_relay", "the relay took what it could not see.")
    tell.item("The shelter", f'"{label_of("alert_code", CODE)}": NOT DELIVERED, and it says so')
    network.start()
    shelter.sync()
    _demand(_state_of(world, sent.sent) == "stored_at_relay", "the alert.")
    tell.item("The network", "is back: the relay has the alert with its whole ladder")


def _climb_without_relay(world: World, phone: Device) -> None:
    tell, night = world.tell, world.night
    due = time.monotonic() + LADDER[1]
    phone.await_line(night.alert.hex())
    tell.item("The phone", "has it, and rings")
    phone.kill()
    tell.item("The phone", "is killed before anybody answers")
    world.relay.kill()
    down = "is killed, and down when the next one is to be called"
    tell.item("The relay", down if time.monotonic() < due else "is killed")
    time.sleep(max(0.0, due - time.monotonic()))
    alone = world.shelter.client.alerts.show(night.alert)
    _demand(alone.state == "unanswered", "the sender's own count.")
    tell.item("The shelter", "its own clock says: nobody has it. It shows whom to phone")
    world.relay.start()
    await_alert(night.backup, night.alert, lambda _: True)
    tell.item("The relay", "is back, and calls at once whom it owed a call")
    tell.item("The laptop", "rings")


def _claim_without_network(world: World, network: Network, phone: Device) -> None:
    tell, night, shelter = world.tell, world.night, world.shelter.client
    network.kill()
    tell.item("The network", "is killed again")
    claimed = night.backup.alerts.claim(night.alert)
    _demand(claimed.state != "stored_at_relay", "the relay took what it could not see.")
    tell.item("The laptop", "its user takes it: NOT DELIVERED, and it says so")
    network.start()
    night.backup.sync()
    seen = await_alert(shelter, night.alert, lambda held: held.confirmed)
    tell.item("The network", "is back. The shelter sees who has it, signed")
    phone.start()
    phone.await_line(f"{night.alert.hex()} claimed")
    phone.kill()
    tell.item("The phone", "is started on what its disk kept: it sees that it is taken")
    _demand(len(seen.claims) == 1, "one claim, once.")


def _verify_while_the_relay_dies(world: World) -> None:
    tell, night = world.tell, world.night
    world.relay.kill()
    night.backup.alerts.verify(night.alert, "partner_agency", "supports")
    world.relay.start()
    night.backup.sync()
    shelter = world.shelter.client
    seen = await_alert(shelter, night.alert, lambda held: bool(held.verified))
    _demand(seen.verification == "corroborated", "what corroborated it.")
    tell.item("The relay", "is killed while the hospital corroborates it; then it is there")


def _talk_while_all_of_it_dies(world: World, network: Network) -> None:
    tell, night = world.tell, world.night
    world.night.event = activate(world)
    for agency in world.agencies.values():
        if agency is not world.hospital:
            let_answer(world, agency)
    _sync_all(world)
    tell.item("Four agencies", "are called together, and take part")
    world.remember(*(text for _, text in SAID))
    killed = (network, world.relay, network)
    for (code, text), failing in zip(SAID, killed, strict=True):
        failing.kill()
        sent = world.agencies[code].client.crises.say(night.event, text)
        _demand(sent.state != "stored_at_relay", "the relay took what it could not see.")
        failing.start()
        tell.item(f"The {failing.NAME}", f"is killed; {code} says something; it is back")
    _sync_all(world)
    _act(world, network)
    for agency in world.agencies.values():
        _demand_texts(world, agency.code)
    tell.item("All four", f"have read {len(SAID)} texts, each once")


def _act(world: World, network: Network) -> None:
    night, now = world.night, world.night.backup.now()
    lead = night.backup.crises
    network.kill()
    lead.add_action(night.event, "arrange_transport", owner="CITYPD", due_at=now + 30 * MINUTE_MS)
    lead.set_checkin(night.event, now + 60 * MINUTE_MS)
    network.start()
    _sync_all(world)
    police = world.police.client
    (action,) = await_crisis(
        police, night.event, lambda held: bool(held.actions and held.checkin)
    ).actions
    world.relay.kill()
    police.crises.update_action(night.event, action.action_id, "done")
    world.relay.start()
    _sync_all(world)
    await_crisis(night.backup, night.event, lambda held: held.actions[0].state == "done")
    world.tell.item("An action", "is set without the network, and done without the relay")


def _close(world: World) -> None:
    tell, night = world.tell, world.night
    for code, agency in world.agencies.items():
        client = night.backup if code == "MERCY" else agency.client
        client.crises.note(night.event, NOTES)
    _sync_all(world)
    world.relay.kill()
    night.backup.crises.close(night.event, OUTCOME)
    world.relay.start()
    _sync_all(world)
    for agency in world.agencies.values():
        client = night.backup if agency is world.hospital else agency.client
        await_crisis(client, night.event, lambda held: held.state == "closed")
    review = world.shelter.client.reviews.show(night.event)
    tell.item("The relay", "is killed while the hospital closes it; then all four see it closed")
    tell.item("The review", f"is due {show_day(review.due)}")


def _sync_all(world: World) -> None:
    # Twice: what one hands over in the first round, all have after the second.
    for _ in range(2):
        for client in (world.night.backup, *(one.client for one in world.agencies.values())):
            client.sync()


def _state_of(world: World, sent: Sent) -> str:
    outbox = world.shelter.client.outbox()
    return next(held.state for held in outbox if held.local_id == sent.local_id)


def _demand_texts(world: World, code: str) -> None:
    night = world.night
    client = night.backup if code == "MERCY" else world.agencies[code].client
    read = read_texts(client.crises.show(night.event))
    _demand(sorted(read) == sorted(text for _, text in SAID), f"a text for {code}.")


def _demand(is_so: bool, what: str) -> None:  # noqa: FBT001 - the one thing that is demanded
    if not is_so:
        raise AssertionError(f"Something was lost on the way: {what}")
