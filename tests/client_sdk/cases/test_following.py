"""Cases: opened, followed, looked at again, closed; and the one story of what was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import SHELTER, WHOLE_REFERRAL
from tests.client_sdk.cases.told import ADVOCATE, found, only_case, three, two
from tests.controls import without

from quietway.content import CaseRef, ReferralRef
from quietway.errors import ContentRefused, NotFound
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.testing import Sandbox


def wait(sandbox: Sandbox, milliseconds: int) -> None:
    sandbox.clock.advance(milliseconds / 1_000)


@pytest.mark.requirement("C29", "A10")
def test_a_case_is_a_random_reference_and_no_referral_is_called_the_same(
    sandbox: Sandbox,
) -> None:
    """C29, A10: a unique, non-identifying identifier: random, and made from nothing."""
    shelter, hospital = found(sandbox, SHELTER, "MERCY-SOCIALWORK")
    opened = {shelter.cases.open() for _ in range(8)}
    assert len(opened) == 8
    assert {held.case_ref for held in shelter.cases.list()} == opened
    case = min(opened)
    sent = shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=case)
    sandbox.sync()
    assert sent.referral_ref is not None
    assert sent.referral_ref.value not in {case.value, only_case(hospital).value}
    with pytest.raises(ContentRefused, match="referral_ref"):
        shelter.referrals.send(
            "MERCY", **WHOLE_REFERRAL, case_ref=case, referral_ref=ReferralRef(case.value)
        )
    # One that such a referral is known by already is not drawn (V27).
    drawn = iter([sent.referral_ref.value, bytes(16)])
    agent = shelter._client._agent
    agent.entropy = _Drawing(drawn, agent.entropy)
    assert shelter.cases.open() == CaseRef(bytes(16))


class _Drawing:
    """Entropy that begins with chosen values."""

    def __init__(self, first: object, after: object) -> None:
        self._first, self._after = first, after

    def draw(self, count: int) -> bytes:
        return next(self._first, None) or self._after.draw(count)  # type: ignore[call-overload, attr-defined]


def test_an_opened_case_is_there_before_anything_is_said_and_one_that_is_not_is_not_found(
    sandbox: Sandbox,
) -> None:
    shelter = sandbox.agency(SHELTER, roles=ADVOCATE)
    case = shelter.cases.open()
    summary = shelter.cases.find(str(case))
    assert (summary.own.state, summary.agencies, summary.review_due) == ("active", (), None)
    assert shelter.board.show(case).safety == ()
    for unknown in (CaseRef(b"u" * 16), "case_x", "somebody's name"):
        with pytest.raises(NotFound) as refused:
            shelter.cases.find(unknown)
        assert "somebody" not in str(refused.value)


@pytest.mark.requirement("C34")
def test_a_case_is_active_watched_closed_and_reopened_and_each_needs_what_it_needs(
    sandbox: Sandbox,
) -> None:
    """C34: active, inactive monitoring, closed, reopened: defined, with legal transitions."""
    shelter, hospital, case, theirs = two(sandbox)
    with pytest.raises(ContentRefused, match="review_at"):
        shelter.cases.set_status(case, "inactive_monitoring")
    with pytest.raises(ContentRefused, match="closure_reason"):
        shelter.cases.set_status(case, "closed")
    with pytest.raises(ContentRefused, match="does not follow"):
        shelter.cases.set_status(case, "reopened")
    review = sandbox.clock.now() + 30 * DAY
    steps: list[tuple[str, dict[str, object]]] = [
        ("inactive_monitoring", {"review_at": review}),
        ("closed", {"closure_reason": "needs_met"}),
        ("reopened", {}),
        ("active", {}),
    ]
    for state, given in steps:
        shelter.cases.set_status(case, state, **given)  # type: ignore[arg-type] # one of each kind
        wait(sandbox, 1)
        sandbox.sync()
        assert shelter.cases.find(case).own.state == state
        assert [held.case_ref for held in shelter.cases.list(state=state)] == [case]
        assert hospital.cases.find(theirs).others[shelter.agency_id].state == state
        # What one agency says of its own episode closes nobody else's.
        assert hospital.cases.find(theirs).own.state == "active"
        if state == "inactive_monitoring":
            assert shelter.cases.find(case).review_due == review
        if state == "closed":
            assert shelter.cases.find(case).own.closure_reason == "needs_met"
            with pytest.raises(ContentRefused, match="does not follow"):
                shelter.cases.set_status(case, "active")


def test_control_without_the_table_a_closed_case_is_active_again_and_nobody_reopened_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital, case, theirs = two(sandbox)
    shelter.cases.set_status(case, "closed", closure_reason="needs_met")
    wait(sandbox, 1)
    sandbox.sync()
    without(monkeypatch, "quietway.faces.cases:check_transition", lambda _before, after: after)
    shelter.cases.set_status(case, "active")
    sandbox.sync()
    # A device of another make that says so all the same moves nothing here.
    assert hospital.cases.find(theirs).others[shelter.agency_id].state == "closed"
    without(monkeypatch, "quietway.views.cases:_follows", lambda _held, _by_hash: True)
    assert hospital.cases.find(theirs).others[shelter.agency_id].state == "active"


@pytest.mark.requirement("B05", "B38")
def test_reviews_name_gaps_and_a_change_makes_one_due(sandbox: Sandbox) -> None:
    """B05, B38: reviews find gaps and set the next date; a change makes a review due."""
    shelter, hospital, case, theirs = two(sandbox)
    shelter.cases.review(case, gaps=["no_current_plan", "roles_unclear"])
    sandbox.sync()
    now = sandbox.clock.now()
    assert hospital.cases.find(theirs).review_due == now + 30 * DAY
    wait(sandbox, 1)
    hospital.cases.note_change(theirs, "children_changed", "finances_changed", to="HARBOR")
    sandbox.sync()
    due = shelter.cases.find(case).review_due
    assert due == now + 5 * DAY + 1
    assert shelter.cases.due() == []
    wait(sandbox, 5 * DAY)
    assert [held.case_ref for held in shelter.cases.due()] == [case]
    assert [held.case_ref for held in hospital.cases.due()] == [theirs]
    # Each agency looks at its own plan: both have to.
    hospital.cases.review(theirs, changes=["needs_new"], to="HARBOR")
    sandbox.sync()
    assert shelter.cases.due() == hospital.cases.due() == []
    with pytest.raises(ContentRefused, match="gaps"):
        shelter.cases.review(case, gaps=["none", "no_lead"])
    shelter.cases.set_status(case, "closed", closure_reason="needs_met")
    wait(sandbox, 60 * DAY)
    assert shelter.cases.due() == []


def test_a_change_puts_off_no_date_that_was_set(sandbox: Sandbox) -> None:
    shelter, _, case, _ = two(sandbox)
    soon = sandbox.clock.now() + DAY
    shelter.cases.review(case, next_review=soon)
    wait(sandbox, 1)
    shelter.cases.note_change(case, "contact_lost")
    assert shelter.cases.find(case).review_due == soon


@pytest.mark.requirement("B27")
def test_progress_is_codes_and_a_barrier_that_comes_back_is_called_recurrent(
    sandbox: Sandbox,
) -> None:
    """B27: track progress and recurrent barriers."""
    shelter, hospital, police, case = three(sandbox)
    shelter.cases.note_progress(case, "contact_made", "goal_reviewed")
    for state in ("present", "easing", "resolved", "present"):
        shelter.board.set_barrier(case, "childcare", state)
        wait(sandbox, 1)
    shelter.board.set_barrier(case, "pet_care")
    sandbox.sync()
    for client in (shelter, hospital, police):
        ref = only_case(client)
        assert [note.codes for note in client.cases.progress(ref)] == [
            ("contact_made", "goal_reviewed")
        ]
        shown = {
            held.code: (held.times_present, held.recurrent) for held in client.cases.barriers(ref)
        }
        assert shown == {"childcare": (2, True), "pet_care": (1, False)}
    with pytest.raises(ContentRefused, match="codes"):
        shelter.cases.note_progress(case, "she told me that")


@pytest.mark.requirement("A64", "A57")
def test_the_timeline_is_one_story_for_everybody_who_holds_it(sandbox: Sandbox) -> None:
    """A64, A57: merged by signed times and sequence; a plan is a code in it, no itinerary."""
    shelter, hospital, case, theirs = two(sandbox)
    shelter.status.set("safety_plan_active", to="MERCY", case_ref=case)
    sent = shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=case)
    shelter.status.set("advocate_assigned", to="MERCY", case_ref=shelter.cases.open())
    sandbox.sync()
    wait(sandbox, 5)
    assert sent.referral_ref is not None
    hospital.referrals.acknowledge(sent.referral_ref)
    hospital.board.set_barrier(theirs, "pet_care")
    sandbox.sync()
    kinds = [
        "status.indicator",
        "status.indicator",
        "referral.packet",
        "referral.ack",
        "barrier.update",
    ]
    here, there = shelter.cases.timeline(case), hospital.cases.timeline(theirs)
    assert sorted(entry.content.type for entry in here) == sorted(kinds)
    assert [(held.at, held.agency, held.core_hash) for held in here] == [
        (held.at, held.agency, held.core_hash) for held in there
    ]
    assert [held.at for held in here] == sorted(held.at for held in here)
    assert {held.program for held in there if held.agency == shelter.agency_id} == {SHELTER}
    assert {held.content.case_ref for held in here} <= {case, None}  # type: ignore[attr-defined]


@pytest.mark.requirement("A64")
def test_a_timeline_is_exported_for_a_review_and_the_access_log_says_so(
    sandbox: Sandbox,
) -> None:
    """A64: export for review, as canonical JSON of what was signed by whom and when."""
    shelter = sandbox.agency(SHELTER, roles=(*ADVOCATE, "auditor"))
    sandbox.agency("MERCY-SOCIALWORK", roles=ADVOCATE)
    case = shelter.cases.open()
    shelter.board.set_barrier(case, "pet_care", to="MERCY")
    raw = shelter.cases.export_timeline(case)
    assert raw == shelter.cases.export_timeline(case)
    held = json.loads(raw)
    (entry,) = held["entries"]
    assert held["case_ref"] == str(case)
    assert json.loads(entry["content"])["code"] == "pet_care"
    assert len(bytes.fromhex(entry["core_hash"])) == 32
    (log,) = shelter.access.log()
    assert [line.action for line in log.entries] == ["export", "export"]


@pytest.mark.requirement("B35", "C12")
def test_what_stands_on_the_board_is_advised_on_and_nothing_is_done_by_itself(
    sandbox: Sandbox,
) -> None:
    """B35, C12: when to involve whom, and which criteria speak for what: advisory tables."""
    shelter, hospital, case, theirs = two(sandbox)
    assert shelter.cases.advise(case).invite == ()
    shelter.status.set("order_violation_reported", to="MERCY", case_ref=case)
    shelter.board.set_barrier(case, "homelessness")
    sandbox.sync()
    for client, ref in ((shelter, case), (hospital, theirs)):
        advice = client.cases.advise(ref)
        assert {held.role for held in advice.invite} == {
            "law_enforcement_advocate",
            "legal_aid",
            "shelter_staff",
        }
        assert {held.service for held in advice.services} == {
            "emergency_assistance",
            "legal_assistance",
        }
        assert all(held.rule for held in (*advice.invite, *advice.services))
        assert len(client.cases.timeline(ref)) == 3
    shelter.board.set_barrier(case, "homelessness", "resolved")
    assert "shelter_staff" not in {held.role for held in shelter.cases.advise(case).invite}
