"""What is due, by whom and when: with a clock that a test moves, and both sides on real stores."""

from __future__ import annotations

import pytest
from tests.client_sdk.agencies import HOSPITAL, WHOLE_REFERRAL
from tests.client_sdk.consent.worlds import SIGNED
from tests.client_sdk.two_agencies import Two, at, kind, line, publish
from tests.controls import without

from quietway import ContentRefused
from quietway_schemas.content.profiles import list_asked_fields
from quietway_schemas.instants import DAY, HOUR, SECOND


@pytest.mark.requirement("C27")
def test_feedback_is_reminded_of_on_day_three_and_overdue_after_five_business_days(
    two: Two,
) -> None:
    """C27: feedback in 3-5 business days: reminder at day 3, overdue after 5, then escalation."""
    ref = two.refer()
    two.hospital.referrals.acknowledge(ref, "pending")
    two.sandbox.sync()
    assert (kind(two.shelter), kind(two.hospital)) == ("", "")
    two.go_to("2026-11-26T09:00+00:00")
    assert (kind(two.shelter), kind(two.hospital)) == ("remind", "feedback")
    two.go_to("2026-11-30T16:59+00:00")
    assert kind(two.shelter) == "remind"
    two.go_to("2026-11-30T17:00+00:00")
    due = line(two.shelter)
    assert due is not None
    assert (due.kind, due.level, due.at) == ("escalate", 1, at("2026-11-30T17:00+00:00"))
    assert due.is_overdue(two.shelter.now())
    two.hospital.referrals.outcome(ref, "accepted")
    two.go_to("2026-11-30T18:00+00:00")
    assert (kind(two.shelter), kind(two.hospital)) == ("", "")


@pytest.mark.requirement("C07")
def test_a_priority_referral_is_acknowledged_on_the_day_of_the_recipients_zone(two: Two) -> None:
    """C07: same-day acknowledgement, by the end of the business day where the recipient works."""
    publish(two, "America/New_York", "US")
    two.refer(time_sensitivity="priority")
    due = line(two.hospital)
    assert due is not None
    assert (due.kind, due.turn, due.calendar) == ("acknowledge", "ours", "theirs")
    assert due.at == at("2026-11-23T17:00-05:00")
    two.go_to("2026-11-23T21:59+00:00")
    assert kind(two.shelter) == ""
    two.go_to("2026-11-23T22:00+00:00")
    assert kind(two.shelter) == "escalate"


@pytest.mark.requirement("C03")
def test_what_is_due_is_counted_on_the_recipients_calendar_and_says_whose_it_is(two: Two) -> None:
    """C03: `due_at` on a business calendar with a zone, and an overdue list."""
    assert two.shelter.referrals.feedback_due("MERCY") == at("2026-11-30T17:00+00:00")
    publish(two, "America/New_York", "US")
    # Thanksgiving is free there.
    assert two.shelter.referrals.feedback_due("MERCY") == at("2026-12-01T17:00-05:00")
    assert two.shelter.referrals.feedback_due("MERCY", "urgent") == two.shelter.now() + 4 * HOUR
    with pytest.raises(ContentRefused, match="time_sensitivity"):
        two.shelter.referrals.feedback_due("MERCY", "soon")
    two.refer()
    assert two.hospital.referrals.list()[0].packet.feedback_due == at("2026-12-01T17:00-05:00")


def test_control_without_the_profile_it_would_fall_on_another_day(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(two, "America/New_York", "US")
    without(monkeypatch, "quietway.calendars:_read_calendar", lambda _: None)
    assert two.shelter.referrals.feedback_due("MERCY") == at("2026-11-30T17:00+00:00")


def test_until_a_profile_is_known_the_own_calendar_counts_and_the_line_says_so(two: Two) -> None:
    two.refer()
    held = line(two.hospital)
    assert held is not None
    assert held.calendar == "assumed"
    publish(two, "Europe/Madrid", "ES", by="shelter")
    two.go_to("2026-11-27T17:00+00:00")
    held = line(two.shelter)
    assert held is not None
    assert held.calendar == "own"


def test_a_profile_that_cannot_be_read_keeps_nobody_from_referring(two: Two) -> None:
    publish(two, "Mars/Olympus", "US")
    assert two.shelter.referrals.feedback_due("MERCY") == at("2026-11-30T17:00+00:00")


@pytest.mark.requirement("C17")
def test_the_programs_own_eligibility_note_and_room_go_with_a_referral(two: Two) -> None:
    """C17: program, preferred channel, and the eligibility notes that the program publishes."""
    publish(
        two,
        "UTC",
        "US",
        eligibility="Adults, with children or without.",
        capacity=({"program": HOSPITAL, "capacity": "waitlist"},),
    )
    sent = two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    packet = two.shelter.referrals.find(str(sent.referral_ref)).packet
    assert packet.receiving.eligibility_note == "Adults, with children or without."
    assert [(held.program, held.capacity) for held in sent.warnings] == [(HOSPITAL, "waitlist")]


@pytest.mark.requirement("B31")
@pytest.mark.parametrize("reason", ["not_ready", "unsafe_to_contact"])
def test_a_survivor_who_hesitates_is_never_nagged_about(two: Two, reason: str) -> None:
    """B31: pause at hesitation: a first-class outcome, and nothing about it is due."""
    ref = two.refer()
    two.hospital.referrals.answer(ref, state="pending", reason_code=reason)
    two.go_to("2026-12-30T10:00+00:00")
    assert (kind(two.shelter), kind(two.hospital)) == ("", "")
    two.hospital.referrals.answer(ref, state="declined_by_survivor", reason_code=reason)
    two.go_to("2027-03-01T10:00+00:00")
    assert (kind(two.shelter), kind(two.hospital)) == ("", "")
    assert two.shelter.referrals.find(ref).state == "declined_by_survivor"


def test_control_without_that_rule_a_hesitation_is_overdue(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = two.refer()
    two.hospital.referrals.answer(ref, state="pending", reason_code="not_ready")
    two.go_to("2026-12-30T10:00+00:00")
    without(monkeypatch, "quietway.views.due:waits_for_survivor", lambda _: False)
    assert kind(two.shelter) == "escalate"


def test_a_survivor_comes_back_and_the_clocks_begin_anew(two: Two) -> None:
    ref = two.refer()
    two.hospital.referrals.answer(ref, state="declined_by_survivor", reason_code="not_ready")
    two.go_to("2027-01-11T10:00+00:00")
    two.shelter.referrals.reopen(ref)
    two.sandbox.sync()
    held = line(two.hospital)
    assert held is not None
    assert (held.kind, held.at) == ("acknowledge", at("2027-01-14T17:00+00:00"))
    two.sandbox.clock.advance(1)
    two.hospital.referrals.acknowledge(ref, "pending")
    two.go_to("2027-01-14T09:00+00:00")
    held = line(two.hospital)
    assert held is not None
    assert (held.kind, held.at) == ("feedback", at("2027-01-18T17:00+00:00"))


@pytest.mark.requirement("C26")
def test_a_waiting_list_is_not_forgotten(two: Two) -> None:
    """C26: waitlisted, with its reason; after ten business days somebody asks how it stands."""
    ref = two.refer()
    two.hospital.referrals.outcome(ref, "waitlisted", reason_code="no_capacity")
    two.go_to("2026-12-07T16:59+00:00")
    assert kind(two.shelter) == ""
    two.go_to("2026-12-07T17:00+00:00")
    assert (kind(two.shelter), kind(two.hospital)) == ("follow_up", "follow_up")
    two.hospital.referrals.feedback(ref, "waitlisted", reason_code="no_capacity")
    two.sandbox.sync()
    assert kind(two.shelter) == ""


def test_who_asks_to_cancel_waits_for_the_others_word(two: Two) -> None:
    ref = two.refer()
    # Also where the survivor chose something else: the services agree on it among themselves.
    two.shelter.referrals.cancel(ref, reason_code="chose_other", state="cancel_requested")
    two.sandbox.sync()
    assert (kind(two.shelter), kind(two.hospital)) == ("", "confirm_cancel")


def test_an_urgent_referral_does_not_wait_for_an_office_to_open(two: Two) -> None:
    two.go_to("2026-11-28T23:00+00:00")
    two.refer(time_sensitivity="urgent")
    held = line(two.hospital)
    assert held is not None
    assert held.at == two.hospital.now() + HOUR
    two.sandbox.clock.advance(2 * HOUR // SECOND)
    assert kind(two.shelter) == "escalate"


@pytest.mark.requirement("C38")
def test_what_a_packet_leaves_out_that_its_service_usually_asks_for_is_reported(two: Two) -> None:
    """C38: cross-check of missing fields, before sealing and after opening."""
    with pytest.raises(ContentRefused, match="purpose_code"):
        two.refer(purpose_code=None)
    ref = two.refer(stated_goal="find_housing")
    for side in (two.shelter, two.hospital):
        assert side.referrals.find(ref).absent_fields == ("entry_point",)
    ref = two.refer(stated_goal="find_housing", entry_point="outreach")
    assert two.hospital.referrals.find(ref).absent_fields == ()


@pytest.mark.requirement("B08")
@pytest.mark.parametrize("service", ["safehouse", "legal_assistance", "psychosocial"])
def test_each_type_of_service_has_its_own_packet_profile(two: Two, service: str) -> None:
    """B08: how referrals to shelter, legal aid and counselling are managed: a profile for each."""
    ref = two.refer(service_type=service)
    found = two.hospital.referrals.find(ref)
    assert found.absent_fields == list_asked_fields(service)
    assert len(found.absent_fields) >= 1


@pytest.mark.requirement("A22")
def test_other_parts_say_what_is_due_in_the_same_list(two: Two) -> None:
    """A22: what is to be reviewed comes up by itself: here the permissions of a device."""
    assert [held.source for held in two.shelter.due.list()] == []
    two.sandbox.clock.advance(91 * DAY // SECOND)
    (due,) = two.shelter.due.list()
    assert (due.source, due.kind, due.subject) == (
        "permissions",
        "review_permissions",
        str(two.shelter.device_id),
    )


def test_a_case_to_be_reviewed_and_a_lead_that_is_offered_are_due(two: Two) -> None:
    case = two.shelter.cases.open()
    two.refer(case_ref=case)
    two.shelter.cases.lead.offer(case, "MERCY", reason_code="main_service")
    two.sandbox.sync()
    found = {held.source: held for held in two.hospital.due.list()}
    assert found["leads"].kind == "answer_lead"
    assert found["leads"].agency == two.shelter.agency_id


def test_a_release_that_ends_is_due_a_week_before_and_names_nobody(two: Two) -> None:
    case = two.shelter.cases.open()
    two.refer(case_ref=case)
    two.shelter.consent.grant(case, "MERCY", **SIGNED)
    assert line(two.shelter, "consents") is None
    two.sandbox.clock.advance(24 * DAY // SECOND)
    two.sandbox.sync()
    due = line(two.shelter, "consents")
    assert due is not None
    assert (due.kind, due.subject, due.turn) == ("ends_soon", str(case), "ours")
