"""The rules V01 to V38 as far as the dictionary itself holds them; validation.md names the others.

Each test is written from the rule's own words. The control of each is the sentence beside it that
passes: what the rule asks for.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from tests.schemas.case_samples import (
    make_action,
    make_case_status,
    make_cell,
    make_contact,
    make_largest_of_cases,
    make_profile,
    make_release,
    make_relocation,
    make_smallest_of_cases,
    make_terms,
)
from tests.schemas.samples import make_outcome, make_packet, make_referring, make_status

from quietway_schemas.content.agreement import AgreementTerms
from quietway_schemas.content.base import Absolute
from quietway_schemas.content.case import CaseLink, LeadOffer, RespondentEvent, TemplateBand
from quietway_schemas.content.case_states import LEGAL_PREDECESSORS, START, check_transition
from quietway_schemas.content.consent import (
    LONGEST_RELEASE_MS,
    LONGEST_WINDOW_MS,
    ConsentPause,
    ConsentPreferences,
    ConsentRevoke,
    ConsentWindow,
    InformedItems,
)
from quietway_schemas.content.contact import ContactSlot, ResponseWindows
from quietway_schemas.content.coordination import Escalation, ServiceUptake
from quietway_schemas.content.message import MOST_GROUNDED_TEXT_BYTES, MOST_TEXT_BYTES, MessageText
from quietway_schemas.content.referral import Episode
from quietway_schemas.content.registry import CONTENT_TYPES, encode_content
from quietway_schemas.content.status import LONGEST_STATUS_MS
from quietway_schemas.content.times import (
    HAPPENED,
    LIES_AHEAD,
    TOLERANCE_MS,
    check_times,
    find_ahead,
)
from quietway_schemas.errors import ContentError, TooLongError, UnknownCodeError
from quietway_schemas.export import make_schema
from quietway_schemas.ids import AgencyId, CaseRef, ReferralRef
from quietway_schemas.instants import DAY, LATEST_INSTANT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = 1_795_377_600_000
CASE = CaseRef(bytes(16))


def test_v01_the_days_of_an_episode_run_from_intake_to_closure() -> None:
    assert Episode(intake=day(1), referral=day(1), service_start=day(2), closure=day(3))
    for fields in (
        {"intake": day(2), "referral": day(1)},
        {"referral": day(3), "service_start": day(2)},
        {"service_start": day(3), "closure": day(2)},
        {"intake": day(3), "closure": day(2)},
    ):
        with pytest.raises(ContentError, match="backwards"):
            Episode.model_validate(fields)


@pytest.mark.requirement("C39")
def test_v02_a_service_does_not_start_before_intake() -> None:
    """C39: date ranges: the start is not before the intake."""
    assert Episode(intake=day(1), service_start=day(1))
    with pytest.raises(ContentError, match="backwards"):
        Episode(intake=day(2), service_start=day(1))


def day(number: int) -> dt.date:
    return dt.date(2026, 11, number)


@pytest.mark.requirement("C39")
def test_v03_what_has_happened_does_not_lie_ahead_and_what_is_due_may() -> None:
    """C39: no future dates but what is due or scheduled."""
    check_times(make_packet(), now=NOW)
    check_times(make_outcome(at=NOW + TOLERANCE_MS), now=NOW)
    with pytest.raises(ContentError, match="future") as refused:
        check_times(make_outcome(at=NOW + TOLERANCE_MS + 1), now=NOW)
    assert refused.value.field == "at"
    late = make_packet(referring=make_referring(at=NOW + DAY))
    assert find_ahead(late, now=NOW) == ("at",)
    tomorrow = Episode(intake=dt.date(2026, 11, 25), service_start=dt.date(2026, 12, 24))
    assert find_ahead(make_packet(episode=tomorrow), now=NOW) == ("intake",)
    ahead = RespondentEvent(case_ref=CASE, code="order_served", month="2026-12")
    assert find_ahead(ahead, now=NOW) == ("month",)
    pending = RespondentEvent(case_ref=CASE, code="custody_release_pending", month="2026-12")
    assert find_ahead(pending, now=NOW) == ()


def test_v03_it_is_today_where_the_day_begins_first() -> None:
    # At 20:00 in UTC the next day has begun in half of the world.
    assert dt.datetime.fromtimestamp(NOW / 1_000, tz=dt.UTC).isoformat().startswith("2026-11-22T20")
    for number, expected in ((23, ()), (24, ("intake",))):
        packet = make_packet(episode=Episode(intake=day(number)))
        assert find_ahead(packet, now=NOW) == expected


def test_v03_every_field_of_a_time_or_a_date_stands_in_one_of_the_tables() -> None:
    assert not HAPPENED & LIES_AHEAD
    times = {field for name in CONTENT_TYPES for field in list_times(make_schema(name))}
    assert times == HAPPENED | LIES_AHEAD


def list_times(schema: dict[str, Any]) -> Iterator[str]:
    parts = [schema, *schema.get("$defs", {}).values()]
    for field, held in (item for part in parts for item in part["properties"].items()):
        if held.get("maximum") == LATEST_INSTANT or held.get("format") == "date":
            yield field
        if held.get("pattern", "").startswith("^(19|20)"):
            yield field


def test_v04_a_closure_needs_a_reason() -> None:
    assert make_case_status(state="closed", closure_reason="needs_met")
    with pytest.raises(ContentError, match="closed"):
        make_case_status(state="closed")
    with pytest.raises(ContentError, match="closed"):
        make_case_status(state="active", closure_reason="needs_met")


def test_v05_a_status_expires_after_it_begins_and_within_the_longest_time() -> None:
    assert make_status(expires=NOW + LONGEST_STATUS_MS)
    for expires in (NOW, NOW - 1, NOW + LONGEST_STATUS_MS + 1):
        with pytest.raises(ContentError, match="30 days"):
            make_status(expires=expires)


def test_v06_there_is_exactly_one_primary_contact_and_at_least_one_backup() -> None:
    assert make_contact()
    for slots in (
        [slot("primary", "One"), slot("primary", "Two"), slot("backup", "Three")],
        [slot("backup", "One"), slot("backup", "Two")],
        [slot("primary", "One"), slot("primary", "Two")],
        [slot("primary", "One")],
    ):
        with pytest.raises(ContentError):
            make_contact(slots=tuple(slots))
    with pytest.raises(ContentError, match="somebody else"):
        make_contact(slots=(slot("primary", "One"), slot("backup", "One")))


def slot(kind: str, name: str) -> ContactSlot:
    return ContactSlot(slot=kind, name=name, role="liaison", phone="1")


def test_v08_an_offer_to_lead_names_whom_and_ends() -> None:
    fields = {
        "case_ref": CASE,
        "offer_id": bytes(16),
        "to_agency": AgencyId(bytes(16)),
        "term": 0,
        "reason_code": "capacity",
        "offered_at": NOW,
    }
    assert LeadOffer.model_validate(fields | {"expires": NOW + 1})
    with pytest.raises(ContentError, match="not after"):
        LeadOffer.model_validate(fields | {"expires": NOW})


@pytest.mark.parametrize("after", sorted(LEGAL_PREDECESSORS))
def test_v09_a_case_moves_from_a_legal_state_alone(after: str) -> None:
    for before in (START, *LEGAL_PREDECESSORS):
        if before in LEGAL_PREDECESSORS[after]:
            assert check_transition(before, after) == after
        else:
            with pytest.raises(ContentError, match="does not follow"):
                check_transition(before, after)


def test_v09_a_case_begins_active_and_is_closed_from_any_open_state_and_reopened_when_closed() -> (
    None
):
    assert [after for after, froms in LEGAL_PREDECESSORS.items() if START in froms] == ["active"]
    assert LEGAL_PREDECESSORS["closed"] >= {"active", "inactive_monitoring", "reopened"}
    assert LEGAL_PREDECESSORS["reopened"] == {"closed", "reopened"}
    with pytest.raises(UnknownCodeError):
        check_transition("active", "paused")


def test_v10_what_is_declined_waits_or_is_cancelled_needs_a_reason() -> None:
    for state in ("declined", "waitlisted"):
        with pytest.raises(ContentError, match="reason"):
            make_outcome(state=state)
    assert make_outcome(state="declined", reason_code="no_capacity", reason_side="provider")


def test_v11_feedback_is_due_after_the_referral_was_made() -> None:
    assert make_packet(feedback_due=NOW + 1)
    with pytest.raises(ContentError, match="not after"):
        make_packet(feedback_due=NOW)


def test_v12_an_unknown_code_is_refused() -> None:
    for make, change in REFUSED_CODES:
        with pytest.raises(UnknownCodeError):
            make(**change)


REFUSED_CODES: list[tuple[Callable[..., object], dict[str, object]]] = [
    (make_action, {"code": "find_her"}),
    (make_case_status, {"state": "paused"}),
    (make_cell, {"categories": ("location",)}),
    (make_profile, {"mandate": ("all",)}),
    (make_relocation, {"options": ("delay_decision", "her_sister")}),
    (make_release, {"data_categories": ("location",)}),
]


def test_v16_identifying_content_says_on_which_ground_and_not_that_it_identifies_nobody() -> None:
    for basis in (None, "non_identifying"):
        with pytest.raises(ContentError):
            make_status(identifiability="identifying", disclosure_basis=basis)
    assert make_status(identifiability="identifying", disclosure_basis="survivor_release")


def test_v17_a_release_is_never_oral_and_a_revocation_may_be() -> None:
    for form in ("written", "e_signed"):
        assert make_release(form=form)
    with pytest.raises(UnknownCodeError):
        make_release(form="oral")
    for kind in (ConsentPause, ConsentRevoke):
        assert kind(case_ref=CASE, effective_at=NOW, method="oral", nonce=bytes(16))


def test_v18_a_respondent_signs_for_nobody() -> None:
    assert make_release(signed_by="guardian_not_respondent")
    for signer in ("respondent", "guardian"):
        with pytest.raises(UnknownCodeError):
            make_release(signed_by=signer)


def test_v19_a_release_ends_within_90_days_and_a_window_within_14() -> None:
    assert make_release(expires=NOW + LONGEST_RELEASE_MS)
    for expires in (NOW, NOW + LONGEST_RELEASE_MS + 1):
        with pytest.raises(ContentError, match="90 days"):
            make_release(expires=expires)
    assert make_window(NOW + LONGEST_WINDOW_MS)
    for closes in (NOW, NOW + LONGEST_WINDOW_MS + 1):
        with pytest.raises(ContentError, match="14 days"):
            make_window(closes)


def make_window(closes: int) -> ConsentWindow:
    return ConsentWindow(
        case_ref=CASE,
        consent_id=bytes(16),
        opens=NOW,
        closes=closes,
        added_categories=("health",),
        nonce=bytes(16),
    )


def test_v20_an_urgent_action_has_an_owner_and_a_time() -> None:
    assert make_action()
    for field in ("owner", "due_at"):
        with pytest.raises(ContentError) as refused:
            make_action(**{field: None})
        assert refused.value.field == field


def test_v27_a_referral_is_never_called_as_its_case() -> None:
    with pytest.raises(ContentError, match="draw a new one"):
        make_packet(case_ref=CASE, referral_ref=ReferralRef(CASE.value))


def test_v30_the_purpose_holds_280_characters() -> None:
    assert make_packet(purpose_text="م" * 280)
    with pytest.raises(TooLongError):
        make_packet(purpose_text="م" * 281)


@pytest.mark.requirement("A55")
def test_v31_relocation_offers_two_options_at_least_and_the_survivor_may_choose_none() -> None:
    """A55: granular options, a choice that may be none or undecided, and no field for a place."""
    assert make_relocation(survivor_choice="none", choice_at=NOW)
    assert make_relocation(survivor_choice="delay_decision", choice_at=NOW)
    with pytest.raises(ContentError):
        make_relocation(options=("delay_decision",))
    with pytest.raises(ContentError, match="not one of the options"):
        make_relocation(survivor_choice="shelter_in_network", choice_at=NOW)
    for choice, at in (("undecided", NOW), ("none", None)):
        with pytest.raises(ContentError, match="choice was made"):
            make_relocation(survivor_choice=choice, choice_at=at)


def test_v38_a_time_carries_no_zone_to_get_wrong_and_a_profile_names_its_own() -> None:
    for value in ("2026-11-22T20:13:19", "2026-11-22T20:13:19+01:00", 1.5, True):
        with pytest.raises(ContentError):
            make_status(effective=value)
    assert make_profile(time_zone="America/Chicago", country="US", subdivision="WI")
    with pytest.raises(ContentError):
        make_profile(time_zone="")


def test_a_release_counts_only_if_all_five_items_were_told() -> None:
    told = dict.fromkeys(InformedItems.model_fields, True)
    assert make_release(informed_items=InformedItems.model_validate(told))
    for name in told:
        with pytest.raises(ContentError, match="was not told") as refused:
            InformedItems.model_validate(told | {name: False})
        assert refused.value.field == name
        with pytest.raises(ContentError, match="missing"):
            InformedItems.model_validate({item: True for item in told if item != name})


def test_a_channel_is_not_said_to_be_safe_and_unsafe() -> None:
    fields = {"case_ref": CASE, "language": "es", "nonce": bytes(16)}
    assert ConsentPreferences.model_validate(fields | {"unsafe_channels": ("voicemail",)})
    for change in (
        {"safe_channels": ("phone",), "unsafe_channels": ("phone",)},
        {"unsafe_channels": ("voicemail",), "voicemail_ok": True},
        {"unsafe_channels": ("text",), "text_ok": True},
    ):
        with pytest.raises(ContentError, match="unsafe_channels"):
            ConsentPreferences.model_validate(fields | change)


@pytest.mark.parametrize(
    "change",
    [
        {"previous": bytes(32)},
        {"version": 2},
        {"review_by": NOW},
        {"expires": NOW + 1},
        {"parties": (AgencyId(b"\x05" * 16),)},
        {"parties": (AgencyId(b"\x06" * 16), AgencyId(b"\x05" * 16))},
        {"matrix": ()},
        {"matrix": (make_cell(recipients=(AgencyId(bytes(16)),)),)},
    ],
)
def test_terms_that_are_not_well_formed_are_refused(change: dict[str, object]) -> None:
    assert isinstance(make_terms(), AgreementTerms)
    with pytest.raises(ContentError):
        make_terms(**change)


@pytest.mark.requirement("B03")
def test_a_risk_assessment_travels_as_its_tool_and_band_alone() -> None:
    """B03: in shared form an instrument's code, a band and a month; no answer has a field."""
    assert not {"answers", "note", "text", "items"} & set(TemplateBand.model_fields)
    fields = {"case_ref": CASE, "version": "1.0.0", "dated": "2026-11"}
    whole = {"instrument": "danger_assessment", "band": "high"}
    assert TemplateBand.model_validate(fields | whole | {"template_id": "risk_assessment"})
    for name in whole:
        less = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(ContentError) as refused:
            TemplateBand.model_validate(fields | less | {"template_id": "risk_assessment"})
        assert refused.value.field == name
    with pytest.raises(ContentError):
        TemplateBand.model_validate(fields | whole | {"template_id": "safety_plan"})


@pytest.mark.requirement("B45")
def test_what_happened_about_a_respondent_is_a_code_and_a_month() -> None:
    """B45: respondent-event codes (order_served, custody_release_pending) without a place."""
    for code in ("order_served", "custody_release_pending"):
        assert RespondentEvent(case_ref=CASE, code=code, month="2026-11")
    for month in ("2026-11-22", "2026-13", "2026", "11-2026"):
        with pytest.raises(ContentError):
            RespondentEvent(case_ref=CASE, code="order_served", month=month)


@pytest.mark.requirement("B18")
def test_content_of_a_case_says_from_whom_it_is_kept() -> None:
    """B18: a compartment label for investigations and for what is advocate-confidential."""
    for compartment in ("investigation", "advocate_confidential"):
        held = make_status(case_ref=CASE, compartment=compartment)
        assert f'"compartment":"{compartment}"'.encode() in encode_content(held)
    with pytest.raises(UnknownCodeError):
        make_status(compartment="secret")


def test_a_case_is_linked_only_with_the_release_that_allows_it() -> None:
    fields = {"case_ref": CASE, "other": AgencyId(bytes(16)), "other_ref": CaseRef(b"\x01" * 16)}
    assert CaseLink.model_validate(fields | {"consent_id": bytes(16)})
    with pytest.raises(ContentError, match="consent_id"):
        CaseLink.model_validate(fields)


def test_every_absolute_object_says_what_its_author_had_seen_in_order() -> None:
    absolute = [held for held in make_smallest_of_cases() if isinstance(held, Absolute)]
    assert len(absolute) >= 12
    for held in absolute:
        fields = {name: getattr(held, name) for name in type(held).model_fields}
        with pytest.raises(ContentError, match="sorted"):
            type(held).model_validate(fields | {"supersedes": (b"\x02" * 32, b"\x01" * 32)})


def test_a_text_that_names_its_ground_leaves_room_for_it() -> None:
    assert MessageText(text="x" * MOST_TEXT_BYTES)
    for ground in ({"consent_id": bytes(16)}, {"retain_days": 90}, {"circumstance": "if_missing"}):
        fields = {"text": "x" * MOST_GROUNDED_TEXT_BYTES, **ground}
        assert MessageText.model_validate(fields)
        with pytest.raises(TooLongError):
            MessageText.model_validate(fields | {"text": "x" * (MOST_GROUNDED_TEXT_BYTES + 1)})


def test_uptake_and_escalation_run_forwards() -> None:
    ref = ReferralRef(bytes(16))
    assert ServiceUptake(referral_ref=ref, state="completed", started="2026-10", ended="2026-10")
    for fields in (
        {"state": "not_started", "started": "2026-10"},
        {"state": "completed", "ended": "2026-10"},
        {"state": "completed", "started": "2026-11", "ended": "2026-10"},
    ):
        with pytest.raises(ContentError):
            ServiceUptake.model_validate({"referral_ref": ref} | fields)
    with pytest.raises(ContentError, match="not after"):
        Escalation(
            escalation_id=bytes(16), level=1, reason_code="no_capacity", raised_at=NOW, due_at=NOW
        )


def test_a_reminder_comes_before_an_answer_is_due() -> None:
    assert ResponseWindows().routine_remind_days < ResponseWindows().routine_days
    with pytest.raises(ContentError, match="later"):
        ResponseWindows(routine_days=1, routine_remind_days=2)


def test_the_samples_of_these_families_are_of_every_type_of_them() -> None:
    smallest = {held.type for held in make_smallest_of_cases()}
    others = (
        *("aar", "access.", "action.", "agency.", "alert.", "attachment.", "audience.", "crisis."),
        *("decision.", "event.", "huddle.", "lane.", "log.", "logistics", "message.", "oncall."),
        *("receipt.", "referral.", "status."),
    )
    assert smallest == {name for name in CONTENT_TYPES if not name.startswith(others)}
    texts = dict.fromkeys((120, 240, 280, 560, 1_120), "x")
    header: dict[str, object] = {"case_ref": CASE, "consent_id": bytes(16)}
    assert {held.type for held in make_largest_of_cases(header, (), texts)} == smallest
