"""Recovery: the agency's own words, custodians with a file, and the sheets that people keep."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway.errors import ContentRefused, RecoveryFileRefused, TooFewCustodians, WordsRefused
from quietway.recovery import (
    Custodian,
    make_custodian,
    make_recovery_file,
    open_recovery_file,
    read_custodian,
    read_root_words,
)
from quietway.recovery_file import RecoveryFile
from quietway.sheet import RecoverySheet
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_crypto.words import seed_to_words
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.fields import decode_base64, encode_base64
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from random import Random

AGENCY = AgencyId(bytes(range(16)))
ROOT = Secret(bytes(range(32)))
OTHER_ROOT = Secret(bytes(range(1, 33)))
CIRCLES = [(n, m) for n in range(1, 8) for m in range(1, n + 1)]


def gather(count: int, seed: int = 0) -> list[Custodian]:
    entropy = SeededEntropy(seed)
    return [make_custodian(entropy) for _ in range(count)]


def seal(people: list[Custodian], threshold: int, root: Secret = ROOT) -> RecoveryFile:
    return make_recovery_file(
        agency_id=AGENCY,
        agency_code="HARBOR",
        root=root,
        custodians=[read_custodian(person.key) for person in people],
        threshold=threshold,
    )


def spoken(people: list[Custodian]) -> list[str]:
    return [" ".join(person.words) for person in people]


@pytest.mark.requirement("D02")
@settings(max_examples=30, deadline=None)
@given(st.sampled_from(CIRCLES), st.randoms(use_true_random=False), st.integers(0, 2**16))
def test_any_m_of_n_bring_the_root_back_in_any_order_and_one_fewer_never(
    circle: tuple[int, int], chance: Random, seed: int
) -> None:
    """D02: recovery shares inside the agency bring its key back."""
    n, m = circle
    people = gather(n, seed)
    file = RecoveryFile.from_bytes(seal(people, m).to_bytes())
    chosen = chance.sample(people, m)
    assert open_recovery_file(file, spoken(chosen)) == ROOT
    with pytest.raises(TooFewCustodians) as few:
        open_recovery_file(file, spoken(chosen[1:]))
    assert (few.value.needed, few.value.given) == (m, m - 1)


def test_the_order_of_the_people_does_not_matter() -> None:
    people = gather(3)
    file = seal(people, 3)
    for order in permutations(people):
        assert open_recovery_file(file, spoken(list(order))) == ROOT


def test_more_people_than_it_takes_do_no_harm() -> None:
    people = gather(5)
    assert open_recovery_file(seal(people, 2), spoken(people)) == ROOT


def test_whose_words_are_wrong_is_told_by_number() -> None:
    people, stranger = gather(3), gather(1, seed=9)[0]
    file = seal(people, 2)
    with pytest.raises(WordsRefused, match="The words of person 2: ") as refused:
        open_recovery_file(file, spoken([people[0], stranger]))
    assert (refused.value.person, refused.value.number) == (2, None)
    assert not set(stranger.words) & set(str(refused.value).split())
    mistyped = ["nonsense", *people[2].words[1:]]
    with pytest.raises(WordsRefused) as refused:
        open_recovery_file(file, [spoken(people)[0], " ".join(mistyped)])
    assert (refused.value.person, refused.value.number) == (2, 1)
    with pytest.raises(WordsRefused, match="given before") as refused:
        open_recovery_file(file, spoken([people[0], people[0]]))
    assert refused.value.person == 2


def test_each_box_altered_is_refused_and_the_others_still_open() -> None:
    people = sorted(gather(4), key=lambda person: read_custodian(person.key))
    file = seal(people, 2)
    for place, held in enumerate(file.boxes):
        for at in (0, 40, len(held.box) - 1):
            altered = bytearray(held.box)
            altered[at] ^= 1
            boxes = list(file.boxes)
            boxes[place] = held.model_copy(update={"box": bytes(altered)})
            damaged = file.model_copy(update={"boxes": tuple(boxes)})
            for other in file.boxes:
                words = spoken([people[each] for each in other.who])
                if other.who == held.who:
                    with pytest.raises(RecoveryFileRefused, match="altered"):
                        open_recovery_file(damaged, words)
                else:
                    assert open_recovery_file(damaged, words) == ROOT


def test_a_box_with_another_agencys_root_is_refused() -> None:
    people = gather(2)
    mine, theirs = seal(people, 2), seal(people, 2, OTHER_ROOT)
    swapped = mine.model_copy(update={"boxes": theirs.boxes})
    with pytest.raises(RecoveryFileRefused, match="altered"):
        open_recovery_file(swapped, spoken(people))


def test_control_without_the_check_of_the_seed_another_root_would_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.recovery:check_root", lambda _root, _key: None)
    with pytest.raises(pytest.fail.Exception):
        test_a_box_with_another_agencys_root_is_refused()


def test_a_file_for_another_agency_is_refused_before_words_are_read() -> None:
    people = gather(2)
    with pytest.raises(RecoveryFileRefused, match="other_agency"):
        open_recovery_file(seal(people, 2), ["not words"], agency_code="MERCY")
    assert open_recovery_file(seal(people, 2), spoken(people), agency_code="HARBOR") == ROOT


def break_file(told: dict[str, object], how: str) -> object:
    boxes, people = told["boxes"], told["custodians"]
    assert isinstance(boxes, list)
    assert isinstance(people, list)
    first = decode_base64(boxes[0]["box"])
    changes: dict[str, dict[str, object]] = {
        "a box too few": {"boxes": boxes[1:]},
        "boxes in another order": {"boxes": boxes[::-1]},
        "a choice twice": {"boxes": [boxes[0], boxes[0], *boxes[2:]]},
        "a box of another length": {
            "boxes": [{**boxes[0], "box": encode_base64(first + bytes(48))}, *boxes[1:]]
        },
        "custodians in another order": {"custodians": people[::-1]},
        "a custodian whose key is weak": {"custodians": [encode_base64(bytes(32)), *people[1:]]},
        "a threshold that does not fit": {"threshold": 3},
        "no threshold": {"threshold": 0},
        "another version": {"version": 2},
        "a root key that is none": {"root_key": encode_base64(bytes(32))},
        "a field more": {"note": "hello"},
        "a code that is none": {"agency_code": "harbor <b>"},
    }
    return {**told, **changes[how]}


@pytest.mark.parametrize(
    "how",
    [
        "a box too few",
        "boxes in another order",
        "a choice twice",
        "a box of another length",
        "custodians in another order",
        "a custodian whose key is weak",
        "a threshold that does not fit",
        "no threshold",
        "another version",
        "a root key that is none",
        "a field more",
        "a code that is none",
    ],
)
def test_a_file_that_is_not_whole_is_refused(how: str) -> None:
    told = json.loads(seal(gather(3), 2).to_bytes())
    with pytest.raises(RecoveryFileRefused, match="malformed"):
        RecoveryFile.from_bytes(encode_canonical(break_file(told, how)))  # type: ignore[arg-type]  # broken on purpose


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_bytes_that_are_no_file_are_refused(raw: bytes) -> None:
    with pytest.raises(RecoveryFileRefused, match="malformed"):
        RecoveryFile.from_bytes(raw)


def test_a_file_with_white_space_or_a_second_line_is_refused() -> None:
    raw = seal(gather(2), 1).to_bytes()
    for other in (b" " + raw, raw + b"\n", raw.replace(b":", b": ", 1)):
        with pytest.raises(RecoveryFileRefused, match="malformed"):
            RecoveryFile.from_bytes(other)


@pytest.mark.parametrize(("n", "m"), [(0, 1), (2, 3), (2, 0), (8, 2)])
def test_numbers_of_custodians_that_make_no_sense_are_refused(n: int, m: int) -> None:
    with pytest.raises(ContentRefused, match="1 to 7 different people"):
        seal(gather(n), m)


def test_naming_a_custodian_twice_is_refused() -> None:
    person = gather(1)[0]
    with pytest.raises(ContentRefused, match="1 to 7 different people"):
        seal([person, person], 1)


@pytest.mark.parametrize(
    "text", ["", "hello", "quietway-custodian:", "quietway-custodian:AAAA", "quietway-custodian:!"]
)
def test_what_is_no_custodians_key_is_refused(text: str) -> None:
    with pytest.raises(WordsRefused, match="no custodian's key"):
        read_custodian(text)


def test_the_agencys_own_words_are_held_to_its_root_key() -> None:
    words = " ".join(seed_to_words(ROOT))
    key = SigningKey(ROOT).public
    assert read_root_words(words, key) == ROOT
    with pytest.raises(WordsRefused, match="not those of this agency's root"):
        read_root_words(words, SigningKey(OTHER_ROOT).public)


def test_neither_a_custodian_nor_a_file_prints_what_is_secret() -> None:
    person = gather(1)[0]
    file = seal([person], 1)
    assert not set(person.words) & set(repr(person).replace("'", " ").split())
    assert encode_base64(file.boxes[0].box) not in repr(file)


def sheet(kind: str = "root", agency_code: str = "HARBOR") -> RecoverySheet:
    return RecoverySheet(
        kind=kind,  # type: ignore[arg-type]  # each kind by its name
        agency_id=AGENCY,
        agency_code=agency_code,
        relay="https://relay.example",
        root_key=SigningKey(ROOT).public,
        at=1_764_201_600_000,
        words=seed_to_words(ROOT),
    )


class Page(HTMLParser):
    """Gathers the words of a sheet, and what a page could load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.items: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [name for name, _ in attrs if name in {"src", "href", "action", "onload"}]

    def handle_data(self, data: str) -> None:
        if self.tags[-1] == "li":
            self.items.append(data)


@pytest.mark.parametrize("kind", ["root", "custodian", "backup"])
def test_a_sheet_holds_its_words_once_and_numbered(kind: str) -> None:
    made = sheet(kind)
    words = list(made.words)
    lines = made.to_text().splitlines()
    assert [line.split()[-1] for line in lines if line[:2].strip().isdigit()] == words
    page = Page()
    page.feed(made.to_html())
    assert page.items[:24] == words
    assert page.links == []
    assert not {"script", "img", "link", "iframe", "a"} & set(page.tags)
    for text in (made.to_text(), made.to_html()):
        assert "HARBOR" in text
        assert str(AGENCY) in text
        assert "2025-11-27" in text
    assert not any(word in repr(made).split() for word in words)


def test_a_sheet_is_text_and_never_markup() -> None:
    assert "<b>" not in sheet(agency_code="<b>HARBOR").to_html()


def test_words_on_a_sheet_are_read_back_as_they_stand() -> None:
    numbered = [line for line in sheet().to_text().splitlines() if line[:2].strip().isdigit()]
    assert read_root_words("\n".join(numbered), SigningKey(ROOT).public) == ROOT
