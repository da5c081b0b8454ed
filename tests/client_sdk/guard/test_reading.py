"""Views of a text: what each holds, and that each place in it leads back to the original."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway.guard.reading import Reading
from quietway.guard.view import View

DISGUISED: Final = (
    ("plain", "４１７ Ｅｌｍ Ѕtrееt", "417 elm street"),
    ("plain", "④①⑦ 𝐄𝐥𝐦 ᴇʟᴍ 🅴🅻🅼", "417 elm elm elm"),
    ("plain", "4\ufe0f\u20e31\ufe0f\u20e3 ٤١٧ ⁴¹⁷", "41 417 417"),
    ("plain", "E\u0301l\u200bm\u00ad St\u2060reet\u202e", "elm street"),
    ("plain", "Calle Peñón, Straße, Œuvre", "calle penon, strasse, oeuvre"),
    ("plain", "12½ “Elm” — 3′", '12 1/2 "elm" - 3\''),
    ("plain", "a \t\r\n\u3000 b", "a b"),
    ("plain", "417 El\nm Stre-\net", "417 elm street"),
    ("plain", "maps.goo\ngle.com", "maps.google.com"),
    ("digits", "4 1 7  E l m  S t r e e t", "417 elm street"),
    ("digits", "4 1 7 E l m S t r e e t", "417 elm street"),
    ("digits", "4 1 7 e l m s t r e e t", "417 elm street"),
    ("digits", "E-l-m S.t.r.e.e.t 4.1.7", "elm street 417"),
    ("digits", "6 1 7 - 5 5 5 - 0 1 2 3", "617-555-0123"),
    ("digits", "8 7 G 8 P 9 W W + 2 2", "87g8p9ww+22"),
    ("digits", "four hundred and seventeen elm", "417 elm"),
    ("digits", "four seventeen elm", "417 elm"),
    ("digits", "four one seven elm", "417 elm"),
    ("digits", "one oh five, nineteen ninety nine", "1051999"),
    ("digits", "twenty-one hundred elm", "2100 elm"),
    ("digits", "two thousand and four", "2004"),
    ("digits", "twelve thousand three hundred forty five", "12345"),
    ("digits", "cuatrocientos diecisiete", "417"),
    ("digits", "cuatro uno siete", "417"),
    ("digits", "dos mil quince", "2015"),
    ("digits", "treinta y dos", "32"),
    ("digits", "quatre cent dix-sept", "417"),
    ("digits", "quatre-vingt-dix-sept", "97"),
    ("digits", "soixante et onze", "71"),
    ("digits", "unit two at twelve Oak", "unit 2 at 12 oak"),
    ("swapped", "3lm 5treet, 0ak Av3", "elm street, oak ave"),
    ("swapped", "4l7 Dr1ve P1ace", "417 drive place"),
    ("swapped", "42nd 5tr33t", "42nd street"),
    ("links", "maps dot google dot com slash abc", "maps.google.com/abc"),
    ("links", "ana [at] mail (dot) com", "ana@mail.com"),
    ("links", "ana arroba mail punto com", "ana@mail.com"),
    ("links", "hxxps://x[.]org", "https://x.org"),
    ("links", "maps . google . com", "maps.google.com"),
)


@pytest.mark.parametrize(("name", "disguised", "held"), DISGUISED)
def test_a_view_holds_what_was_disguised(name: str, disguised: str, held: str) -> None:
    assert held in [view.text for view in Reading(disguised).views if view.name == name]


@pytest.mark.parametrize(
    "text",
    [
        "One of them calls once a week.",
        "Two weeks ago she saw three of the four advocates.",
        "A polka dot dress, to the point.",
        "We met at the office. The court said no.",
        "She has one child; he said son cent fois non.",
        "Her advocate, a nurse and a friend.\n\nThe plan stands.",
    ],
)
def test_a_clean_text_is_read_in_one_view(text: str) -> None:
    assert [view.name for view in Reading(text).views] == ["plain"]


PIECES: Final = st.sampled_from(
    [
        "４", "é", "E\u0301", "\u200b", " ", "\n", "½", "ﬁ", "🔟", "\u3000", "4 1 7", "E-l-m", "x",
        "Ж", "four seventeen", "3lm", " dot com", "a b c d e", "-\n", "한", "𝐄", "\ud800", "\x00",
        "İ",
    ]
)  # fmt: skip
TEXTS: Final = st.one_of(st.text(), st.lists(PIECES).map("".join))


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_each_place_of_a_view_leads_back_to_the_original_in_order(text: str) -> None:
    for view in Reading(text).views:
        assert len(view.text) == len(view.cased)
        spans = [view.back(place, place + 1) for place in range(len(view.text))]
        assert spans == sorted(spans)
        assert all(0 <= start <= end <= len(text) for start, end in spans)


@given(TEXTS, st.data())
@settings(max_examples=300, deadline=None)
def test_the_span_of_a_hit_reads_as_what_the_view_held(text: str, data: st.DataObject) -> None:
    view = Reading(text).plain
    if not view.text:
        return
    start = data.draw(st.integers(0, len(view.text) - 1))
    end = data.draw(st.integers(start + 1, len(view.text)))
    first, last = view.back(start, end)
    assert view.text[start:end].strip() in Reading(text[first:last]).plain.text


@given(st.lists(st.sampled_from(["four", "seventeen", "3lm", "4 1 7", "e-l-m", "oak", "dot com"])))
@settings(max_examples=200, deadline=None)
def test_words_of_any_view_lead_back_to_words_of_the_original(words: list[str]) -> None:
    text = ", ".join(words)
    for view in Reading(text).views:
        for place, char in enumerate(view.text):
            start, end = view.back(place, place + 1)
            assert char != "," or text[start:end] == ","


def test_no_repr_shows_what_a_text_holds() -> None:
    reading = Reading("canary at 417 Elm Street")
    assert "canary" not in f"{reading!r}{reading.plain!r}{reading.views!r}"
    assert isinstance(reading.plain, View)
