from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway.errors import ContentRefused, ImportRefused
from quietway.interop.fhir import Imported, read_service_request
from quietway_schemas.content.referral import Receiving, Referring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ACTIVE: Final = (
    "fhir-r4/ServiceRequest-lipid.json",
    "fhir-r4/ServiceRequest-benchpress.json",
    "fhir-r4/ServiceRequest-subrequest.json",
    "gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json",
)
# Words of FHIR's own lists that our dictionary or the names of fields use as well: they tell
# nothing about anybody.
SHARED_WORDS: Final = frozenset({"active", "plan", "order"})
NOW: Final = 1_795_428_000_000


def take(raw: bytes, **changed: object) -> Imported:
    said: dict[str, object] = {
        "entropy": bytes(range(16)),
        "referring": Referring(
            agency="MERCY",
            program="MERCY-SOCIALWORK",
            staff="Social work desk",
            contact="Extension 2040",
            at=NOW,
        ),
        "receiving": Receiving(
            program="HARBOR-SHELTER",
            preferred_channel="secure_message",
            eligibility_note="Adults with or without children",
        ),
        "purpose_code": "safe_accommodation",
        "purpose_text": "Please call our desk back about a place.",
        "info_basis": "client_interview",
        "pathway": "warm_linkage",
        "referred_by": "healthcare",
        "survivor_choice": "agreed",
        "feedback_due": NOW + 86_400_000,
    }
    return read_service_request(raw, **(said | changed))  # type: ignore[arg-type] # the tests change one at a time


def strings_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for held in value.values():
            yield from strings_of(held)
    elif isinstance(value, list):
        for held in value:
            yield from strings_of(held)


def find_survivors(raw: bytes, imported: Imported) -> set[str]:
    """Find the texts of the file that stand in what was made of it."""
    made = imported.packet.to_canonical().decode() + repr((imported.dropped, imported.unmapped))
    texts = {text for text in strings_of(json.loads(raw)) if text.strip()}
    parts = {part for text in texts for part in text.split("/") if part.strip()}
    return {text for text in (texts | parts) - SHARED_WORDS if _stands_in(text, made)}


def _stands_in(text: str, made: str) -> bool:
    # As words of its own: "ent" stands in "client_interview" without saying anything.
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", made) is not None


@pytest.mark.requirement("A16")
@pytest.mark.parametrize("name", ACTIVE)
def test_no_text_of_an_active_request_appears_in_the_referral_or_in_the_report(
    shared: Callable[[str], Path], name: str
) -> None:
    """A16: the least data necessary; nothing that identifies a person passes an import."""
    raw = shared(f"samples/{name}").read_bytes()

    imported = take(raw)

    assert find_survivors(raw, imported) == set()
    assert "subject.reference" in imported.dropped


def test_the_search_finds_a_name_that_the_mapper_lets_pass(
    shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = shared(f"samples/{ACTIVE[3]}").read_bytes()
    name = json.loads(raw)["subject"]["display"]
    without(monkeypatch, "quietway.interop.dropped:_tell", lambda _name: name)

    assert name in find_survivors(raw, take(raw))


def test_a_completed_request_is_refused_as_not_open(shared: Callable[[str], Path]) -> None:
    raw = shared("samples/fhir-r4/ServiceRequest-example.json").read_bytes()

    with pytest.raises(ImportRefused) as refused:
        take(raw)

    assert (refused.value.reason, refused.value.field) == ("not_open", "status")


def test_every_real_file_is_taken_or_refused_and_never_breaks(
    shared: Callable[[str], Path],
) -> None:
    verdicts = {}
    for path in sorted(shared("samples/fhir-r4").glob("*.json")):
        raw = path.read_bytes()
        try:
            assert find_survivors(raw, take(raw)) == set(), path.name
            verdicts[path.name] = "taken"
        except ImportRefused as refused:
            verdicts[path.name] = refused.reason

    requests = {name: verdict for name, verdict in verdicts.items() if "ServiceRequest" in name}
    assert set(verdicts.values()) == {"taken", "not_open", "not_a_referral", "unsupported"}
    assert sum(verdict == "not_open" for verdict in requests.values()) == 11
    assert sum(verdict == "taken" for verdict in requests.values()) == 8
    assert requests["ServiceRequest-do-not-turn.json"] == "unsupported"


def test_the_request_for_food_becomes_emergency_assistance_and_other_codes_are_reported(
    shared: Callable[[str], Path],
) -> None:
    food = take(shared(f"samples/{ACTIVE[3]}").read_bytes())
    exercise = take(shared(f"samples/{ACTIVE[1]}").read_bytes())

    assert (food.packet.service_type, food.unmapped) == ("emergency_assistance", ())
    assert (exercise.packet.service_type, exercise.unmapped) == ("other", ("code.coding.code",))


def test_the_reference_of_the_referral_comes_from_the_caller_and_not_from_the_file(
    shared: Callable[[str], Path],
) -> None:
    raw = shared(f"samples/{ACTIVE[0]}").read_bytes()

    assert take(raw).packet.referral_ref != take(raw, entropy=bytes(16)).packet.referral_ref


def test_what_the_caller_says_is_held_to_the_dictionary() -> None:
    raw = b'{"resourceType":"ServiceRequest","status":"active","intent":"order"}'

    with pytest.raises(ContentRefused) as refused:
        take(raw, survivor_choice="maybe")

    assert refused.value.field == "survivor_choice"
    assert "maybe" not in str(refused.value)
