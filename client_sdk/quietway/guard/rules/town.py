"""A town, a county or tribal land in which somebody lives or to which she goes.

A capitalised word alone is never enough: names of towns are names of people, months and agencies.
A verb of living or moving leads up to it, or its state follows and a person is spoken of. A small
town says so much that it is held.

Spec: docs/spec/guard.md, "Places".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.places.gazetteer import find_longest
from quietway.guard.places.vocabulary import DATES, STATE_CODES, STATE_NAMES, STOPS, alternatives
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("town").tables["words"]
_ORDINARY: Final = frozenset(_WORDS["ordinary"].split())
_NATIONS: Final = "|".join(_WORDS["nations"])
_NAME: Final = r"[^\W\d_][\w'.-]{1,20}"
_IN: Final = re.compile(
    r" (?:in|to|near|outside|outside of|of|from|around|en|a|cerca de|pres de|de) "
    rf"(?=(?P<name>(?:(?:the|la|el|los|las|le) )?{_NAME}(?: {_NAME}){{0,3}}))"
)
_LIVING: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['living'])})(?: \w+){{0,2}}$")
_LOOSE: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['loose'])})(?: \w+){{0,3}}$")
_CALLED: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['called'])})$")
_STATED: Final = re.compile(
    rf", ?(?P<state>{alternatives(STATE_NAMES)}|{alternatives(STATE_CODES)})\b"
)
_BEFORE_STATE: Final = re.compile(
    rf"\b(?:in|near|to|from|outside|at|of|around|en|a|de) (?P<name>{_NAME}(?: {_NAME}){{0,3}})$"
)
_COUNTY: Final = re.compile(r" (?:county|parish|township|twp|borough)\b(?P<more> [^\W\d_]\w*)?")
_WITHIN: Final = re.compile(
    rf"\b(?:in|near|to|from|outside|of|across|around|en) (?P<name>{_NAME}(?: {_NAME}){{0,2}})$"
)
_CONDADO: Final = re.compile(r" condado de (?P<name>[^\W\d_][\w'-]{2,20})")
_LAND: Final = re.compile(
    r" (?:(?:indian )?reservation|rancheria|pueblo|tribal land|first nation|rez|reserve)\b"
)
_NATION: Final = re.compile(
    rf"\b(?:on|in|at|near|to|from) (?:the )?(?:{_NATIONS})(?: nation| tribe| territory"
    rf"| reservation)?\b"
)
_PERSON: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['persons'])})\b")
_STATE_WORDS: Final = frozenset(name.split()[0] for name in STATE_NAMES) | STATE_CODES
_FAR: Final = 70
_NEAR: Final = 44
_SHORTEST_LOWER: Final = 6


def find(view: View) -> Iterator[Hit]:
    """Yield towns, counties and tribal lands."""
    for found in _IN.finditer(view.text):
        yield from _find_town(view, found)
    for found in _STATED.finditer(view.text):
        yield from _find_stated(view, found)
    for found in _COUNTY.finditer(view.text):
        yield from _find_county(view, found)
    for found in _CONDADO.finditer(view.text):
        if view.cased[found.start("name")].isupper():
            yield view.hit("town.county", *found.span())
    yield from _find_land(view)


def _find_town(view: View, found: re.Match[str]) -> Iterator[Hit]:
    start = found.start("name")
    words = view.cased[start : found.end("name")].split()
    count, is_large = find_longest([word.rstrip(".,") for word in words])
    if not count or not _is_written(words, count, is_large=is_large):
        return
    if _is_lived_in(view.text, found.start(), is_large=is_large):
        end = start + len(" ".join(words[:count]).rstrip(".,"))
        yield view.hit("town.large" if is_large else "town.small", start, end)


def _is_written(words: list[str], count: int, *, is_large: bool) -> bool:
    """Whether words are a town's name, and not the beginning of another, or an ordinary word."""
    name, following = words[0], words[count : count + 1]
    lowered = name.lower().rstrip(".,")
    if not name[0].isupper():
        long = sum(map(len, words[:count])) >= _SHORTEST_LOWER
        return is_large and long and (count > 1 or lowered not in _ORDINARY | STOPS)
    if lowered in DATES or (lowered in _ORDINARY and count == 1):
        return False
    stopped = words[count - 1][-1] in ".,"
    if not following or stopped or not following[0][0].isupper() or name.isupper():
        return True
    return following[0].lower().rstrip(".,") in _STATE_WORDS


def _is_lived_in(text: str, end: int, *, is_large: bool) -> bool:
    """Whether words of living or moving lead up to the preposition before a town."""
    since = max(0, end - _NEAR)
    if _CALLED.search(text, since, end):
        return True
    if text.startswith((" of ", " de "), end):
        return False
    if _LIVING.search(text, since, end):
        return True
    return is_large and _LOOSE.search(text, since, end) is not None


def _find_stated(view: View, found: re.Match[str]) -> Iterator[Hit]:
    """`in Marfa, TX`: with the state behind it any name is a town, and small unless known."""
    state = view.cased[slice(*found.span("state"))]
    before = _BEFORE_STATE.search(view.text, max(0, found.start() - _FAR), found.start())
    if before is None or not (state.isupper() or state[0].isupper()):
        return
    start = before.start("name")
    words = view.cased[start : before.end("name")].split()
    if not words[0][0].isupper() or words[0].lower() in DATES:
        return
    if _PERSON.search(view.text, max(0, start - _FAR), start):
        count, is_large = find_longest(words)
        rule = "town.large" if is_large and count == len(words) else "town.small"
        yield view.hit(rule, start, found.end())


def _find_county(view: View, found: re.Match[str]) -> Iterator[Hit]:
    """A county that somebody is in, and not its court, its sheriff or its board."""
    more = found["more"]
    is_office = more is not None and (
        view.cased[found.start("more") + 1].isupper() or more.strip() in _WORDS["offices"]
    )
    within = _WITHIN.search(view.text, max(0, found.start() - _FAR), found.start())
    if is_office or within is None:
        return
    last = within["name"].split()[-1]
    if view.cased[within.end() - len(last)].isupper() and last not in STOPS:
        yield view.hit("town.county", within.start("name"), found.end())


def _find_land(view: View) -> Iterator[Hit]:
    for found in _NATION.finditer(view.text):
        yield view.hit("town.tribal", *found.span())
    for found in _LAND.finditer(view.text):
        start = view.text.rfind(" ", 0, found.start()) + 1
        word, kind = view.cased[start : found.start()], view.cased[found.start() + 1]
        if word[:1].isupper() and kind.isupper() and word.lower() not in STOPS | {"federal"}:
            yield view.hit("town.tribal", start, found.end())
