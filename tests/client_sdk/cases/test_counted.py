"""What was said already is offered, not asked again; what agencies do together is counted alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import WHOLE_REFERRAL
from tests.client_sdk.cases.test_linkage import grant_legal
from tests.client_sdk.cases.told import three, two

from quietway.errors import ContentRefused, NotFound
from quietway_schemas.codebook.lists import DICTIONARY_VERSION, codes
from quietway_schemas.instants import DAY, MINUTE

if TYPE_CHECKING:
    from quietway.testing import Sandbox


@pytest.mark.requirement("B19")
def test_what_was_answered_is_offered_to_both_agencies_and_the_last_answer_counts(
    sandbox: Sandbox,
) -> None:
    """B19: a concern is a code; what was answered before is reused, and nobody asks again."""
    shelter, hospital, case, theirs = two(sandbox)
    shelter.board.set_barrier(case, "pet_care")
    sandbox.clock.advance(60)
    shelter.board.set_barrier(case, "pet_care", "resolved")
    grant_legal(shelter, case)
    shelter.cases.note_respondent(case, "order_served", month="2026-10")
    sandbox.sync()
    for client, ref in ((shelter, case), (hospital, theirs)):
        offered = {(held.kind, held.code): held for held in client.cases.concerns(ref)}
        assert {key: held.answer for key, held in offered.items()} == {
            ("barrier.update", "pet_care"): "resolved",
            ("respondent.event", "order_served"): "2026-10",
            ("status.indicator", "advocate_assigned"): "active",
        }
        assert {held.agency for held in offered.values()} == {shelter.agency_id}
    # The board lets go of what is over; an answer was given all the same.
    sandbox.clock.advance(200 * DAY / 1_000)
    assert hospital.board.show(theirs).barriers == ()
    assert ("pet_care", "resolved") in {
        (held.code, held.answer) for held in hospital.cases.concerns(theirs)
    }


def test_what_one_agency_answered_does_not_replace_what_another_did(sandbox: Sandbox) -> None:
    shelter, hospital, case, theirs = two(sandbox)
    shelter.board.set_barrier(case, "pet_care")
    hospital.board.set_barrier(theirs, "pet_care", "easing")
    sandbox.sync()
    said = {
        held.agency: held.answer for held in shelter.cases.concerns(case) if held.code == "pet_care"
    }
    assert said == {shelter.agency_id: "present", hospital.agency_id: "easing"}
    with pytest.raises(NotFound):
        shelter.cases.concerns("case:unknown")


@pytest.mark.requirement("C35")
def test_agencies_count_alike_by_the_definitions_of_one_dictionary_version(
    sandbox: Sandbox,
) -> None:
    """C35: contacts, conferences, referrals and times, by definitions that all share."""
    shelter, hospital, _, case = three(sandbox)
    start = sandbox.clock.now()
    for partner in ("MERCY", "CITYPD"):
        shelter.contacts.log_call(partner, "phone", "scheduling", "reached", case=case, at=start)
    sent = shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=case)
    shelter.referrals.send("MERCY", **WHOLE_REFERRAL, exercise=True)
    sandbox.sync()
    sandbox.clock.advance(7 * MINUTE / 1_000)
    (asked,) = [held for held in hospital.referrals.list() if held.ref == sent.referral_ref]
    hospital.referrals.acknowledge(asked.ref)
    sandbox.sync()
    end = sandbox.clock.now() + 1
    counted = shelter.cases.indicators(start, end)
    assert counted.version == DICTIONARY_VERSION
    assert set(counted.values) == codes("indicator")
    assert counted.values == {
        "coordination_contacts": 1,
        "case_conferences": 1,
        "referrals_made": 1,
        "referrals_acknowledged": 1,
        "referrals_completed": 0,
        "median_minutes_to_acknowledgement": 7,
    }
    # What a partner made is its own to count, and what is not in the period is not counted.
    assert hospital.cases.indicators(start, end).values["referrals_made"] == 0
    later = shelter.cases.indicators(end, end + DAY).values
    assert later["coordination_contacts"] == 0
    assert later["median_minutes_to_acknowledgement"] is None
    with pytest.raises(ContentRefused, match="end"):
        shelter.cases.indicators(end, start)
