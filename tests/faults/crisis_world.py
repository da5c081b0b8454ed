"""The world of a crisis, founded once over a real relay: folders of three devices, and a case.

The shelter that calls has one device. The hospital leads the case, and has two devices on call: its
first, and one that was linked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.faults.crisis_plans import DEVICES, RELAY, SENDER
from tests.journeys.conftest import PASSPHRASE, QUICK, befriend, enroll
from tests.relay_process import RelayProcess

from quietway import Client

if TYPE_CHECKING:
    from pathlib import Path

SHELTER: Final = "HARBOR-SHELTER"
HOSPITAL: Final = "MERCY-SOCIALWORK"


@dataclass(frozen=True)
class World:
    """The folders, and the case as the shelter calls it."""

    folder: Path
    case: str


def found_world(folder: Path) -> World:
    """Found it; nobody lives any more when this returns."""
    primary, backup = (folder / name for name in DEVICES)
    with (
        RelayProcess(folder / RELAY) as relay,
        _found(relay, folder / SENDER, SHELTER, "shelter_staff") as shelter,
        _found(relay, primary, HOSPITAL, "on_call_lead", "hospital_social_worker") as hospital,
    ):
        befriend(shelter, hospital)
        with _link(backup, hospital) as linked:
            hospital.cases.set_status(hospital.cases.open(), "active", to=shelter.program)
            for client in (hospital, linked, shelter, hospital, linked, shelter):
                client.sync()
            (case,) = shelter.cases.list()
            relay.stop()
            return World(folder, str(case.case_ref))


def _found(relay: RelayProcess, home: Path, program: str, *roles: str) -> Client:
    return Client.found(
        home,
        passphrase=PASSPHRASE,
        relay=relay.url,
        enrolment_code=enroll(relay),
        agency_code=program.partition("-")[0],
        program=program,
        roles=roles,
        parameters=QUICK,
    )


def _link(home: Path, host: Client) -> Client:
    """Link a device that is called second."""
    request = Client.request_link(home, passphrase=PASSPHRASE, agency_owned=True, parameters=QUICK)
    offer, words = host.devices.offer(
        request.to_text(),
        roles=["coordination_lead", "hospital_social_worker"],
        passphrase=PASSPHRASE,
    )
    assert Client.read_offer(home, passphrase=PASSPHRASE, offer=offer.to_text()) == words
    host.devices.confirm(request, offer, passphrase=PASSPHRASE)
    client = Client.join(home, passphrase=PASSPHRASE, offer=offer, words=words, parameters=QUICK)
    for each in (host, client):
        each.sync()
    return client
