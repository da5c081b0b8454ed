from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quietway.errors import ImportRefused
from quietway.interop.coded import CodedRequest, read_coded
from quietway.interop.dropped import MOST_NAMES, name_dropped_fields
from quietway.interop.service_request import SERVICE_REQUEST
from quietway.interop.task import PAYMENTS, TASK, TASK_CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.interop.json_file import JsonValue

SNOMED = "http://snomed.info/sct"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"


def request(**fields: JsonValue) -> dict[str, JsonValue]:
    return {"resourceType": "ServiceRequest", "status": "active", "intent": "order", **fields}


def task(**fields: JsonValue) -> dict[str, JsonValue]:
    return {"resourceType": "Task", "status": "requested", "intent": "order", **fields}


def coded(system: str, code: str) -> JsonValue:
    return {"coding": [{"system": system, "code": code}]}


def read_coded_request(
    resource: dict[str, JsonValue], *, allow_closed: bool = False
) -> CodedRequest:
    kind = TASK if resource["resourceType"] == "Task" else SERVICE_REQUEST
    return read_coded(resource, kind, allow_closed=allow_closed)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"status": "completed"}, "not_open", "status"),
        ({"status": "on-hold"}, "not_open", "status"),
        ({"status": "entered-in-error"}, "not_open", "status"),
        ({"status": "Active"}, "malformed", "status"),
        ({"status": None}, "malformed", "status"),
        ({"status": {"a": "b"}}, "malformed", "status"),
        ({"intent": None}, "malformed", "intent"),
        ({"intent": "proposal"}, "unsupported", "intent"),
        ({"intent": "option"}, "unsupported", "intent"),
        ({"doNotPerform": "false"}, "malformed", "doNotPerform"),
        ({"implicitRules": "http://rules.test"}, "unsupported", "implicitRules"),
        ({"modifierExtension": []}, "unsupported", "modifierExtension"),
        ({"priority": "whenever"}, "unsupported", "priority"),
        ({"priority": ["stat"]}, "malformed", "priority"),
        ({"code": "text"}, "malformed", "code"),
        ({"code": []}, "malformed", "code"),
        ({"category": {}}, "malformed", "category"),
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


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"status": "completed"}, "not_open", "status"),
        ({"status": "rejected"}, "not_open", "status"),
        ({"status": "cancelled"}, "not_open", "status"),
        ({"status": "failed"}, "not_open", "status"),
        ({"status": "entered-in-error"}, "not_open", "status"),
        ({"status": "active"}, "malformed", "status"),
        ({"intent": "directive"}, "unsupported", "intent"),
        ({"intent": "unknown"}, "unsupported", "intent"),
        ({"code": coded(PAYMENTS, "anything")}, "not_a_referral", "code.coding.code"),
        ({"code": coded(TASK_CODES, "abort")}, "not_a_referral", "code.coding.code"),
        ({"code": coded(TASK_CODES, "what is new")}, "not_a_referral", "code.coding.code"),
        ({"code": coded(GRAVITY, "make-contact")}, "not_a_referral", "code.coding.code"),
        (
            {"code": coded(PAYMENTS, "poll"), "status": "completed"},
            "not_a_referral",
            "code.coding.code",
        ),
        ({"code": [coded(PAYMENTS, "poll")]}, "malformed", "code"),
    ],
)
def test_a_task_that_cannot_be_taken_is_refused_with_reason_and_field(
    fields: dict[str, JsonValue], reason: str, field: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_coded_request(task(**fields))

    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_the_open_statuses_of_a_task_are_those_of_the_dictionarys_open_states() -> None:
    assert TASK.open_statuses == {
        "draft",
        "requested",
        "received",
        "accepted",
        "ready",
        "in-progress",
        "on-hold",
    }


@pytest.mark.parametrize("make", [request, task])
def test_what_was_entered_in_error_is_never_taken_and_all_else_with_the_callers_leave(
    make: Callable[..., dict[str, JsonValue]],
) -> None:
    kind = TASK if make is task else SERVICE_REQUEST
    for status in sorted(kind.statuses - {"entered-in-error"}):
        assert read_coded_request(make(status=status), allow_closed=True).kind == kind.name
    with pytest.raises(ImportRefused, match="not_open"):
        read_coded_request(make(status="entered-in-error"), allow_closed=True)


def test_a_task_that_fulfils_its_focus_does_not_say_which_service() -> None:
    found = read_coded_request(task(code=coded(TASK_CODES, "fulfill")))

    assert (found.service_type, found.unmapped) == ("other", ("code.coding.code",))


def test_a_report_is_short_however_deep_and_wide_the_file_is() -> None:
    deep: JsonValue = "x"
    for _ in range(20):
        deep = {"note": deep}
    wide: JsonValue = {one: {two: dict.fromkeys(NAMES, "x") for two in NAMES} for one in NAMES}

    assert name_dropped_fields({"note": deep}, used=(), whole=()) == ("note.note.note.note.note",)
    told = name_dropped_fields({"text": wide, "note": wide}, used=(), whole=())
    assert (told, len(NAMES) ** 3 > MOST_NAMES) == (("note", "text"), True)


NAMES = ("id", "use", "value", "display", "period", "start", "end")


def test_a_task_of_a_later_version_that_forbids_is_not_read_as_asking_for_it() -> None:
    forbids = read_coded_request(task(doNotPerform=True, code=coded(SNOMED, "710925007")))
    allows = read_coded_request(task(doNotPerform=False, code=coded(SNOMED, "710925007")))

    assert (forbids.service_type, forbids.cautions) == ("other", ("doNotPerform",))
    assert (allows.service_type, allows.cautions) == ("emergency_assistance", ())
