"""Agencies that work together in a crisis, in a sandbox: who opens it, and who is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.testing import Sandbox
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from typing import Self

    from quietway import Client
    from quietway.views.crises import Crisis
    from quietway_schemas.ids import CaseRef

SHELTER: Final = "HARBOR-SHELTER"
HOSPITAL: Final = "MERCY-SOCIALWORK"
POLICE: Final = "METRO-POLICE"
LEGAL: Final = "JUSTICE-AID"
ROLES: Final = {
    SHELTER: ("shelter_staff", "frontline_advocate"),
    HOSPITAL: ("hospital_social_worker",),
    POLICE: ("police_liaison",),
    LEGAL: ("legal_aid",),
}
ALL_OF_IT: Final = ("narrative", "services", "status")
INFORMED: Final = ("alternatives", "benefits", "may_withdraw", "not_condition_of_service", "risks")


class Huddle:
    """A shelter with a case, and partners that may be told of it in a huddle."""

    def __init__(
        self,
        *partners: str,
        released: bool = True,
        shelter: tuple[str, ...] = ROLES[SHELTER],
    ) -> None:
        self.sandbox = Sandbox()
        self.shelter = self.sandbox.agency(SHELTER, roles=shelter)
        self.partners = [self.sandbox.agency(name, roles=ROLES[name]) for name in partners]
        self.case: CaseRef = self.shelter.cases.open()
        for partner in self.partners if released else ():
            self.release(partner)
        self.event = b""

    def release(self, partner: Client) -> None:
        self.shelter.consent.grant(
            self.case,
            partner.agency_id,
            categories=ALL_OF_IT,
            purposes=("crisis_response",),
            scopes=("huddle_participation",),
            informed=INFORMED,
            expires=self.sandbox.clock.now() + 7 * DAY,
        )

    def activate(self, **changes: object) -> bytes:
        asked: dict[str, object] = {
            "criteria": ("imminent_harm",),
            "event_type": "survivor_request",
            "partners": [partner.agency_id for partner in self.partners],
        }
        self.event = self.shelter.crises.activate(self.case, **{**asked, **changes})
        self.sandbox.sync()
        return self.event

    def open(self, **changes: object) -> Crisis:
        """Activate, and let everybody who is called answer, one after the other."""
        self.activate(**changes)
        for partner in self.partners:
            partner.crises.answer(self.event)
            self.sandbox.sync()
            self.sandbox.sync()
        return self.show(self.shelter)

    def show(self, client: Client) -> Crisis:
        return client.crises.show(self.event)

    def say(self, client: Client, text: str) -> None:
        """Say something a second after what was said before, and let it arrive."""
        self.sandbox.clock.advance(1)
        client.crises.say(self.event, text)

    def texts(self, client: Client) -> list[str]:
        return [held.text for held in self.show(client).messages]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.close()


def count_to(huddle: Huddle, client: Client) -> int:
    """Count the envelopes that the relay ever took for a client's device."""
    return huddle.sandbox.relay._mailboxes[client._client._agent.keyring.mailbox].latest
