from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_desk.plain import MARK, show_line, show_plain


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\r",
        "\x9b31m",
        "\u202e",
        "\u2066",
        "\u2028",
        "\U000e0041",
        "\ue000",
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_a_mark(hostile: str) -> None:
    shown = show_plain(f"before{hostile}after")

    assert hostile[0] not in shown
    assert MARK in shown
    assert shown.startswith("before")
    assert shown.endswith("after")


@pytest.mark.parametrize(
    "text", ["\u0645\u06cc\u200c\u062e", "שלום\u200f", "Ärger", "line\nbreak", "👩\u200d👧"]
)
def test_words_of_every_language_stay_as_they_are(text: str) -> None:
    assert show_plain(text) == text


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_no_text_brings_an_escape_to_the_terminal(text: str) -> None:
    assert not set(show_plain(text)) & {"\x1b", "\x9b", "\r", "\x07", "\x08"}
    assert "\n" not in show_line(text)
