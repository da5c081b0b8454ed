"""Referrals: the standard packet, the answers, and the table of states."""

import datetime as dt
import itertools
import json

import pytest
from tests.schemas.samples import NOW, draw, make_outcome, make_packet, make_referring

from quietway_schemas.codebook.lists import codes, entries
from quietway_schemas.content.profiles import PROFILES, find_absent_fields
from quietway_schemas.content.referral import (
    Episode,
    Receiving,
    ReferralCancel,
    ReferralPacket,
    Referring,
    VspContact,
)
from quietway_schemas.content.referral_states import (
    CLOSED_STATES,
    LEGAL_PREDECESSORS,
    OPEN_STATES,
    START,
    STATES_OF_TYPE,
    STATES_WITH_REASON,
    check_transition,
)
from quietway_schemas.content.registry import encode_content
from quietway_schemas.errors import ContentError, SchemaError, TooLongError, UnknownCodeError
from quietway_schemas.ids import ReferralRef


def leave_out(packet: ReferralPacket, *path: str) -> dict[str, object]:
    """The packet as a mapping, without one field."""
    held: dict[str, object] = dict(packet)
    if len(path) == 1:
        del held[path[0]]
        return held
    part = dict(getattr(packet, path[0]))
    del part[path[1]]
    return {**held, path[0]: part}


@pytest.mark.requirement("C13")
def test_one_standard_packet_serves_every_type_of_service() -> None:
    """C13: a standard packet moves with each referral, with a profile per type of service."""
    assert set(PROFILES) == codes("service_type")
    for service in codes("service_type"):
        packet = make_packet(service_type=service)
        assert find_absent_fields(packet) == PROFILES[service]
        full = make_packet(
            service_type=service,
            stated_goal="find_housing",
            entry_point="walk_in",
            episode=Episode(intake=dt.date(2026, 11, 20)),
        )
        assert find_absent_fields(full) == ()


@pytest.mark.requirement("C15")
def test_a_packet_says_what_makes_eligible_and_until_when_to_answer() -> None:
    """C15: standard formats, eligibility clarity, follow-up."""
    for path in (("receiving", "eligibility_note"), ("feedback_due",)):
        with pytest.raises(ContentError, match=path[-1]):
            ReferralPacket.model_validate(leave_out(make_packet(), *path))
    with pytest.raises(ContentError, match="feedback_due"):
        make_packet(feedback_due=NOW)


@pytest.mark.requirement("C16")
@pytest.mark.parametrize("name", ["agency", "program", "staff", "contact", "at"])
def test_the_referring_agency_staff_contact_and_time_are_required(name: str) -> None:
    """C16: name, staff contact, contact information, date and time."""
    assert name in Referring.model_fields
    with pytest.raises(ContentError, match=name):
        ReferralPacket.model_validate(leave_out(make_packet(), "referring", name))


def test_a_program_belongs_to_the_agency_that_refers() -> None:
    with pytest.raises(ContentError, match="agency's code"):
        make_referring(agency="OTHER")


@pytest.mark.requirement("C17")
@pytest.mark.parametrize("name", ["program", "preferred_channel", "eligibility_note"])
def test_the_receiving_program_channel_and_eligibility_are_required(name: str) -> None:
    """C17: program, preferred channel, eligibility notes."""
    assert name in Receiving.model_fields
    with pytest.raises(ContentError, match=name):
        ReferralPacket.model_validate(leave_out(make_packet(), "receiving", name))


@pytest.mark.requirement("C18")
def test_the_purpose_is_a_code_and_at_most_280_characters() -> None:
    """C18: a clear, brief purpose."""
    assert make_packet(purpose_text="م" * 280)
    with pytest.raises(TooLongError):
        make_packet(purpose_text="م" * 281)
    with pytest.raises(UnknownCodeError):
        make_packet(purpose_code="whatever")


@pytest.mark.requirement("C19")
def test_the_basis_of_the_information_is_one_of_three_codes() -> None:
    """C19: client interview, administrative record, partner documentation."""
    named = {"client_interview", "administrative_record", "partner_documentation"}
    assert codes("info_basis") == named
    with pytest.raises(UnknownCodeError):
        make_packet(info_basis="hearsay")


@pytest.mark.requirement("C20")
def test_time_sensitivity_is_standard_priority_or_urgent() -> None:
    """C20: three levels, each with its FHIR priority."""
    fhir = {
        code: entry.maps_to["fhir_request_priority"].split()
        for code, entry in entries("time_sensitivity").items()
    }
    assert fhir == {"standard": ["routine"], "priority": ["urgent"], "urgent": ["asap", "stat"]}
    with pytest.raises(UnknownCodeError):
        make_packet(time_sensitivity="yesterday")


@pytest.mark.requirement("C25")
def test_sender_and_receiver_each_give_a_random_reference_of_their_own() -> None:
    """C25: reference ids like FHIR's placer and filler, not made from a case."""
    placer, filler = ReferralRef(draw()), ReferralRef(draw())
    assert make_outcome(referral_ref=placer, filler_ref=filler).filler_ref == filler
    with pytest.raises(ContentError, match="filler_ref"):
        make_outcome(referral_ref=placer, filler_ref=placer)


@pytest.mark.requirement("C26")
@pytest.mark.parametrize("state", ["accepted", "pending", "declined", "waitlisted"])
def test_an_outcome_is_a_state_with_a_coded_reason_where_it_needs_one(state: str) -> None:
    """C26: accepted, pending, declined, waitlisted with codes."""
    reason = {"reason_code": "no_capacity", "reason_side": "provider"}
    assert make_outcome(state=state, **reason).state == state
    if state in STATES_WITH_REASON:
        with pytest.raises(ContentError, match="reason_code"):
            make_outcome(state=state)
    else:
        assert make_outcome(state=state).reason_code is None


@pytest.mark.parametrize(
    "reason",
    [
        {"reason_code": "no_capacity"},
        {"reason_side": "provider"},
        {"reason_code": "no_capacity", "reason_side": "survivor"},
    ],
)
def test_a_reason_stands_with_its_own_side(reason: dict[str, str]) -> None:
    with pytest.raises(ContentError, match="reason_side"):
        make_outcome(**reason)


@pytest.mark.requirement("C26")
def test_every_pair_of_states_is_decided_by_the_table() -> None:
    """C26: the state machine; an outcome only from a legal state before it."""
    states = codes("referral_state")
    assert set(LEGAL_PREDECESSORS) == states
    for before, after in itertools.product(states | {START}, states):
        if before in LEGAL_PREDECESSORS[after]:
            assert check_transition(before, after) == after
        else:
            with pytest.raises(ContentError, match="does not follow"):
                check_transition(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (START, "accepted"),
        ("declined", "accepted"),
        ("sent", "completed"),
        ("completed", "scheduled"),
        ("cancelled", "accepted"),
        ("entered_in_error", "sent"),
        ("accepted", "draft"),
    ],
)
def test_a_state_does_not_jump(before: str, after: str) -> None:
    with pytest.raises(ContentError, match="does not follow"):
        check_transition(before, after)


def test_every_open_state_can_be_closed_and_every_closed_one_but_an_error_reopened() -> None:
    for state in OPEN_STATES:
        assert check_transition(state, "cancelled")
    for state in CLOSED_STATES - {"entered_in_error"}:
        assert check_transition(state, "sent")
    assert codes("referral_state") == OPEN_STATES | CLOSED_STATES | {"draft"}


def test_each_answer_brings_only_its_own_states() -> None:
    for type_, states in STATES_OF_TYPE.items():
        assert states <= codes("referral_state"), type_
    with pytest.raises(ContentError, match="state"):
        make_outcome(state="scheduled")
    with pytest.raises(ContentError, match="state"):
        ReferralCancel(referral_ref=ReferralRef(draw()), state="accepted", at=NOW)


@pytest.mark.requirement("C31")
def test_the_dates_of_an_episode_are_iso_8601_and_run_forwards() -> None:
    """C31: intake, referral, service start, closure."""
    days = [dt.date(2026, 11, day) for day in (20, 22, 22, 30)]
    names = ("intake", "referral", "service_start", "closure")
    episode = Episode.model_validate(dict(zip(names, days, strict=True)))
    written = json.loads(encode_content(make_packet(episode=episode)))["episode"]
    assert written["intake"] == "2026-11-20"
    for earlier, later in itertools.combinations(names, 2):
        with pytest.raises(ContentError, match="backwards"):
            Episode.model_validate({earlier: days[3], later: days[0]})
    with pytest.raises(ContentError, match="empty"):
        Episode()


@pytest.mark.parametrize("day", ["2026-11-31", "20.11.2026", "2026-11-20T00:00:00", 20_000])
def test_another_form_of_a_date_is_refused(day: object) -> None:
    raw = json.dumps({"intake": day}).encode()
    with pytest.raises(SchemaError):
        Episode.from_body(raw, max_bytes=100)


def test_a_packet_without_identity_names_a_contact_or_nobody() -> None:
    contact = VspContact(staff="Advocate", contact="Secure message")
    assert make_packet(
        pathway="deidentified_vsp_contact", identity_mode="vsp_contact", vsp_contact=contact
    )
    wrong: list[dict[str, object]] = [
        {"identity_mode": "vsp_contact"},
        {"vsp_contact": contact},
        {"identity_mode": "identifying"},
        {"identifiability": "identifying", "disclosure_basis": "survivor_release"},
        {"pathway": "deidentified_vsp_contact"},
    ]
    for changes in wrong:
        with pytest.raises(ContentError):
            make_packet(**changes)
