from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quietway.errors import ImportRefused
from quietway.interop.json_file import JsonValue, read_json_object
from quietway.interop.service_request import read_coded_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SNOMED = "http://snomed.info/sct"


def request(**fields: JsonValue) -> dict[str, JsonValue]:
    return {"resourceType": "ServiceRequest", "status": "active", "intent": "order", **fields}


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"resourceType": "Task"}, "not_a_referral", "resourceType"),
        ({"resourceType": ["ServiceRequest"]}, "not_a_referral", "resourceType"),
        ({"status": "completed"}, "not_open", "status"),
        ({"status": "on-hold"}, "not_open", "status"),
        ({"status": "entered-in-error"}, "not_open", "status"),
        ({"status": "Active"}, "malformed", "status"),
        ({"status": None}, "malformed", "status"),
        ({"status": {"a": "b"}}, "malformed", "status"),
        ({"intent": None}, "malformed", "intent"),
        ({"intent": "proposal"}, "unsupported", "intent"),
        ({"intent": "option"}, "unsupported", "intent"),
        ({"doNotPerform": True}, "unsupported", "doNotPerform"),
        ({"doNotPerform": "false"}, "malformed", "doNotPerform"),
        ({"implicitRules": "http://rules.test"}, "unsupported", "implicitRules"),
        ({"modifierExtension": []}, "unsupported", "modifierExtension"),
        ({"priority": "whenever"}, "unsupported", "priority"),
        ({"priority": ["stat"]}, "malformed", "priority"),
        ({"code": "text"}, "malformed", "code"),
        ({"code": {"coding": {}}}, "malformed", "code.coding"),
        ({"code": {"coding": ["x"]}}, "malformed", "code.coding"),
        ({"code": {"coding": [{"code": ["x"]}]}}, "malformed", "code.coding.code"),
        ({"code": {"coding": [{"system": {}, "code": "x"}]}}, "malformed", "code.coding.system"),
        ({"category": "text"}, "malformed", "category"),
    ],
)
def test_a_request_that_cannot_be_taken_is_refused_with_reason_and_field(
    fields: dict[str, JsonValue], reason: str, field: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_coded_request(request(**fields))

    assert (refused.value.reason, refused.value.field) == (reason, field)


@pytest.mark.parametrize(
    ("priority", "expected"),
    [("routine", "standard"), ("urgent", "priority"), ("asap", "urgent"), ("stat", "urgent")],
)
def test_a_priority_becomes_our_time_sensitivity(priority: str, expected: str) -> None:
    assert read_coded_request(request(priority=priority)).time_sensitivity == expected


def test_a_missing_priority_means_standard_as_it_does_in_fhir() -> None:
    assert read_coded_request(request()).time_sensitivity == "standard"


def test_a_code_of_the_map_becomes_a_service_type() -> None:
    found = read_coded_request(request(code={"coding": [{"system": SNOMED, "code": "710925007"}]}))

    assert (found.service_type, found.unmapped) == ("emergency_assistance", ())


def test_the_same_code_of_another_system_is_another_code() -> None:
    found = read_coded_request(
        request(code={"coding": [{"system": "urn:other", "code": "710925007"}]})
    )

    assert (found.service_type, found.unmapped) == ("other", ("code.coding.code",))


def test_the_category_stands_in_where_the_code_is_not_in_the_map() -> None:
    system = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
    found = read_coded_request(
        request(
            code={"coding": [{"system": SNOMED, "code": "0"}]},
            category=[{"coding": [{"system": system, "code": "housing-instability"}]}],
        )
    )

    assert (found.service_type, found.unmapped) == ("housing_navigation", ("code.coding.code",))


def test_a_name_that_the_standard_does_not_have_is_not_repeated() -> None:
    found = read_coded_request(request(**{"Colin Abbas": {"12 Elm Street": "x"}}))

    assert found.dropped == ("(unknown name).(unknown name)",)


def test_what_was_left_behind_is_told_once_by_the_names_of_its_fields() -> None:
    found = read_coded_request(
        request(
            subject={"reference": "Patient/1", "display": "Somebody"},
            note=[{"text": "one"}, {"text": "two"}],
            text={"div": "<div>story</div>"},
            _note={"extension": [{"url": "u", "valueString": "v"}]},
            id="abc",
            insurance=[],
        )
    )

    assert found.dropped == (
        "_note.extension.url",
        "_note.extension.valueString",
        "id",
        "insurance",
        "note.text",
        "subject.display",
        "subject.reference",
        "text",
    )


def test_a_request_that_says_not_to_act_is_never_taken_for_a_request(
    shared: Callable[[str], Path],
) -> None:
    raw = shared("samples/fhir-r4/ServiceRequest-do-not-turn.json").read_bytes()

    with pytest.raises(ImportRefused) as refused:
        read_coded_request(read_json_object(raw))

    assert (refused.value.reason, refused.value.field) == ("unsupported", "doNotPerform")
