"""No code, no label and no field says where somebody is (A56, A57).

A list of words, and what each would give away. A word that a list needs all the same stands in
`NAMED_ANYHOW` with the reason: it says that a place matters, and never which one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from tests.schemas.samples import make_status

from quietway_schemas.codebook.lists import codes, entries, label, list_names
from quietway_schemas.content.registry import CONTENT_TYPES
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.errors import UnknownFieldError

if TYPE_CHECKING:
    from collections.abc import Iterable

ADDRESSES: Final = {
    "address", "apartment", "apt", "avenue", "block", "boulevard", "building", "floor", "lane",
    "postcode", "road", "room_number", "street", "unit", "zip", "zipcode",
    "avenida", "calle", "departamento", "domicilio", "dirección", "edificio", "piso",
}  # fmt: skip
"""Parts of an address."""
AREAS: Final = {
    "area", "borough", "city", "country", "county", "district", "neighborhood", "neighbourhood",
    "parish", "province", "region", "suburb", "town", "village", "zone",
    "barrio", "ciudad", "condado", "distrito", "municipio", "provincia", "pueblo", "zona", "área",
}  # fmt: skip
"""Named pieces of a map: one of them narrows a search to a few doors."""
COORDINATES: Final = {
    "coordinates", "geo", "gps", "latitude", "location", "longitude", "map", "place", "where",
    "coordenadas", "latitud", "longitud", "lugar", "mapa", "ubicación",
}  # fmt: skip
"""Points, and words that ask for one."""
WAYS: Final = {
    "airport", "bus", "direction", "east", "itinerary", "kilometer", "km", "mile", "miles", "near",
    "nearby", "north", "route", "south", "station", "train", "west",
    "aeropuerto", "cerca", "estación", "kilómetro", "norte", "oeste", "ruta", "sur", "tren",
}  # fmt: skip
"""How somebody gets there, and from which side."""
FORBIDDEN: Final = ADDRESSES | AREAS | COORDINATES | WAYS

NAMED_ANYHOW: Final = {
    ("alert_code", "location_exposed"): "says that one became known, and not which",
    ("crisis_criterion", "exposure_of_location"): "the same",
    ("event_type", "exposure_of_location"): "the same",
    ("closure_reason", "service_area_change"): "another agency serves now; no area is named",
    ("forbidden_data_category", "location"): "the category that nothing may have",
    ("purpose_code", "safe_accommodation"): "a place is sought; it is not named",
    ("reason", "misdirected"): "the place is an agency",
    ("relocation_choice", "temporary_outside_area"): "an option before a choice; no area is named",
    (
        "relocation_choice",
        "temporary_within_safe_zone",
    ): "the zone is an opaque id of a partnership",
    ("relocation_option", "temporary_outside_area"): "as for the choice",
    ("relocation_option", "temporary_within_safe_zone"): "as for the choice",
    ("status_indicator", "checkin_on_time"): "an idiom: it took place",
    ("status_indicator", "safety_plan_active"): "an idiom: the plan is in place",
    ("urgent_action", "arrange_shelter_place"): "a bed, and not which",
}
FIELDS_ANYHOW: Final = {
    ("directory.profile", "country"): "the calendar by which an agency's days are counted",
    ("directory.profile", "time_zone"): "the same",
    ("agency.rota", "time_zone"): "the same, within the agency",
    ("lane.grant", "lane"): "the right to send",
    ("message.text", "in_reply_place"): "a place in a chain of messages",
}
_WORD: Final = re.compile(r"[^\W\d_]+")


def find_places(words: Iterable[str]) -> set[str]:
    return {word.lower() for word in words} & FORBIDDEN


def words_of(list_name: str, code: str) -> set[str]:
    labels = (label(list_name, code), label(list_name, code, "es"))
    return set(_WORD.findall(" ".join((code.replace("_", " "), *labels))))


@pytest.mark.requirement("A56")
@pytest.mark.parametrize("name", list_names())
def test_no_code_and_no_label_names_a_place(name: str) -> None:
    """A56: closed code lists of essential indicators; adding a code passes the location lint."""
    for code in entries(name):
        found = find_places(words_of(name, code))
        assert bool(found) == ((name, code) in NAMED_ANYHOW), (code, found)


@pytest.mark.requirement("A56")
def test_the_lint_finds_a_code_that_would_name_a_place() -> None:
    """A56: the control: such a code would not pass."""
    for code in ("moved_to_north_side", "at_bus_station", "city_shelter", "street_outreach"):
        assert find_places(code.split("_"))
    assert all(code in codes(name) for name, code in NAMED_ANYHOW)


@pytest.mark.requirement("A57")
def test_an_indicator_replaces_a_route_and_has_no_field_to_write_one_into() -> None:
    """A57: "safety plan active" is a code; an itinerary has nowhere to stand."""
    assert make_status(code="safety_plan_active").code in codes("status_indicator")
    free_text = {"case_ref", "dictionary_version", "type"}
    for name, field in StatusIndicator.model_fields.items():
        assert field.annotation is not str or field.metadata or name in free_text, name
    for name in ("route", "note", "place", "text"):
        with pytest.raises(UnknownFieldError):
            make_status(**{name: "leave by the back door"})


@pytest.mark.requirement("A55")
@pytest.mark.parametrize("name", sorted(CONTENT_TYPES))
def test_no_content_type_has_a_field_for_a_place(name: str) -> None:
    """A55: relocation options have no place fields, and nothing else has one."""
    for field in CONTENT_TYPES[name].model.model_fields:
        found = find_places(field.split("_"))
        assert bool(found) == ((name, field) in FIELDS_ANYHOW), (field, found)
