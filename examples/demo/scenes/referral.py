"""A referral is sent, accepted and fed back, and nobody in between reads it.

Spec: docs/tutorial/first-referral.md.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from world import STATES

from quietway.codes import label_of
from quietway.content import Receiving, ReferralPacket, ReferralRef, Referring

if TYPE_CHECKING:
    from world import World

    from quietway import Received

TITLE = "A referral: sent, accepted, fed back"
NEEDS = ("founding",)

PURPOSE = "Needs a place from tonight. Please call our desk back before the shift ends at seven."
DAY_MS = 86_400_000
SHOWN_CODES = ("service_type", "purpose_code", "time_sensitivity", "survivor_choice", "pathway")


def play(world: World) -> None:
    """Send a referral from the hospital to the shelter, and bring the answers back."""
    packet = make_packet(world)
    world.remember(
        packet.purpose_text,
        packet.referring.staff,
        packet.referring.contact,
        packet.receiving.eligibility_note,
        str(packet.referral_ref),
    )
    sent = world.hospital.client.referrals.send(packet, to="HARBOR")
    world.tell.say(
        "The hospital's social worker refers someone to the shelter. The packet names nobody: it "
        "says which service, how soon, what the survivor chose, and whom to call back. It is "
        "signed, padded to one size, and sealed for the shelter's device alone."
    )
    world.tell.item("The hospital sees", f"the referral is {STATES[sent.state]}")
    show_referral(world, world.fetch(world.shelter))
    _answer(world, packet.referral_ref)


def make_packet(world: World) -> ReferralPacket:
    """Fill in what a standard packet asks for."""
    now = world.hospital.client.now()
    return ReferralPacket(
        referral_ref=ReferralRef.from_entropy(secrets.token_bytes(16)),
        referring=name_referring(now),
        receiving=name_receiving(),
        service_type="safehouse",
        purpose_code="safe_accommodation",
        purpose_text=PURPOSE,
        info_basis="client_interview",
        time_sensitivity="urgent",
        pathway="warm_linkage",
        referred_by="healthcare",
        survivor_choice="chosen",
        identity_mode="none",
        feedback_due=now + DAY_MS,
    )


def name_referring(now: int) -> Referring:
    """Say who refers: a desk, never the survivor."""
    return Referring(
        agency="MERCY",
        program="MERCY-SOCIALWORK",
        staff="Social work desk",
        contact="Internal line 2040, day and night",
        at=now,
    )


def name_receiving() -> Receiving:
    """Say who is asked."""
    return Receiving(
        program="HARBOR-SHELTER",
        preferred_channel="secure_message",
        eligibility_note="Adults, with or without children; pets by arrangement",
    )


def show_referral(world: World, received: list[Received]) -> ReferralPacket:
    """Tell what the shelter reads."""
    tell = world.tell
    packet = next(held.content for held in received if isinstance(held.content, ReferralPacket))
    tell.heading("The shelter reads")
    for field in SHOWN_CODES:
        tell.item(field.replace("_", " "), label_of(field, getattr(packet, field)))
    tell.item("in words", packet.purpose_text)
    tell.item("call back", f"{packet.referring.staff}; {packet.referring.contact}")
    return packet


def _answer(world: World, reference: ReferralRef) -> None:
    shelter, tell = world.shelter.client.referrals, world.tell
    tell.say("The shelter accepts, and later tells how it went on.")
    shelter.acknowledge(reference, state="accepted", next_steps="contact_planned")
    _show_state(world, reference)
    shelter.feedback(reference, state="scheduled", next_steps="intake_scheduled")
    _show_state(world, reference)


def _show_state(world: World, reference: ReferralRef) -> None:
    world.fetch(world.hospital)
    known = world.hospital.client.referrals.list()
    state = next(held.state for held in known if held.ref == reference)
    world.tell.item("The hospital sees", label_of("referral_state", state))
