"""The Task that goes back: valid FHIR, codes only, and exact in both directions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.task import Task
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.client_sdk.interop.referrals import (
    LATER_MS,
    STATES,
    make_answer,
    make_packet,
    make_referral,
)
from tests.client_sdk.interop.samples import NOW, take

from quietway.content import ReferralRef
from quietway.errors import ImportRefused
from quietway.interop import read_task_state, write_task, write_tasks
from quietway.interop.code_map import find_standard_code
from quietway.views.referrals import ReferralStep
from quietway_schemas.codebook.lists import codes, entries
from quietway_schemas.content.referral_states import CLOSED_STATES

if TYPE_CHECKING:
    from quietway.interop.task_status import ValueSet

# Gravity's task status value set, which leaves out `ready` and `received`.
GRAVITY_STATUSES: Final = {
    "draft",
    "requested",
    "accepted",
    "rejected",
    "cancelled",
    "in-progress",
    "on-hold",
    "failed",
    "completed",
    "entered-in-error",
}
# What the dictionary's table says, written out once more: status, for Gravity, BSeR.
TABLE: Final = {
    "draft": ("draft", "draft", None),
    "sent": ("requested", "requested", "2.0"),
    "pending": ("received", "requested", None),
    "accepted": ("accepted", "accepted", "3.0"),
    "declined": ("rejected", "rejected", "4.0"),
    "declined_by_survivor": ("cancelled", "cancelled", "4.0"),
    "waitlisted": ("on-hold", "on-hold", None),
    "scheduled": ("in-progress", "in-progress", "5.1.1"),
    "not_attended": ("in-progress", "in-progress", "5.1.2"),
    "cancel_requested": ("cancelled", "cancelled", "5.2"),
    "cancelled": ("cancelled", "cancelled", "6.0"),
    "completed": ("completed", "completed", "7.0"),
    "failed": ("failed", "failed", None),
    "entered_in_error": ("entered-in-error", "entered-in-error", None),
}
OURS: Final = "urn:quietway:referral_ref"
FIELDS: Final = {
    "resourceType",
    "identifier",
    "status",
    "statusReason",
    "businessStatus",
    "intent",
    "priority",
    "code",
    "authoredOn",
    "lastModified",
}


def read_codes(task: dict[str, dict[str, list[dict[str, str]]]], field: str) -> dict[str, str]:
    return {held["system"]: held["code"] for held in task[field]["coding"]}


@pytest.mark.requirement("A24")
@pytest.mark.parametrize("value_set", ["r4", "gravity"])
@pytest.mark.parametrize("state", STATES)
def test_each_state_becomes_the_status_of_the_dictionary_and_comes_back(
    state: str, value_set: ValueSet
) -> None:
    """A24: adapters in both directions; what goes out as a Task comes back as the same state."""
    referral = make_referral(state)

    raw = write_task(referral, value_set=value_set)
    task, back = json.loads(raw), read_task_state(raw)

    status, gravity, business = TABLE[state]
    assert task["status"] == (gravity if value_set == "gravity" else status)
    assert set(read_codes(task, "businessStatus").values()) == {state, business} - {None}
    assert (back.referral_ref, back.state) == (referral.ref, state)
    assert set(TABLE) == set(STATES)


def test_gravity_gets_only_statuses_that_its_profile_has() -> None:
    found = {
        json.loads(write_task(make_referral(s), value_set="gravity"))["status"] for s in STATES
    }

    assert found <= GRAVITY_STATUSES
    assert "received" in {json.loads(write_task(make_referral(s)))["status"] for s in STATES}


@settings(max_examples=150, deadline=None)
@given(
    state=st.sampled_from(STATES),
    reason=st.sampled_from([None, *entries("reason")]),
    service=st.sampled_from(sorted(codes("service_type"))),
    urgency=st.sampled_from(sorted(codes("time_sensitivity"))),
    value_set=st.sampled_from(["r4", "gravity"]),
)
def test_every_task_is_valid_fhir_and_gives_back_state_reason_service_and_urgency(
    state: str, reason: str | None, service: str, urgency: str, value_set: ValueSet
) -> None:
    packet = make_packet(service_type=service, time_sensitivity=urgency)
    referral = make_referral(state, reason=reason, packet=packet)

    raw = write_task(referral, value_set=value_set)
    read = Task.model_validate_json(raw)
    back = read_task_state(raw)

    assert read.lastModified >= read.authoredOn
    assert (back.state, back.reason_code) == (state, given_reason(referral.history[-1]))
    if state != "entered_in_error":
        again = take(raw, allow_closed=state in CLOSED_STATES | {"cancel_requested"}).packet
        assert (again.service_type, again.time_sensitivity) == (service, urgency)


def given_reason(step: ReferralStep) -> str | None:
    return getattr(step.content, "reason_code", None)


def test_the_oracle_refuses_what_is_no_task() -> None:
    task = json.loads(write_task(make_referral("accepted")))

    for name, wrong in (("status", ["accepted"]), ("person", "x"), ("authoredOn", "yesterday")):
        with pytest.raises(ValidationError):
            Task.model_validate_json(json.dumps({**task, name: wrong}))


@pytest.mark.requirement("A17")
def test_a_task_holds_codes_two_times_and_a_reference_and_no_word_of_anybody() -> None:
    """A17: share only what is strictly required; a Task tells how a referral stands, no more."""
    words = {"purpose_text": "wordsofstaff", "staff": "nameofstaff", "contact": "lineofstaff"}
    packet = make_packet(
        purpose_text=words["purpose_text"],
        referring=make_packet().referring.model_copy(
            update={name: words[name] for name in ("staff", "contact")}
        ),
    )

    raw = write_task(make_referral("declined", packet=packet))
    task = json.loads(raw)

    assert set(task) == FIELDS
    assert not [word for word in words.values() if word in raw.decode()]
    assert "MERCY" not in raw.decode()
    assert [held.keys() for held in task["code"]["coding"]] == [{"system", "code"}]
    assert (task["authoredOn"], task["lastModified"]) == (
        "2026-11-23T10:00:00.000Z",
        "2026-11-23T10:01:00.000Z",
    )


def test_the_search_finds_words_where_they_stand_in_a_record() -> None:
    assert "place" in make_packet().purpose_text
    assert "place" in make_referral("sent").packet.model_dump_json()
    assert "place" not in write_task(make_referral("sent")).decode()


def test_an_unambiguous_service_also_carries_its_standard_code() -> None:
    plain = json.loads(write_task(make_referral("sent")))
    both = json.loads(
        write_task(make_referral("sent", packet=make_packet(service_type="interpretation")))
    )

    assert len(plain["code"]["coding"]) == 1
    assert read_codes(both, "code") == {
        "urn:quietway:code:service_type": "interpretation",
        **dict([find_standard_code("interpretation") or ("", "")]),
    }
    assert find_standard_code("housing_navigation") is None


def test_an_answer_that_moved_nothing_changes_neither_reason_nor_time() -> None:
    referral = make_referral("accepted")
    late = ReferralStep(
        NOW + 9 * LATER_MS,
        referral.agencies[0],
        make_answer("declined", "no_capacity"),
        counted=False,
    )
    with_late = type(referral)(
        **{name: getattr(referral, name) for name in referral.__slots__}
        | {"history": (*referral.history, late)}
    )

    assert write_task(with_late) == write_task(referral)


def test_a_clock_that_was_behind_makes_no_task_that_changed_before_it_was_written() -> None:
    referring = make_packet().referring.model_copy(update={"at": NOW + 5 * LATER_MS})
    task = json.loads(
        write_task(make_referral("accepted", packet=make_packet(referring=referring)))
    )

    assert task["lastModified"] == task["authoredOn"]


def test_a_drill_is_marked_as_test_and_nothing_real_is() -> None:
    drill = write_task(make_referral("sent", packet=make_packet(exercise=True)))

    assert json.loads(drill)["meta"]["security"][0]["code"] == "HTEST"
    assert Task.model_validate_json(drill).meta is not None
    assert b"HTEST" not in write_task(make_referral("sent"))


def test_several_referrals_are_a_collection_and_none_is_an_empty_one() -> None:
    one = make_referral("accepted")
    two = make_referral("failed", packet=make_packet(referral_ref=ReferralRef(bytes(16))))

    bundle = json.loads(write_tasks([one, two]))

    Bundle.model_validate_json(write_tasks([one, two]))
    Bundle.model_validate_json(write_tasks([]))
    assert (bundle["type"], len(bundle["entry"])) == ("collection", 2)
    assert [entry["resource"] for entry in bundle["entry"]] == [
        json.loads(write_task(each)) for each in (one, two)
    ]
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == 2


def change(raw: bytes, **fields: object) -> bytes:
    task = {**json.loads(raw), **fields}
    return json.dumps({name: held for name, held in task.items() if held is not None}).encode()


def bser(code: str) -> object:
    system = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        # Another system moved the status on, and left our code behind.
        ({"status": "completed"}, "completed"),
        ({"status": "rejected"}, "declined"),
        ({"status": "requested"}, "sent"),
        ({"status": "in-progress", "businessStatus": bser("5.1.2")}, "not_attended"),
        ({"status": "cancelled", "businessStatus": bser("4.0")}, "declined_by_survivor"),
        ({"status": "cancelled", "businessStatus": bser("6.0")}, "cancelled"),
        ({"status": "received", "businessStatus": None}, "pending"),
    ],
)
def test_what_another_system_made_of_a_task_is_read(fields: dict[str, object], state: str) -> None:
    assert read_task_state(change(write_task(make_referral("accepted")), **fields)).state == state


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"status": "in-progress", "businessStatus": None}, "unsupported", "businessStatus"),
        ({"status": "cancelled", "businessStatus": None}, "unsupported", "businessStatus"),
        ({"status": "cancelled"}, "unsupported", "businessStatus"),
        ({"status": "ready"}, "unsupported", "businessStatus"),
        ({"status": "gone"}, "malformed", "status"),
        ({"status": None}, "malformed", "status"),
        ({"resourceType": "Bundle"}, "not_a_referral", "resourceType"),
        ({"implicitRules": "x"}, "unsupported", "implicitRules"),
        ({"businessStatus": "words"}, "malformed", "businessStatus"),
        ({"identifier": "words"}, "malformed", "identifier"),
        ({"identifier": ["words"]}, "malformed", "identifier"),
        (
            {"identifier": [{"system": OURS, "value": "ref_words"}]},
            "malformed",
            "identifier.value",
        ),
        (
            {"identifier": [{"system": OURS}]},
            "malformed",
            "identifier.value",
        ),
    ],
)
def test_a_task_that_leaves_its_state_open_is_refused_and_none_is_chosen(
    fields: dict[str, object], reason: str, field: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_task_state(change(write_task(make_referral("accepted")), **fields))

    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert "words" not in str(refused.value)


def test_a_task_without_our_reference_or_reason_is_read_without_them() -> None:
    others = [{"system": "http://example.org", "value": "1"}]
    raw = change(write_task(make_referral("declined")), identifier=others, statusReason=None)

    report = read_task_state(raw)

    assert (report.referral_ref, report.state, report.reason_code) == (None, "declined", None)
