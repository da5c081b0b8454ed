"""What the scenes of a night share: the case, who is on call at the hospital, the alert, the event.

The hospital opened the case, so it leads, and its on-call is called. Times are seconds where an
agency's are minutes.

Spec: docs/explanation/escalation.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quietway import Client, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from world import Agency, World

    from quietway import Alert, Crisis
    from quietway.content import AgencyId, CaseRef

LADDER = (0, 3, 6, 9)
"""When each tier is called, in seconds: an agency's own are 0, 300, 600 and 900."""
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.2
LOST = "Something was lost on the way: "

_TOLD_BEFORE = ("alternatives", "benefits", "may_withdraw", "not_condition_of_service", "risks")
_RELEASED = ("barriers", "narrative", "services", "status")
_SCOPES = ("coordination_status", "crisis_alert", "huddle_participation")
_PURPOSES = ("crisis_response", "safety_coordination")


@dataclass
class Night:
    """What happens in one night.

    Attributes:
        case: By the hospital's own reference.
        primary: Who is called first.
        backup: Who is called next.
        alert: The alert's id; empty before there is one.
        event: The crisis's id; empty before there is one.
    """

    case: CaseRef
    primary: Client
    backup: Client
    alert: bytes = b""
    event: bytes = b""


def open_case(world: World, told: Iterable[Agency]) -> CaseRef:
    """Open a case at the hospital, and let its survivor release what a crisis takes."""
    case = world.hospital.client.cases.open()
    for agency in told:
        tell_of_case(world, case, agency)
    return case


def tell_of_case(world: World, case: CaseRef, agency: Agency) -> None:
    """Let the survivor release what a crisis takes to one agency, and tell it of the case."""
    hospital = world.hospital.client
    hospital.consent.grant(
        case,
        agency.code,
        categories=_RELEASED,
        purposes=_PURPOSES,
        scopes=_SCOPES,
        informed=_TOLD_BEFORE,
    )
    hospital.board.set_barrier(case, "financial_insecurity", to=agency.code)
    world.fetch(agency)


def find_case(client: Client, before: Iterable[CaseRef]) -> CaseRef:
    """Find what an agency calls the case that was opened since."""
    known = set(before)
    return next(held.case_ref for held in client.cases.list() if held.case_ref not in known)


def link(world: World, name: str, role: str) -> Client:
    """Link another device of the hospital, in a store of its own, and give it what is open."""
    hospital = world.hospital
    home, passphrase = world.folder / name, f"demo passphrase of the {name}"
    request = Client.request_link(
        home, passphrase=passphrase, agency_owned=True, parameters=world.parameters
    ).to_text()
    offered = hospital.client.devices.offer(request, roles=[role], passphrase=hospital.passphrase)
    hospital.client.devices.confirm(request, offered.offer, passphrase=hospital.passphrase)
    device = world.keep_open(
        Client.join(
            home,
            passphrase=passphrase,
            offer=offered.offer,
            words=offered.words,
            parameters=world.parameters,
        )
    )
    world.others.append(device)
    for client in (device, hospital.client):
        client.sync()
    hospital.client.devices.give_snapshot(device.device_id, passphrase=hospital.passphrase)
    device.sync()
    return device


def await_alert(device: Client, alert_id: bytes, wanted: Callable[[Alert], bool]) -> Alert:
    """Let a device ask the relay until it has an alert that is as wanted.

    Raises:
        AssertionError: It never was.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        device.sync()
        try:
            alert = device.alerts.show(alert_id)
        except NotFound:
            pass
        else:
            if wanted(alert):
                return alert
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"{LOST}an alert did not come to be seen as it is.")


def activate(world: World) -> bytes:
    """Let the hospital call the others together about the alert; returns the event's id.

    Raises:
        NotCorroborated: Nobody else said yet that it is true.
    """
    night = world.night
    client = night.backup
    verification = client.alerts.show(night.alert).verification
    return client.crises.activate(
        night.case,
        criteria=["missed_checkin_high_concern"],
        event_type="medical_emergency",
        partners=[code for code in world.agencies if code != world.hospital.code],
        alert=night.alert,
        verify_state=verification,
    )


def let_answer(world: World, agency: Agency) -> None:
    """Let the hospital call an agency, and that one answer that it takes part.

    Raises:
        AssertionError: It was never called, or never taken in.
    """
    night, client = world.night, agency.client
    await_crisis(client, night.event, lambda held: held.seat is None, night.backup)
    client.crises.answer(night.event)
    await_crisis(client, night.event, lambda held: held.seat is not None, night.backup)


def await_crisis(
    device: Client, event: bytes, wanted: Callable[[Crisis], bool], *before: Client
) -> Crisis:
    """Let a device ask the relay until an event is as wanted there.

    Args:
        device: Which.
        event: The event's id.
        wanted: How it is to be.
        before: Who goes on first, each time.

    Raises:
        AssertionError: It never was.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        for client in (*before, device):
            client.sync()
        try:
            crisis = device.crises.show(event)
        except NotFound:
            continue
        if wanted(crisis):
            return crisis
    raise AssertionError(f"{LOST}an event did not come to be seen as it is.")


def await_texts(world: World, device: Client, texts: Iterable[str]) -> None:
    """Let a device ask the relay until it has these texts of the event, each once.

    Raises:
        AssertionError: One is missing, or came twice.
    """
    wanted = list(texts)

    def is_there(crisis: Crisis) -> bool:
        return all(text in read_texts(crisis) for text in wanted)

    read = read_texts(await_crisis(device, world.night.event, is_there))
    if any(read.count(text) != 1 for text in wanted):
        raise AssertionError("A text came twice.")


def read_texts(crisis: Crisis) -> list[str]:
    """Give the texts of an event, in their order."""
    return [held.text for held in crisis.messages]


def name_agency(world: World, agency: AgencyId) -> str:
    """Give an agency's program, as the story calls it."""
    return next(held.program for held in world.agencies.values() if held.client.agency_id == agency)


def befriend(one: Agency, other: Agency) -> None:
    """Exchange invitations between two agencies."""
    for host, guest in ((one, other), (other, one)):
        guest.client.partners.add(host.client.partners.invite(guest.name))
    for agency in (one, other):
        agency.client.sync()


def show_day(instant: int) -> str:
    """Write the day of an instant."""
    return datetime.fromtimestamp(instant / 1_000, UTC).strftime("%A, %d %B")
