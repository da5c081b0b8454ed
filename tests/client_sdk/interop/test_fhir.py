from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.interop.samples import find_texts, say, show, take
from tests.client_sdk.interop.verdicts import CLOSED_ONES, OPEN, VERDICTS
from tests.controls import without

from quietway.content import CaseRef
from quietway.errors import ContentRefused, ImportRefused
from quietway.interop import preview_referral, read_task_state
from quietway.interop.dropped import _names
from quietway.interop.fhir import KINDS, read_service_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from quietway.interop.coded import Kind

FOOD: Final = "gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json"
FULFIL: Final = "gravity/SDOHCC-Task-OrderFulfillment-Example-1.json"
FORBIDDEN: Final = "fhir-r4/ServiceRequest-do-not-turn.json"
ASKED: Final = b'{"resourceType":"ServiceRequest","status":"active","intent":"order"}'


def judge(raw: bytes, *, allow_closed: bool) -> str:
    try:
        take(raw, allow_closed=allow_closed)
    except ImportRefused as refused:
        return f"{refused.reason} {refused.field}"
    return "taken"


@pytest.mark.requirement("A24")
def test_each_real_file_gets_exactly_its_verdict(shared: Callable[[str], Path]) -> None:
    """A24: case management systems hand over their files as they are; each is taken or refused."""
    folders = [shared(f"samples/{name}") for name in ("fhir-r4", "gravity")]
    paths = [path for folder in folders for path in folder.glob("*.json")]

    found = {
        f"{path.parent.name}/{path.name}": tuple(
            judge(path.read_bytes(), allow_closed=allowed) for allowed in (False, True)
        )
        for path in paths
    }

    assert found == VERDICTS
    assert (len(OPEN), len(CLOSED_ONES)) == (9 + 4 + 2, 11 + 2)


@pytest.mark.requirement("A16", "A17")
@pytest.mark.parametrize("name", [*OPEN, *CLOSED_ONES])
def test_no_text_of_a_file_appears_in_the_referral_or_in_the_report(
    shared: Callable[[str], Path], name: str
) -> None:
    """A16, A17: the least data necessary; only what the allow-list names passes an import."""
    raw = shared(f"samples/{name}").read_bytes()

    imported = take(raw, allow_closed=True)

    assert find_texts(raw, show(imported)) == set()
    assert any(field.partition(".")[0] in ("subject", "for") for field in imported.dropped)


def test_the_search_finds_a_name_that_the_mapper_lets_pass(
    shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = shared(f"samples/{FOOD}").read_bytes()
    name = json.loads(raw)["subject"]["display"]
    without(monkeypatch, "quietway.interop.dropped:tell_name", lambda _name: name)

    assert name in find_texts(raw, show(take(raw)))


@pytest.mark.parametrize("name", sorted(set(VERDICTS) - set(OPEN)))
def test_a_refusal_repeats_nothing_of_the_file(shared: Callable[[str], Path], name: str) -> None:
    raw = shared(f"samples/{name}").read_bytes()

    with pytest.raises(ImportRefused) as refused:
        take(raw)

    # The reason and the sentence are ours; a file may use one of their words.
    assert find_texts(raw, str(refused.value)) <= {"file"}
    assert refused.value.__cause__ is None


NAMES: Final = sorted(_names())
CANARY: Final = "canary-of-a-person"
_ANYTHING: Final = st.recursive(
    st.sampled_from([CANARY, True, 7, None]),
    lambda held: (
        st.lists(held, max_size=2) | st.dictionaries(st.sampled_from(NAMES), held, max_size=2)
    ),
    max_leaves=6,
)


@pytest.mark.requirement("A17")
@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    more=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), _ANYTHING, max_size=5),
)
def test_what_is_not_on_the_allow_list_changes_no_byte_of_the_packet(
    kind: str, more: dict[str, object]
) -> None:
    """A17: a field allow-list; whatever else a file holds, under any name, changes nothing."""
    plain = {"resourceType": kind, "status": open_status(KINDS[kind]), "intent": "order"}
    allowed = {path.partition(".")[0] for path in KINDS[kind].used}
    others = {
        name: value
        for name, value in more.items()
        if name not in allowed | {"implicitRules", "modifierExtension"}
    }

    bare, full = (take(json.dumps(held).encode()) for held in (plain, plain | others))

    assert full.packet == bare.packet
    assert full.packet.to_canonical() == bare.packet.to_canonical()
    assert CANARY not in show(full)
    assert {name.partition(".")[0] for name in full.dropped} == {
        name if name.removeprefix("_") in NAMES else "(unknown name)" for name in others
    }


CODED: Final = ("resourceType", "status", "intent", "priority", "code", "category", "doNotPerform")
_LOOSE: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["Task", "ServiceRequest", "active", "draft", "order", "stat", CANARY]),
    lambda held: (
        st.lists(held, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "system", "code", "identifier", "value"]), held, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(["Task", "ServiceRequest"]),
    fields=st.dictionaries(
        st.sampled_from([*CODED, "businessStatus", "statusReason", "identifier"]),
        _LOOSE,
        max_size=7,
    ),
    closed=st.booleans(),
)
def test_whatever_type_a_field_has_the_file_is_taken_or_refused_and_nothing_else_gets_out(
    kind: str, fields: dict[str, object], closed: bool
) -> None:
    raw = json.dumps(
        {"resourceType": kind, "status": "draft", "intent": "order", **fields}
    ).encode()

    said = [
        tell(lambda: preview_referral(raw, allow_closed=closed)),
        tell(lambda: read_task_state(raw)),
    ]

    assert CANARY not in "".join(said)


def tell(read: Callable[[], object]) -> str:
    try:
        return repr(read())
    except ImportRefused as refused:
        return f"{refused} {refused!r}"


def open_status(kind: Kind) -> str:
    return min(kind.open_statuses)


def test_a_reader_that_takes_more_than_the_list_lets_the_canary_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.interop.dropped:tell_name", lambda name: name)
    raw = json.dumps({**json.loads(ASKED), CANARY: 1}).encode()

    assert CANARY in show(take(raw))


def test_the_request_for_food_becomes_emergency_assistance_and_other_codes_are_reported(
    shared: Callable[[str], Path],
) -> None:
    food = take(shared(f"samples/{FOOD}").read_bytes())
    exercise = take(shared("samples/fhir-r4/ServiceRequest-benchpress.json").read_bytes())
    fulfil = take(shared(f"samples/{FULFIL}").read_bytes())

    assert (food.packet.service_type, food.unmapped) == ("emergency_assistance", ())
    assert (exercise.packet.service_type, exercise.unmapped) == ("other", ("code.coding.code",))
    assert (fulfil.packet.service_type, fulfil.unmapped) == ("other", ("code.coding.code",))
    assert (food.kind, fulfil.kind) == ("ServiceRequest", "Task")


def test_a_prohibition_travels_with_a_caution_and_never_as_the_service_it_forbids(
    shared: Callable[[str], Path],
) -> None:
    raw = shared(f"samples/{FORBIDDEN}").read_bytes()
    mapped = json.loads(raw)
    mapped["code"]["coding"][0]["code"] = "710925007"

    for held in (raw, json.dumps(mapped).encode()):
        imported = take(held)
        assert imported.packet.service_type == "other"
        assert imported.cautions == ("doNotPerform",)
        assert imported.unmapped == ("code.coding.code",)
    mapped["doNotPerform"] = False
    assert take(json.dumps(mapped).encode()).packet.service_type == "emergency_assistance"


def test_what_the_caller_says_of_service_and_urgency_stands_instead_of_the_files(
    shared: Callable[[str], Path],
) -> None:
    raw = shared(f"samples/{FOOD}").read_bytes()

    said = take(raw, service_type="safehouse", time_sensitivity="urgent").packet

    assert (said.service_type, said.time_sensitivity) == ("safehouse", "urgent")


def test_a_preview_tells_what_an_import_would_read(shared: Callable[[str], Path]) -> None:
    for name in OPEN:
        raw = shared(f"samples/{name}").read_bytes()
        preview, imported = preview_referral(raw), take(raw)
        assert preview.service_type == imported.packet.service_type
        assert preview.time_sensitivity == imported.packet.time_sensitivity
        assert (preview.kind, preview.dropped) == (imported.kind, imported.dropped)


def test_case_and_agreement_are_the_callers() -> None:
    case, agreement = CaseRef(bytes([7]) * 16), bytes([9]) * 16

    packet = take(ASKED, case_ref=case, agreement_id=agreement).packet

    assert (packet.case_ref, packet.agreement_id) == (case, agreement)


def test_the_reference_of_the_referral_comes_from_the_caller_and_not_from_the_file() -> None:
    assert take(ASKED).packet.referral_ref != take(ASKED, entropy=bytes(16)).packet.referral_ref


def test_what_the_caller_says_is_held_to_the_dictionary() -> None:
    with pytest.raises(ContentRefused) as refused:
        take(ASKED, survivor_choice="maybe")

    assert refused.value.field == "survivor_choice"
    assert "maybe" not in str(refused.value)


def test_the_older_name_warns_and_takes_what_it_took(shared: Callable[[str], Path]) -> None:
    refused = []
    with pytest.deprecated_call(match="read_referral"):
        taken = read_service_request(shared(f"samples/{FOOD}").read_bytes(), **say())  # type: ignore[arg-type] # as in `take`
    for name in (FULFIL, FORBIDDEN):
        with pytest.deprecated_call(), pytest.raises(ImportRefused) as refusal:
            read_service_request(shared(f"samples/{name}").read_bytes(), **say())  # type: ignore[arg-type] # as in `take`
        refused.append((refusal.value.reason, refusal.value.field))

    assert taken.packet.service_type == "emergency_assistance"
    assert refused == [("not_a_referral", "resourceType"), ("unsupported", "doNotPerform")]
