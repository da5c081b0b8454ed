"""An agency's own codes: a file of its own, of which nothing but shared codes travels."""

from __future__ import annotations

import json

import pytest
from tests.schemas.samples import make_packet

from quietway_schemas.codebook.subcodes import LocalCodes
from quietway_schemas.errors import ContentError, JsonError, UnknownCodeError

PETS = {
    "list": "service_type",
    "code": "pet_friendly_safehouse",
    "label": "Safe house that takes pets",
    "maps_to": "safehouse",
}


def make_file(*codes: dict[str, object]) -> bytes:
    return json.dumps({"codes": codes}, indent=2).encode()


@pytest.mark.requirement("C36")
def test_an_own_code_is_shown_in_its_own_words_and_said_as_the_shared_one() -> None:
    """C36: a shared reference table; internal subcodes allowed."""
    local = LocalCodes.read(make_file(PETS))
    menu = list(local.labels("service_type").items())
    assert menu[:2] == [
        ("safehouse", "Safe house or shelter"),
        ("pet_friendly_safehouse", "Safe house that takes pets"),
    ]
    assert local.label("service_type", "pet_friendly_safehouse", "es") == PETS["label"]
    assert local.label("service_type", "safehouse", "es") == "Casa segura o refugio"
    said = local.resolve("service_type", "pet_friendly_safehouse")
    assert b"pet_friendly" not in make_packet(service_type=said).to_canonical()
    assert local.resolve("service_type", "advocacy") == "advocacy"


def test_own_codes_of_one_list_are_none_of_another() -> None:
    local = LocalCodes.read(make_file(PETS))
    for ask in (local.resolve, local.label):
        with pytest.raises(UnknownCodeError):
            ask("role", "pet_friendly_safehouse")
    assert "pet_friendly_safehouse" not in local.labels("role")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"maps_to": "yurt"}, UnknownCodeError),
        ({"list": "dwelling"}, UnknownCodeError),
        ({"code": "advocacy"}, ContentError),
        ({"code": "Pet Friendly"}, ContentError),
        ({"label": " "}, ContentError),
        ({"label": "x" * 81}, ContentError),
        ({"label": "a\x1b[2J"}, ContentError),
        ({"note": "x"}, ContentError),
    ],
)
def test_a_file_with_one_wrong_code_is_refused_whole(
    change: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        LocalCodes.read(make_file(PETS | {"code": "another"}, PETS | change))


def test_a_code_that_stands_twice_and_what_is_no_json_is_refused() -> None:
    with pytest.raises(ContentError, match="twice"):
        LocalCodes.read(make_file(PETS, PETS))
    with pytest.raises(JsonError):
        LocalCodes.read(b"pet_friendly_safehouse -> safehouse")
