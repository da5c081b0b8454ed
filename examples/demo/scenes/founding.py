"""Three agencies make their keys, put their roots on paper, and come to know one another.

Spec: docs/howto/found-an-agency.md, docs/howto/exchange-invitations.md.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from quietway import FingerprintDiffers

if TYPE_CHECKING:
    from world import World

TITLE = "Founding: three agencies, one relay"
NEEDS: tuple[str, ...] = ()
WORDS_A_LINE = 6

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
    _put_roots_on_paper(world)
    tell.heading("Who they are, and the fingerprints they read to each other by phone")
    for agency in world.agencies.values():
        tell.item(agency.program, agency.name)
        tell.item("", agency.client.fingerprint)
    _exchange_invitations(world)
    _compare_by_phone(world)
    tell.say(
        "Each handed every other an invitation, outside the relay: it names the agency's root key "
        "and carries the right to send there. The relay keeps only hashes of these rights, so it "
        "can refuse a flood without knowing who writes to whom."
    )


def _put_roots_on_paper(world: World) -> None:
    tell = world.tell
    for agency in world.agencies.values():
        words = agency.client.agency.recovery_sheet(passphrase=agency.passphrase).words
        if agency is world.shelter:
            tell.heading("The shelter's root, as 24 words for a sheet of paper")
            for start in range(0, len(words), WORDS_A_LINE):
                tell.item(f"{start + 1:>2}", " ".join(words[start : start + WORDS_A_LINE]))
        # Somebody types them from the paper: only then the root is destroyed on the machine.
        agency.client.agency.take_root_offline(" ".join(words), passphrase=agency.passphrase)
    here = [agency.client.agency.standing().root_here for agency in world.agencies.values()]
    if any(here):
        raise AssertionError("A root is still on a machine.")
    tell.say(
        "The words were typed back from the paper, and the root is on no machine any more. It says "
        "who may vouch for the agency's devices, and it is needed for nothing else."
    )


def _compare_by_phone(world: World) -> None:
    tell, shelter, hospital = world.tell, world.shelter, world.hospital
    spoken = hospital.client.fingerprint_words
    misheard = " ".join(reversed(spoken.split()))
    tell.heading("By phone: the hospital reads out eight words, the shelter types them")
    tell.item("", spoken)
    shelter.client.partners.verify("MERCY", spoken)
    tell.item("The shelter", "has the same: the hospital is verified")
    try:
        shelter.client.partners.verify("MERCY", misheard)
    except FingerprintDiffers:
        tell.item("Other words", "Stop: nothing is sent to them")
    else:
        raise AssertionError("Other words passed for the same.")


def _exchange_invitations(world: World) -> None:
    for host, guest in permutations(world.agencies.values(), 2):
        invitation = host.client.partners.invite(guest.name)
        guest.client.partners.add(invitation)
    for agency in world.agencies.values():
        agency.client.sync()
