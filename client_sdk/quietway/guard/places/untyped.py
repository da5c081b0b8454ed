"""Reads two streets that meet, of which neither has a type: `at State and Lake`.

Two names and `and` are people, firms and towns far more often, so somebody has to wait, meet or be
dropped there.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.expressions import Gated
from quietway.guard.places import around
from quietway.guard.places.crossings import is_name
from quietway.guard.places.gazetteer import is_large_town
from quietway.guard.rule_file import read_rule_file

_WORDS: Final = read_rule_file("crossing").tables["words"]
_NAME: Final = r"[^\W\d_][\w'-]{1,20}"
_WITH_ORDINAL: Final = Gated(
    rf"\b(?:en|por|a|hasta|desde) (?P<first>{_NAME}) con "
    r"(?P<second>primera|segunda|tercera|cuarta|quinta|sexta|septima"
    r"|octava|novena|decima|once|doce)\b",
    (" con ",),
)
_BARE: Final = Gated(
    rf"(?<=[a-z] )(?:at|near) (?P<first>{_NAME})(?: and |/| ?& ?)(?P<second>{_NAME})\b(?!')",
    (" at ", " near "),
)
_WAITING: Final = re.compile(
    r"\b(?:stands?|standing|wait(?:s|ed|ing)?|met|meet(?:s|ing)?|dropped|drop|pick(?:ed)?|parked|lost"
    r"|spotted|lives?|stays?|the [a-z]{3,12}) (?:[\w']+ ){0,3}$"
)


def find_untyped(text: str, cased: str) -> Iterator[tuple[int, int]]:
    """Find two names without a type at which somebody stands: `at State and Lake`."""
    for found in _BARE.finditer(text):
        if _may_cross(text, cased, found) and around.is_ended(text, found.end()):
            yield found.span("first")[0], found.end()
    for found in _WITH_ORDINAL.finditer(text):
        if cased[found.start("first")].isupper() and cased[found.start("second")].isupper():
            yield found.span()


def _may_cross(text: str, cased: str, found: re.Match[str]) -> bool:
    """Whether two names may be streets: no towns, no days, no firm, and somebody waits there."""
    names = {name: cased[slice(*found.span(name))] for name in ("first", "second")}
    for name, written in names.items():
        if not is_name(cased, found.start(name), found[name]) or written.isupper():
            return False
    if set(found.group("first", "second")) & set(_WORDS["firms"]):
        return False
    if all(is_large_town(written) for written in names.values()):
        return False
    return _WAITING.search(text, max(0, found.start() - 40), found.start()) is not None
