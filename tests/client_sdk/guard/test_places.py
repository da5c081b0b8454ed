"""Described places are found in ordinary sentences, and ordinary sentences hold none.

The addresses are real ones that people labelled (`shared`), each set into sentences; a development
set, so its figures say what the rules were made for. `places/` and `clean/` are the guard's own
sentences.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import pytest
from babel.messages.pofile import read_po
from tests.controls import without

from quietway.guard.inspecting import inspect, scan
from quietway.guard.places.gazetteer import find_longest, is_large_town
from quietway.guard.reading import Reading
from quietway_schemas import locale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE: Final = Path(__file__).parent
CATALOGUES: Final = Path(locale.__file__).parent / "locale"
FRAMES: Final = (
    "She is at {} now.",
    "Please send it to {}",
    "They moved to {} last week and are safe.",
    "Her sister lives at {}, so call first.",
    "{}",
)
WRITTEN: Final[dict[str, Callable[[str], str]]] = {
    "as it stands": str,
    "in small letters": str.lower,
    "a word a line": lambda text: text.replace(" ", "\n"),
    "without commas": lambda text: text.replace(",", ""),
}
LEAST_OF_A_HUNDRED: Final = 98
CLASS_OF: Final = {
    "street": "street",
    "crossing": "crossing",
    "postcode": "postcode",
    "town": "town",
    "place": "place",
    "court_date": "court",
}


@pytest.fixture
def addresses(shared: Callable[[str], Path]) -> list[str]:
    """Give the addresses that have a house number."""
    root = ET.parse(shared("samples/addresses/usaddress_labeled.xml")).getroot()  # noqa: S314  # our own file
    numbered = [one for one in root if one.find("AddressNumber") is not None]
    return [" ".join("".join(one.itertext()).split()) for one in numbered]


def is_blocked(text: str) -> bool:
    return any(found.action == "block" for found in inspect(text))


def count_blocked(addresses: list[str], write: Callable[[str], str]) -> tuple[int, int]:
    """Count how many sentences with an address are stopped, and how many there are."""
    sentences = [frame.format(write(address)) for address in addresses for frame in FRAMES]
    return sum(map(is_blocked, sentences)), len(sentences)


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("way", WRITTEN)
def test_an_address_with_its_number_is_stopped_in_any_sentence(
    addresses: list[str], way: str
) -> None:
    """A26: what pinpoints a house is stopped."""
    blocked, total = count_blocked(addresses, WRITTEN[way])
    assert total >= 500
    assert 100 * blocked >= LEAST_OF_A_HUNDRED * total, f"{blocked} of {total}"


def nothing(*_: object) -> Iterator[tuple[int, int]]:
    return iter(())


def test_without_its_reader_addresses_pass(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: the same sentences, with nobody who reads on from a house number."""
    without(monkeypatch, "quietway.guard.rules.street:find_numbered", nothing)
    blocked, total = count_blocked(addresses, str)
    assert 100 * blocked < LEAST_OF_A_HUNDRED * total


def read_sentences(folder: str) -> list[dict[str, object]]:
    lines = (HERE / folder / "seen.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def is_caught(sentence: dict[str, object]) -> bool:
    """Whether the class it was written for finds what tells its place."""
    name = CLASS_OF[str(sentence["kind"])]
    start, end = sentence["span"]  # type: ignore[misc]
    found = scan(Reading(str(sentence["text"])))
    return any(
        one.rule.partition(".")[0] == name and one.start < end and start < one.end for one in found
    )


def count_caught(kind: str) -> tuple[int, int]:
    sentences = [one for one in read_sentences("places") if one["kind"] == kind]
    return sum(map(is_caught, sentences)), len(sentences)


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("kind", CLASS_OF)
def test_each_class_finds_its_places_in_plain_language(kind: str) -> None:
    """A26: streets, crossings, postcodes, towns, kinds of places and days of hearings are found."""
    caught, total = count_caught(kind)
    least = LEAST_OF_A_HUNDRED if kind == "street" else 90
    assert 100 * caught >= least * total, f"{caught} of {total}"


CONTROLS: Final = (
    ("street", "quietway.guard.rules.street:find_numbered", nothing),
    ("crossing", "quietway.guard.rules.crossing:find_corners", nothing),
    ("postcode", "quietway.guard.rules.postcode:_is_code", lambda *_: False),
    ("town", "quietway.guard.rules.town:_is_lived_in", lambda *_, **__: False),
    ("place", "quietway.guard.rules.place:_is_there", lambda *_: False),
    ("court_date", "quietway.guard.rules.court:_is_bygone", lambda _: True),
)


@pytest.mark.parametrize(("kind", "reader", "replacement"), CONTROLS)
def test_without_its_reader_a_class_misses_them(
    monkeypatch: pytest.MonkeyPatch, kind: str, reader: str, replacement: Callable[..., object]
) -> None:
    """Control: the same sentences, with one reader of the class out of action."""
    without(monkeypatch, reader, replacement)
    caught, total = count_caught(kind)
    assert 100 * caught < 90 * total


def list_false_alarms(texts: list[str]) -> dict[str, list[str]]:
    """Give what is found in texts that tell no place."""
    found = {text: [one.rule for one in inspect(text)] for text in texts if text}
    return {text: rules for text, rules in found.items() if rules}


@pytest.mark.requirement("A26")
def test_guidance_for_the_field_sounds_no_alarm(shared: Callable[[str], Path]) -> None:
    """A26: what is written about safety, and tells no place, passes."""
    file = shared("samples/clean/guidance_sentences.txt")
    lines = file.read_text("utf-8").splitlines()
    assert len(lines) >= 240
    assert list_false_alarms(lines) == {}


def test_no_label_and_no_sentence_of_the_catalogues_sounds_an_alarm() -> None:
    texts = [text for file in sorted(CATALOGUES.rglob("*.po")) for text in read_texts(file)]
    assert len(texts) > 1_000
    assert list_false_alarms(texts) == {}


def read_texts(file: Path) -> Iterator[str]:
    with file.open("rb") as opened:
        for entry in read_po(opened):
            if entry.context:
                yield str(entry.id)
                yield str(entry.string)


@pytest.mark.requirement("A26")
def test_plain_language_without_a_place_sounds_next_to_no_alarm() -> None:
    """A26: at most two in a hundred sentences that tell no place are held up."""
    texts = [str(one["text"]) for one in read_sentences("clean")]
    alarms = list_false_alarms(texts)
    assert 100 * len(alarms) <= 2 * len(texts), alarms


def test_if_every_capital_after_a_number_were_a_street_clean_texts_would_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: the evidence around a number and a name is what keeps ordinary text clean."""
    without(monkeypatch, "quietway.guard.places.judging:_is_typeless", lambda *_: True)
    texts = [str(one["text"]) for one in read_sentences("clean")]
    assert 100 * len(list_false_alarms(texts)) > 2 * len(texts)


def test_names_of_towns_are_written_as_a_view_holds_them() -> None:
    assert is_large_town("San Antonio")
    assert find_longest(["San", "Antonio", "yesterday"]) == (2, True)
    assert find_longest(["Wewoka"]) == (1, False)
    assert find_longest(["Nowhere", "At", "All"]) == (0, False)
