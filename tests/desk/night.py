"""A night with somebody on call: a shelter that raises alerts, and a hospital that leads the case.

The hospital has two devices on call besides its first one, which is an ops holder's; the police and
legal aid take part in a crisis. Each has a desk of its own over one real relay.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

from tests.desk.conftest import Desk, write_passphrase
from tests.journeys.conftest import PASSPHRASE, QUICK, enroll

from quietway import Client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.relay_process import RelayProcess

CODE: Final = "needs_lead_now"
PROGRAMS: Final = {
    "shelter": ("HARBOR-SHELTER", ("shelter_staff",)),
    "hospital": ("MERCY-SOCIALWORK", ("hospital_social_worker", "agency_lead")),
    "police": ("CITYPD-LIAISON", ("police_liaison", "on_call_lead")),
    "legal_aid": ("JUSTICE-LEGALAID", ("legal_aid", "on_call_lead")),
}
DOORS: Final = ("barriers", "contact", "documents", "narrative", "services", "status")
TOLD_BEFORE: Final = (
    "alternatives",
    "benefits",
    "may_withdraw",
    "not_condition_of_service",
    "risks",
)
SCOPES: Final = ("coordination_status", "crisis_alert", "huddle_participation")


@dataclass(frozen=True)
class Night:
    """Everybody's desk, and what each of them calls the case."""

    relay: RelayProcess
    shelter: Desk
    hospital: Desk
    primary: Desk
    backup: Desk
    police: Desk
    legal_aid: Desk
    cases: dict[str, str]

    def raise_alert(self, *options: str) -> str:
        """Let the shelter raise an alert; returns what it is called."""
        sent = self.shelter.run("alert", "send", self.cases["shelter"], f"--code={CODE}", *options)
        assert sent.returncode == 0, sent.stderr
        return sent.stdout.split("is called ")[1].split(".")[0]


def begin_night(relay: RelayProcess, folder: Path, *, agencies: Iterable[str]) -> Night:
    """Found the agencies, link the hospital's devices, open the case, tell everybody of it."""
    names = tuple(agencies)
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(_found(relay, folder / name, *PROGRAMS[name]))
            for name in names
        }
        for host, guest in permutations(clients.values(), 2):
            guest.partners.add(host.partners.invite(guest.program))
        for client in clients.values():
            assert client.sync().problems == ()
        cases = _open_case(clients)
        on_call = [
            _link(stack, clients["hospital"], folder / name, role)
            for name, role in (("primary", "on_call_lead"), ("backup", "supervisor"))
        ]
        _let_know(clients["hospital"], on_call)
    passphrase_file = write_passphrase(folder)
    everyone = (*PROGRAMS, "primary", "backup")
    desks: dict[str, Any] = {name: Desk(folder / name, passphrase_file) for name in everyone}
    night = Night(relay, **desks, cases=cases)
    # What the partners need to know of the new devices.
    known = night.shelter.run("inbox")
    assert known.returncode == 0, known.stderr
    return night


def read_json(desk: Desk, *arguments: str) -> Any:
    """Run a command that writes JSON, and read it."""
    ran = desk.run(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def _found(relay: RelayProcess, home: Path, program: str, roles: tuple[str, ...]) -> Client:
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


def _link(stack: ExitStack, holder: Client, home: Path, role: str) -> Client:
    request = Client.request_link(
        home, passphrase=PASSPHRASE, agency_owned=True, parameters=QUICK
    ).to_text()
    offered = holder.devices.offer(request, roles=[role], passphrase=PASSPHRASE)
    holder.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    return stack.enter_context(
        Client.join(
            home,
            passphrase=PASSPHRASE,
            offer=offered.offer,
            words=offered.words,
            parameters=QUICK,
        )
    )


def _let_know(holder: Client, linked: list[Client]) -> None:
    """Give the new devices what is open, and let everybody have seen who is new."""
    for client in (*linked, holder):
        client.sync()
    for new in linked:
        holder.devices.give_snapshot(new.device_id, passphrase=PASSPHRASE)
    for client in (*linked, holder, *linked):
        client.sync()
        for change in client.devices.changes():
            client.devices.acknowledge(change)


def _open_case(clients: dict[str, Client]) -> dict[str, str]:
    hospital = clients["hospital"]
    case = hospital.cases.open()
    partners = [client.program.partition("-")[0] for client in clients.values()]
    for code in partners:
        if code != "MERCY":
            hospital.consent.grant(
                case,
                code,
                categories=DOORS,
                purposes=("crisis_response", "safety_coordination"),
                scopes=SCOPES,
                informed=TOLD_BEFORE,
            )
            hospital.board.set_barrier(case, "financial_insecurity", to=code)
            hospital.consent.preferences(
                case, code, safe_channels=["in_person"], unsafe_channels=["text", "voicemail"]
            )
    for client in clients.values():
        client.sync()
        client.sync()
    return {name: str(client.cases.list()[0].case_ref) for name, client in clients.items()}
