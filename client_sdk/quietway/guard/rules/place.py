"""A place at which somebody can be waited for: school, work, a station, a hospital.

Agencies speak of schools and hospitals all day, so a place counts only where a person is said to be
there or to go there, or where an employer, a school or a motel is named.

Spec: docs/spec/guard.md, "Places".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.expressions import Gated
from quietway.guard.places.vocabulary import DATES, STOPS
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("place").tables["words"]


def _any(name: str) -> str:
    return f"(?:{'|'.join(_WORDS[name])})"


_NAME: Final = r"[^\W\d_][\w'.-]{1,20}"
_AT: Final = re.compile(
    r" (?:at|in|to|outside|near|behind|from|@) (?P<whose>(?:the|her|his|their|my|a|an|our"
    r"|the kids'?) )?"
    rf"(?:[\w'.]{{2,14}} )?{_any('kinds')}\b(?! {_any('not_place')}\b)"
)
_ONCE: Final = re.compile(rf"\b{_any('once')}(?: \w+){{0,3}}$")
_TO_DO: Final = re.compile(r" to (?!her|him|them|meet|wait|stay|sleep|hide|pick)[a-z]{2,12} ")
_OUTSIDE_HERS: Final = re.compile(
    rf" (?:outside|at|near|by|behind) (?:her|his|their|the kids'?) (?:\w+ )?{_any('kinds')}\b"
    rf"(?! {_any('not_place')}\b)"
)
_PERSON_DOES: Final = re.compile(rf"(?<![\w']){_any('persons')}(?:'s|'re|'m)?\b(?: \w+){{0,4}}$")
_DOES: Final = re.compile(rf"(?:(?<!\w){_any('verbs')}|'s|'re|'m)(?: \w+){{0,3}}$")
_EN: Final = re.compile(
    rf"(?<!\w){_any('leads_es')} (?:\w+ )?(?:en|fuera de|cerca de|a|al)(?: la| el| un| una"
    rf"| su)? ?{_any('kinds_es')}\b"
)
_DANS: Final = re.compile(
    rf"(?<!\w){_any('leads_fr')} (?:\w+ )?(?:a|dans|devant|pres de|au|aux)(?: la| le| l'| un"
    rf"| une| son)? ?"
    rf"(?:l')?{_any('kinds_fr')}\b"
)
_NAMED_FIRST: Final = re.compile(
    rf" (?:{_any('names_es')}|{_any('names_fr')}) (?P<name>[^\W\d_][\w'-]{{2,20}})"
)
_SCHOOL: Final = re.compile(
    rf" (?:{_any('schools')})\b(?! (?:students?|level|degree|graduates?|education|teachers?|age))"
)
_HOUSE: Final = re.compile(rf" {_any('houses')}\b")
_BEFORE_KIND: Final = re.compile(
    rf"\b(?:at|to|in|from|near|outside|into|attends?) (?:the )?(?:{_NAME} ){{0,3}}"
    rf"(?P<name>{_NAME})$"
)
_CHAIN: Final = re.compile(
    rf" (?:at|in|to|near|from|outside|behind|is) (?:the |a )?{_any('chains')}\b"
)
_EMPLOYER: Final = Gated(
    rf"(?<!\w){_any('working')} (?:\w+ ){{0,3}}?(?:at|for) (?:the |a )?"
    rf"(?P<name>[^\W\d_][\w'&.-]{{1,24}})"
    r"|(?<!\w)(?:employer|boss|job|work|gym|school|church) (?:is|es|est) (?:at )?(?:the |el |la "
    r"|le )?"
    r"(?P<employer>[^\W\d_][\w'&.-]{1,24})"
    r"|(?<!\w)(?:trabaja|empleada|trabajando|trabaja de \w+) (?:en|para) (?:el |la |un |una )?"
    r"(?P<empresa>[^\W\d_][\w'&.-]{1,24})"
    r"|(?<!\w)(?:travaille|employee) (?:chez|pour|a|au) (?:le |la |l')?"
    r"(?P<firme>[^\W\d_][\w'&.-]{1,24})",
    (
        " at ",
        " for ",
        "employer",
        "boss",
        "job",
        "work",
        "gym",
        "school",
        "church",
        "trabaj",
        "emple",
        "employ",
        "travaille",
    ),
)
_SOMEONE: Final = re.compile(
    rf"(?<!\w)(?:{_any('persons')}|his|their|hijos|hija|hijo|ella|elle|la|petits|enfants|on l'a)\b"
)
_AGENCY: Final = re.compile(rf"\b{_any('agencies')}\b")
_FAR: Final = 60
_NEAR: Final = 44


def find(view: View) -> Iterator[Hit]:
    """Yield kinds of places where somebody is, and schools, hospitals and employers by name."""
    yield from _find_kinds(view)
    for pattern in (_SCHOOL, _HOUSE):
        for found in pattern.finditer(view.text):
            yield from _find_named(view, found)
    for found in _CHAIN.finditer(view.text):
        if _speaks_of_someone(view.text, found.start()):
            yield view.hit("place.named", *found.span())
    for found in _NAMED_FIRST.finditer(view.text):
        is_name = view.cased[found.start("name")].isupper()
        is_kind = found["name"] in _WORDS["kinds_of_name"]
        if is_name and not is_kind and _speaks_of_someone(view.text, found.start()):
            yield view.hit("place.named", *found.span())
    for found in _EMPLOYER.finditer(view.text):
        if _is_employer(view, found) and _speaks_of_someone(view.text, found.end()):
            yield view.hit("place.employer", *found.span())


def _find_kinds(view: View) -> Iterator[Hit]:
    text = view.text
    for found in _AT.finditer(text):
        if _is_there(text, found.start()) and not _is_errand(text, found):
            yield view.hit("place.generic", *found.span())
    for pattern in (_OUTSIDE_HERS, _EN, _DANS):
        for found in pattern.finditer(text):
            yield view.hit("place.generic", *found.span())


def _is_there(text: str, start: int) -> bool:
    """Whether a verb of being or going leads up to a place, and a person to that verb."""
    since = max(0, start - _NEAR)
    does = _DOES.search(text, since, start)
    if does is None:
        return False
    if start - does.end() == 0 and text[since:start].strip().startswith(("waiting", "meet")):
        return True
    return _speaks_of_someone(text, start)


def _is_errand(text: str, found: re.Match[str]) -> bool:
    """`went to the library to find a book`: once, for something that was done there."""
    start = found.start()
    return (
        _TO_DO.match(text, found.end()) is not None
        and _ONCE.search(text, max(0, start - _NEAR), start) is not None
    )


def _find_named(view: View, found: re.Match[str]) -> Iterator[Hit]:
    """A kind of place, written large, behind a name: `Lincoln Elementary`."""
    start = found.start()
    before = _BEFORE_KIND.search(view.text, max(0, start - _FAR), start)
    if before is None or not view.cased[start + 1].isupper():
        return
    name = before["name"]
    if not view.cased[before.start("name")].isupper() or name in STOPS or name in DATES:
        return
    if _speaks_of_someone(view.text, before.start()):
        yield view.hit("place.named", before.start(), found.end())


def _is_employer(view: View, found: re.Match[str]) -> bool:
    group = next(name for name in found.groupdict() if found[name])
    start, end = found.span(group)
    if found[group] in STOPS or found[group] in DATES or _AGENCY.search(found[group]):
        return False
    return view.cased[start].isupper() and not _AGENCY.search(view.text, end, end + 30)


def _speaks_of_someone(text: str, start: int) -> bool:
    return _SOMEONE.search(text, max(0, start - _FAR), start + 4) is not None
