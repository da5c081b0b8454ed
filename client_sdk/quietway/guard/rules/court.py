"""The day of a hearing: when she will be in a building whose doors anyone may watch.

A day counts near words of a hearing; a month does not, and is what to write instead.

Spec: docs/spec/guard.md, "Places".
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("court").tables["words"]
_HEARING: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['hearings'])})\b")
_MONTH: Final = "|".join(_WORDS["months"])
_PAST: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['past'])})\b")
_DAY: Final = re.compile(
    rf"\b(?:{_MONTH})\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?!\d)(?:,? (?P<y1>\d{{4}}))?"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|er|o)?(?: of| de)? (?:{_MONTH})\b\.?(?:,? (?:de |del )?"
    rf"(?P<y2>\d{{4}}))?"
    r"|(?<![\d/-])(?:\d{1,2}/\d{1,2}/(?P<y3>\d{2,4})|(?P<y4>20\d{2})-\d{2}-\d{2}"
    r"|\d{1,2}-\d{1,2}-(?P<y5>\d{2,4})|\d{1,2}\.\d{1,2}\.(?P<y6>\d{2,4})|(?!1/[2-9]\b|24/7)"
    r"(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|[12]\d|3[01]))(?![\d/-])"
)
_WEEKDAY: Final = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri)day the \d{1,2}(?:st|nd|rd|th)"
    r"|(?:lunes|martes|miercoles|jueves|viernes|lundi|mardi|mercredi|jeudi|vendredi) \d{1,2})\b"
    r"(?! ?(?:h|hrs?|de la|:|am|pm)\b)"
)
_NEAR: Final = 60
_BYGONE: Final = 2020
"""Years up to here are history: nobody is waited for there."""


def find(view: View) -> Iterator[Hit]:
    """Yield days that stand near words of a hearing."""
    text = view.text
    for found in _HEARING.finditer(text):
        start, end = max(0, found.start() - _NEAR), min(len(text), found.end() + _NEAR)
        days = chain(_DAY.finditer(text, start, end), _WEEKDAY.finditer(text, start, end))
        for day in days:
            if not _is_bygone(day) and not _is_parted(text, found, day):
                yield view.hit("court.day", *day.span())


def _is_bygone(day: re.Match[str]) -> bool:
    year = next((value for value in day.groups() if value), "")
    return len(year) == 4 and int(year) <= _BYGONE  # noqa: PLR2004


def _is_parted(text: str, hearing: re.Match[str], day: re.Match[str]) -> bool:
    """Whether a sentence ends between the two, or what lies between says that it is past."""
    first, second = sorted([hearing.span(), day.span()])
    between = text[first[1] : second[0]]
    return ". " in between or "; " in between or _PAST.search(between) is not None
