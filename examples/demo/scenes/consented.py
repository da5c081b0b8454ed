"""A case: referred without a name, released by the survivor, handed over in person, on one board.

Spec: docs/spec/consent.md, docs/spec/policy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quietway import NotPermitted
from quietway.codes import label_of

if TYPE_CHECKING:
    from world import World

    from quietway.content import CaseRef

TITLE = "Consent: no name without her release"
NEEDS = ("founding", "agreed")

TOLD_BEFORE = ("benefits", "risks", "alternatives", "may_withdraw", "not_condition_of_service")
RELEASED = ("barriers", "identity", "narrative", "services", "status")
SCOPES = ("coordination_status", "psychosocial", "safehouse")
PURPOSES = ("safety_coordination", "service_referral")
DAY_MS = 86_400_000
DEIDENTIFIED: dict[str, Any] = {
    "staff": "Social work desk",
    "contact": "Internal line 2040, day and night",
    "service_type": "safehouse",
    "purpose_code": "safe_accommodation",
    "purpose_text": "One adult, one child; ready today. Call our desk, we connect you.",
    "info_basis": "client_interview",
    "time_sensitivity": "urgent",
    "referred_by": "healthcare",
    "survivor_choice": "chosen",
}
NAMED: dict[str, Any] = {
    **DEIDENTIFIED,
    "service_type": "psychosocial",
    "purpose_code": "counselling",
    "purpose_text": "Ana, with her son. We come over together and introduce you.",
    "pathway": "warm_linkage",
    "client_present": "yes",
    "identity_mode": "identifying",
    "identifiability": "identifying",
    "disclosure_basis": "survivor_release",
}


def play(world: World) -> None:
    """Open a case, refer it without a name, record a release, and hand it over with one."""
    case = world.hospital.client.cases.open()
    world.case = case
    _refer_without_a_name(world, case)
    _try_with_a_name(world, case)
    _record_release(world, case)
    _hand_over(world, case)
    _share_the_board(world, case)


def _refer_without_a_name(world: World, case: CaseRef) -> None:
    world.hospital.client.referrals.send("HARBOR", case_ref=case, **DEIDENTIFIED)
    world.fetch(world.shelter)
    referral = world.shelter.client.referrals.list()[-1]
    world.shelter.client.referrals.acknowledge(referral.ref, next_steps="contact_planned")
    world.fetch(world.hospital)
    tell = world.tell
    tell.say(
        "The usual way: the hospital asks for a place and names nobody. The shelter calls the "
        "hospital's desk, and the survivor decides what she says herself."
    )
    tell.item("The shelter reads", referral.packet.purpose_text)
    tell.item("pathway", label_of("pathway", referral.packet.pathway))
    # Each agency knows the case under another reference, so two lists can't be laid side by side.
    if referral.packet.case_ref == case:
        raise AssertionError("The shelter knows the case by the hospital's own reference.")
    tell.item("case", "a reference that only these two share; the hospital's own is another")


def _try_with_a_name(world: World, case: CaseRef) -> None:
    try:
        world.hospital.client.referrals.send("HARBOR", case_ref=case, **NAMED)
    except NotPermitted as refused:
        world.tell.say("A colleague wants to send the name along. The SDK asks first:")
        world.tell.item("refused", str(refused))
    else:
        raise AssertionError("A name was sent without a release.")


def _record_release(world: World, case: CaseRef) -> None:
    world.hospital.client.consent.grant(
        case,
        "HARBOR",
        categories=RELEASED,
        purposes=PURPOSES,
        scopes=SCOPES,
        informed=TOLD_BEFORE,
    )
    world.fetch(world.shelter)
    tell = world.tell
    tell.say(
        "The social worker tells her what it is good for, what it may cost, what else there is, "
        "that she can take it back, and that she is helped either way. She signs, for the shelter "
        "alone and for thirty days."
    )
    tell.heading("Who could be told a status now")
    told = world.hospital.client.consent.who_would_be_told(case, "status.indicator")
    for line in told:
        tell.item(line.agency_code, f"{'yes' if line.allowed else 'no'}. {line.why}")


def _hand_over(world: World, case: CaseRef) -> None:
    tell, hospital = world.tell, world.hospital.client
    hospital.referrals.send("HARBOR", case_ref=case, **NAMED)
    world.fetch(world.shelter)
    referral = world.shelter.client.referrals.list()[-1]
    world.shelter.client.referrals.acknowledge(referral.ref)
    world.fetch(world.hospital)
    tell.say("Under her release the hospital hands over in person, with her name:")
    tell.item("The shelter reads", referral.packet.purpose_text)
    try:
        hospital.referrals.send("CITYPD", case_ref=case, **NAMED)
    except NotPermitted as refused:
        tell.item("The police", f"were to get the same; refused. {refused}")
    else:
        raise AssertionError("A name was sent to an agency that she did not release it to.")


def _share_the_board(world: World, case: CaseRef) -> None:
    tell, hospital = world.tell, world.hospital.client
    hospital.board.set_barrier(case, "financial_insecurity", to="HARBOR")
    due = hospital.now() + DAY_MS
    hospital.board.set_action(case, "arrange_shelter_place", to="HARBOR", due_at=due)
    world.fetch(world.shelter)
    entry = world.shelter.client.board.list()[-1]
    world.shelter.client.board.set_barrier(entry.case_ref, "financial_insecurity", "easing")
    world.shelter.client.board.answer_action(
        entry.case_ref, entry.actions[0].content.action_id, "done"
    )
    world.fetch(world.hospital)
    tell.heading("The board of the case that the hospital sees: codes, each with an end")
    shown = hospital.board.show(case)
    lists = {"barriers": "barrier", "actions": "urgent_action"}
    for column, code_list in lists.items():
        for line in getattr(shown, column):
            program = line.program or world.hospital.program
            tell.item(column, f"{label_of(code_list, line.code)}: {line.state}, {program}")
