"""A shelter that refers and a hospital that is asked, in a sandbox whose clock a test moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL

from quietway.speaking import find_agencies, speak
from quietway_schemas.content.contact import AgencyProfile
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from quietway import Client, Due
    from quietway.testing import Sandbox
    from quietway_schemas.content.base import ContentModel


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1_000)


class Two:
    """A shelter that refers and a hospital that is asked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.shelter = sandbox.agency(SHELTER)
        self.hospital = sandbox.agency(HOSPITAL)
        self.go_to("2026-11-23T15:00+00:00")

    def go_to(self, text: str) -> None:
        # What was said before has to arrive while it can.
        self.sandbox.sync()
        self.sandbox.clock.advance((at(text) - self.sandbox.clock.now()) / SECOND)
        self.sandbox.sync()

    def refer(self, **changes: object) -> str:
        sent = self.shelter.referrals.send("MERCY", **{**WHOLE_REFERRAL, **changes})
        self.sandbox.sync()
        return str(sent.referral_ref)


def line(client: Client, source: str = "referrals") -> Due | None:
    found = [held for held in client.due.list() if held.source == source]
    assert len(found) <= 1
    return found[0] if found else None


def kind(client: Client) -> str:
    held = line(client)
    return "" if held is None else held.kind


def publish(two: Two, zone: str, country: str, *, by: str = "hospital", **more: object) -> None:
    """Let an agency say its zone and holidays to the other."""
    profile = AgencyProfile.model_validate(
        {"nonce": b"n" * 16, "time_zone": zone, "country": country, **more}
    )
    say(two, by, profile)


def say(two: Two, by: str, content: ContentModel, **where: object) -> None:
    client: Client = getattr(two, by)
    agent = client._client._agent
    other = "HARBOR" if by == "hospital" else "MERCY"
    client._loop.run(speak, agent, content, to=find_agencies(agent, other), **where)
    two.sandbox.sync()
