"""Row 30: two readers see two things in the same signed bytes.

The attacker is a member's program that signs JSON with a duplicate key, a second spelling, or a
number that one reader rounds and another does not, so that an agency acts on one meaning and the
record holds another. Defences: duplicate keys and odd values are refused while parsing, and what
was read is written again and must give the same bytes. Beside the product's decoder runs another
that was written from the spec alone, character by character and without any encoder: they must
agree on every input, on refusal and on value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway_schemas import canonical
from quietway_schemas.canonical import decode_canonical, decode_strict, encode_canonical
from quietway_schemas.errors import JsonError

if TYPE_CHECKING:
    from quietway_schemas.canonical import JsonObject, JsonValue

ROOM = 6_614
NUMBER = re.compile(r"0|-?[1-9][0-9]{0,15}", re.ASCII)
SHORT = {'"': '"', "\\": "\\", "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}
LONG = re.compile(r"u00[01][0-9a-f]", re.ASCII)


class RefusedByReaderError(Exception):
    """The independent reader says no."""


class Reader:
    """The grammar of "Content: canonical JSON", read once from left to right."""

    def __init__(self, raw: bytes) -> None:
        try:
            self.text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedByReaderError from None
        self.at = 0

    def read(self) -> JsonObject:
        if self.text[:1] != "{":
            raise RefusedByReaderError
        found = self.read_object(1)
        if self.at != len(self.text):
            raise RefusedByReaderError
        return found

    def take(self, expected: str) -> bool:
        if not self.text.startswith(expected, self.at):
            return False
        self.at += len(expected)
        return True

    def demand(self, expected: str) -> None:
        if not self.take(expected):
            raise RefusedByReaderError

    def read_value(self, depth: int) -> JsonValue:
        match self.text[self.at : self.at + 1]:
            case "{":
                return self.read_object(depth)
            case "[":
                return self.read_list(depth)
            case '"':
                return self.read_text()
            case "t":
                self.demand("true")
                return True
            case "f":
                self.demand("false")
                return False
            case _:
                return self.read_number()

    def read_object(self, depth: int) -> JsonObject:
        found: JsonObject = {}
        last = None
        self.begin("{", depth)
        while not self.take("}"):
            if found:
                self.demand(",")
            key = self.read_text()
            if last is not None and key <= last:
                raise RefusedByReaderError
            self.demand(":")
            found[key] = self.read_value(depth + 1)
            last = key
        return found

    def read_list(self, depth: int) -> list[JsonValue]:
        found: list[JsonValue] = []
        self.begin("[", depth)
        while not self.take("]"):
            if found:
                self.demand(",")
            found.append(self.read_value(depth + 1))
        return found

    def begin(self, bracket: str, depth: int) -> None:
        if depth > 16:
            raise RefusedByReaderError
        self.demand(bracket)

    def read_number(self) -> int:
        found = NUMBER.match(self.text, self.at)
        if found is None or abs(int(found[0])) > 2**53 - 1:
            raise RefusedByReaderError
        self.at = found.end()
        return int(found[0])

    def read_text(self) -> str:
        self.demand('"')
        letters: list[str] = []
        while not self.take('"'):
            letters.append(self.read_letter())
        return "".join(letters)

    def read_letter(self) -> str:
        if self.take("\\"):
            return self.read_escape()
        letter = self.text[self.at : self.at + 1]
        if letter < " ":
            raise RefusedByReaderError
        self.at += 1
        return letter

    def read_escape(self) -> str:
        long = LONG.match(self.text, self.at)
        if long:
            self.at = long.end()
            letter = chr(int(long[0][1:], 16))
            # A control with a short form has no second one.
            if letter in SHORT.values():
                raise RefusedByReaderError
            return letter
        short = self.text[self.at : self.at + 1]
        self.at += 1
        if short not in SHORT:
            raise RefusedByReaderError
        return SHORT[short]


def read_independently(raw: bytes) -> JsonObject | None:
    try:
        return Reader(raw).read()
    except RefusedByReaderError:
        return None


def read_with_product(raw: bytes) -> JsonObject | None:
    try:
        return decode_canonical(raw, max_bytes=ROOM)
    except JsonError:
        return None


KEYS = st.sampled_from(["a", "b", "é", "e\u0301", "\U0001f600", "\uffff", "", "a\x00"])
LEAVES = (
    st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.text(alphabet='a"\\\n\x01é\u2028\U0001f600/', max_size=4)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b",", b":", b'"', b" ", b"\n", b"\\", b"-", b"0", b"1", b"."),
        *(b'"a":1', b'"a":1,"a":2', b'"\\u0061":1', b"null", b"true", b"1e3", b"-0", b"01"),
        *(b"9007199254740991", b"9007199254740992", b"\\ud800", b"\\u001F", b"\\u001f", b"\\u000a"),
        *(b"\xef\xbb\xbf", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", "é".encode(), b"\\n", b"\\/"),
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Canonical bytes in which up to three places were replaced, doubled or cut."""
    raw = encode_canonical(draw(st.dictionaries(KEYS, TREES, max_size=3)))
    for _ in range(draw(st.integers(min_value=0, max_value=3))):
        start = draw(st.integers(min_value=0, max_value=len(raw)))
        end = draw(st.integers(min_value=start, max_value=min(len(raw), start + 8)))
        raw = raw[:start] + draw(PIECES | st.just(raw[start:end] * 2) | st.just(b"")) + raw[end:]
    return raw


@given(damaged() | st.lists(PIECES, max_size=12).map(b"".join))
@settings(max_examples=600, deadline=None)
def test_two_decoders_that_share_no_code_agree_on_every_input(raw: bytes) -> None:
    assert read_with_product(raw) == read_independently(raw)


@given(damaged())
@settings(max_examples=300, deadline=None)
def test_what_is_accepted_is_written_again_as_the_same_bytes(raw: bytes) -> None:
    found = read_with_product(raw)
    assert found is None or encode_canonical(found) == raw


ATTACKS = {
    "a key twice": b'{"state":"accepted","state":"declined"}',
    "a key twice, once escaped": b'{"state":"accepted","st\\u0061te":"declined"}',
    "an escaped letter": b'{"state":"\\u0061ccepted"}',
    "an escaped slash": b'{"state":"\\/"}',
    "a space": b'{"state": "accepted"}',
    "keys out of order": b'{"b":1,"a":1}',
    "an integer that a float rounds": b'{"at":9007199254740993}',
    "an integer of a million digits": b'{"at":' + b"9" * 6_000 + b"}",
    "an integer as a float": b'{"at":1.0}',
    "a negative zero": b'{"at":-0}',
    "a lone surrogate": b'{"state":"\\udc00"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "overlong UTF-8": b'{"state":"\xc1\xa1"}',
    "nothing where something stood": b'{"state":null}',
    "deep nesting": b'{"a":' * 17 + b"1" + b"}" * 17,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_bytes_with_two_readings_are_refused(name: str) -> None:
    with pytest.raises(JsonError):
        decode_canonical(ATTACKS[name], max_bytes=ROOM)
    assert read_independently(ATTACKS[name]) is None


def test_letters_that_look_alike_stay_different_keys() -> None:
    """Unicode is not normalised: two spellings of one look are two keys, for every reader."""
    raw = '{"e\u0301":1,"é":2}'.encode()
    assert decode_canonical(raw, max_bytes=ROOM) == {"e\u0301": 1, "é": 2}


def demand_nothing(*_held: object, **_options: object) -> None:
    """Stand in for a check, and let everything pass."""


def test_control_without_the_check_of_keys_the_last_of_two_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = ATTACKS["a key twice"]
    with pytest.raises(JsonError):
        decode_strict(raw, max_bytes=ROOM)
    without(monkeypatch, "quietway_schemas.canonical:_make_object", dict)
    assert decode_strict(raw, max_bytes=ROOM) == {"state": "declined"}


def test_control_without_writing_again_one_meaning_has_many_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spellings = [b'{"a":"b"}', ATTACKS["a space"], b'{"a":"\\u0062"}', b'{"a" :"b"}']
    assert [read_with_product(raw) for raw in spellings].count(None) == 3
    without(monkeypatch, "quietway_schemas.canonical:_demand_same_bytes", demand_nothing)
    assert [read_with_product(raw) for raw in spellings].count(None) == 0


def test_control_without_the_limit_of_integers_a_reader_with_floats_sees_another_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = ATTACKS["an integer that a float rounds"]
    without(monkeypatch, "quietway_schemas.canonical:_check_value", demand_nothing)
    found = decode_canonical(raw, max_bytes=ROOM)["at"]
    assert isinstance(found, int)
    assert int(float(found)) != found
    assert found > canonical.LARGEST_INTEGER
