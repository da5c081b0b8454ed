"""Agencies write down what may flow between them, and it counts once all of them have signed.

Spec: docs/spec/agreements.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.content import AgreementCell

if TYPE_CHECKING:
    from world import World

TITLE = "An agreement: a draft until all have signed"
NEEDS = ("founding",)

NAME = "referrals-and-status"
DAY_MS = 86_400_000
COUNTS_DAYS = 365
CODED = ("barriers", "documents", "narrative", "services", "status")
NAMED = ("barriers", "contact", "documents", "identity", "narrative", "services", "status")
PURPOSES = ("crisis_response", "safety_coordination", "service_referral")
KEPT_DAYS = 180
NAMED_KEPT_DAYS = 90


def play(world: World) -> None:
    """Draft an agreement at the hospital, and let all three sign it."""
    tell, hospital = world.tell, world.hospital
    draft = hospital.client.agreements.draft(
        NAME,
        parties=["HARBOR", "CITYPD"],
        matrix=write_lines(world),
        expires=hospital.client.now() + COUNTS_DAYS * DAY_MS,
    )
    tell.say("The hospital drafts what may flow. Everybody who signs reads it in plain words:")
    for line in hospital.client.agreements.explain(draft.agreement).splitlines():
        tell.item("", line, column=0)
    tell.heading("Signatures")
    for agency in (hospital, world.shelter, world.police):
        world.fetch(agency)
        # Whoever signs for an agency types a passphrase again, so no program signs by itself.
        agency.client.agreements.sign(draft.agreement, passphrase=agency.passphrase)
        agency.client.agreements.share(draft.agreement)
        state = agency.client.agreements.show(draft.agreement).state
        tell.item(agency.program, f"signs; here the agreement is {state}")
    for agency in world.agencies.values():
        world.fetch(agency)
    held = {one.client.agreements.show(draft.agreement).state for one in world.agencies.values()}
    if held != {"active"}:
        raise AssertionError("An agreement that all have signed does not count.")
    tell.say(
        "Now it counts for all three. It limits what may be told, and it gives no permission that "
        "only a survivor can give: what says who she is takes her release besides."
    )


def write_lines(world: World) -> tuple[AgreementCell, AgreementCell]:
    """Write the two lines: codes for all three agencies, and names for the shelter alone."""
    everybody = tuple(sorted(one.client.agency_id for one in world.agencies.values()))
    return (
        AgreementCell(
            categories=CODED,
            recipients=everybody,
            purposes=PURPOSES,
            retention_days=KEPT_DAYS,
            identifying=False,
        ),
        AgreementCell(
            categories=NAMED,
            recipients=(world.shelter.client.agency_id,),
            purposes=PURPOSES,
            retention_days=NAMED_KEPT_DAYS,
            identifying=True,
        ),
    )
