"""Three agencies make their keys and come to know one another.

Spec: docs/howto/exchange-invitations.md.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from world import World

TITLE = "Founding: three agencies, one relay"
NEEDS: tuple[str, ...] = ()

AGENCIES = (
    ("a shelter", "HARBOR-SHELTER", "shelter_staff"),
    ("a police liaison unit", "CITYPD-LIAISON", "police_liaison"),
    ("a hospital", "MERCY-SOCIALWORK", "hospital_social_worker"),
)


def play(world: World) -> None:
    """Start the relay, found the agencies, and hand over the invitations."""
    tell = world.tell
    world.relay.start()
    tell.say(
        f"The relay is a process of its own; it listens on {world.relay.url}. Its operator hands "
        "each agency a one-time code. Each agency then makes its keys on its own machine, in a "
        "store that only its own passphrase opens. (A real store makes each guess at the "
        "passphrase cost a second of work; the demo, to be quick, does not.)"
    )
    codes = world.relay.enroll(len(AGENCIES))
    for (name, program, role), code in zip(AGENCIES, codes, strict=True):
        world.found(name, program, role, code=code)
    tell.heading("Who they are, and the fingerprints they read to each other by phone")
    for agency in world.agencies.values():
        tell.item(agency.program, agency.name)
        tell.item("", agency.client.fingerprint)
    _exchange_invitations(world)
    tell.say(
        "Each handed every other an invitation, outside the relay: it names the agency's root key "
        "and carries the right to send there. The relay keeps only hashes of these rights, so it "
        "can refuse a flood without knowing who writes to whom."
    )


def _exchange_invitations(world: World) -> None:
    for host, guest in permutations(world.agencies.values(), 2):
        invitation = host.client.partners.invite(guest.name)
        guest.client.partners.add(invitation)
    for agency in world.agencies.values():
        agency.client.sync()
