"""Numbers that states, schools and courts know a person by.

Those with a form of their own are found by it, and by their check digits where they have them; the
others (driver licence, passport, student number) only after the word that announces them.

Spec: docs/spec/guard.md, "Identity numbers".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.checksums import is_french, is_luhn, is_spanish
from quietway.guard.nearby import compile_words, is_near
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("identity").tables["words"]
_LINK: Final = rf"(?:[ :#.,(\"'=°-]|(?:{'|'.join(_WORDS['between'])})(?![a-z])){{0,9}}+"
_SOCIAL_WORD: Final = compile_words(_WORDS["social"])
_NATIONAL_WORD: Final = compile_words(_WORDS["national"])

_SOCIAL: Final = re.compile(
    r"[0-8](?<![0-9a-z.-][0-8])[0-9]{2}([- .])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![0-9a-z-])"
)
_SOCIAL_SAID: Final = re.compile(
    r"(?<![0-9a-z])[0-9x*]{3}[- .]{0,3}[0-9x*]{2}[- .]{0,3}[0-9]{4}(?![0-9])"
)
_NEVER_GIVEN: Final = frozenset({"000", "666"})
_CURP: Final = re.compile(
    r"(?<![a-z0-9])[a-z]{4}[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]"
    r"|3[01])[hmx][a-z]{2}[a-z]{3}[0-9a-z][0-9](?![a-z0-9])"
)
_RFC: Final = re.compile(
    r"(?<![a-z0-9])[a-z&]{4}[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]"
    r"|3[01])[a-z0-9]{3}(?![a-z0-9])"
)
_SAID_RFC: Final = re.compile(r"(?<![a-z0-9])[a-z&]{3,4}[ -]?[0-9]{6}[ -]?[a-z0-9]{3}(?![a-z0-9])")
_SPANISH: Final = re.compile(
    r"(?<![a-z0-9.-])(?:[xyz][- .]?[0-9]{7}|[0-9]{8}"
    r"|[0-9]{2}\.[0-9]{3}\.[0-9]{3})[- .]?[a-z](?![a-z0-9])"
)
_FRENCH: Final = re.compile(
    r"(?<![0-9a-z])[1-478][ .-]?[0-9]{2}[ .-]?[0-9]{2}[ .-]?(?:[0-9]{2}"
    r"|2[ab])[ .-]?[0-9]{3}[ .-]?[0-9]{3}[ .-]?[0-9]{2}(?![0-9a-z])"
)
_BRITISH: Final = re.compile(
    r"(?<![a-z0-9])(?!bg|gb|kn|nk|nt|tn"
    r"|zz)[a-ceghj-prstw-z][a-ceghj-nprstw-z][ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[a-d](?!"
    r"[a-z0-9])"
)
_AMERICAN: Final = re.compile(
    r"[1-9](?<![a-z0-9][1-9])[ac-hjkmnp-rt-y][0-9ac-hjkmnp-rt-y][0-9]-?[ac-hjkmnp-rt-y][0-9ac-hjk"
    r"mnp-rt-y][0-9]-?[ac-hjkmnp-rt-y]{2}[0-9]{2}(?![a-z0-9])"
)
_SAID_BRITISH: Final = re.compile(
    r"(?<![a-z0-9])[a-z]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[a-z](?![a-z0-9])"
)
_SAID_FRENCH: Final = re.compile(
    r"(?<![0-9])[12] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9a-b] ?[0-9]{3} ?[0-9]{3}(?: ?[0-9]{2})?(?![0-9])"
    r"|(?<![0-9])[0-9]{2} ?/ ?[0-9]{7,8} ?/ ?[0-9]{2}(?![0-9])"
)
_VOTER: Final = re.compile(r"(?<![a-z0-9])[a-z]{6}[0-9]{8}[hm][0-9]{3}(?![a-z0-9])")
_ELEVEN: Final = re.compile(
    r"(?<![0-9])[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{4}[ -]?[0-9](?![0-9])"
)
_CANADIAN: Final = re.compile(r"(?<![0-9])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}(?![0-9])")
_ALIEN: Final = re.compile(
    r"(?<![a-z0-9])a ?(?:#|number|num"
    r"|no\.?)?[ :-]{0,2}[0-9]{3}[- ]?[0-9]{3}[- ]?[0-9]{2,3}(?![0-9a-z])"
    r"|(?<![a-z0-9])(?:eac|wac|lin|src|nbc|msc|ioe|ysc|mct|mre)[ -]?[0-9]{10}(?![0-9])"
)
_ALIEN_WORD: Final = compile_words(_WORDS["alien"])
_ANNOUNCED: Final = tuple(
    (
        f"identity.{rule}",
        tuple(_WORDS["stems"][rule]),
        re.compile(
            rf"(?<![a-z])(?:{'|'.join(_WORDS[rule])})(?![a-z]){_LINK}([a-z0-9][a-z0-9*-]{{3,17}}+"
            rf")(?![a-z0-9])"
            r"|(?<![a-z0-9])([a-z0-9][a-z0-9-]{4,17}+) (?:(?:is|was|es|est|on|her|his|the|su|el"
            r"|la|son"
            rf"|sa|le|as|en) ){{1,3}}(?:{'|'.join(_WORDS[rule])})(?![a-z])"
        ),
        re.compile(needed),
    )
    for rule, needed in (
        ("licence", r"(?=(?:[a-z*-]{0,8}[0-9]){5})"),
        ("passport", r"(?=(?:[a-z*-]{0,4}[0-9]){6})"),
        ("student", r"(?=(?:[a-z*-]{0,5}[0-9]){4})(?!(?:19|20)[0-9]{2}$)"),
    )
)
_DIGITS: Final = re.compile(r"[0-9][0-9*-]{3}")
_LAST_FOUR: Final = re.compile(
    r"[ ,:(-]{1,3}(?:number )?(?:(?:last|final) (?:four|4)|end(?:s|ing)?(?: in| with)?|termina en"
    r"|(?:ultimos|derniers) (?:cuatro|quatre|4)|finit par)[^0-9.;]{0,20}[0-9]{4}(?![0-9])"
)
_LAST: Final = re.compile(
    r"(?:last|final|ultimos|derniers) (?:four|cuatro|quatre|4)[^.;0-9]{0,25}$"
)
_FOUR: Final = re.compile(
    r"[ :#=]{0,3}(?:(?:number|security|no|is|are|was|were|es|son|sont|digits) ?){0,3}[:#]? ?"
    r"[0-9]{4}(?![0-9])"
)
_MARKS: Final = re.compile(r"[^a-z0-9]")
_SIX_DIGITS: Final = re.compile(r"[0-9](?:[ .-]{0,3}+[0-9]){5,30}+")
_AFTER_SOCIAL: Final = 45
_BEFORE_DIGITS: Final = 12
_AFTER_DIGITS: Final = 14


def find(view: View) -> Iterator[Hit]:
    """Yield numbers that a person is known by."""
    for run in _SIX_DIGITS.finditer(view.text):
        window = max(0, run.start() - _BEFORE_DIGITS), run.end() + _AFTER_DIGITS
        yield from _find_alien(view, window)
        yield from _find_national(view, window)
    for found in _AMERICAN.finditer(view.text):
        yield view.hit("identity.national", *found.span())
    if _DIGITS.search(view.text):
        yield from _find_social(view)
        yield from _find_announced(view)


def _find_announced(view: View) -> Iterator[Hit]:
    for rule, stems, pattern, needed in _ANNOUNCED:
        if not any(stem in view.text for stem in stems):
            continue
        for found in pattern.finditer(view.text):
            token = found[1] or found[2]
            if needed.match(token):
                yield view.hit(rule, *found.span(1 if found[1] else 2))


def _find_social(view: View) -> Iterator[Hit]:
    for found in _SOCIAL.finditer(view.text):
        if found.group()[:3] not in _NEVER_GIVEN:
            yield view.hit("identity.ssn", *found.span())
    if not any(stem in view.text for stem in _WORDS["stems"]["social"]):
        return
    for word in _SOCIAL_WORD.finditer(view.text):
        said = _SOCIAL_SAID.search(view.text, word.end(), word.end() + _AFTER_SOCIAL)
        said = said or _find_last_four(view.text, word)
        if said:
            yield view.hit("identity.ssn", *said.span())


def _find_last_four(text: str, word: re.Match[str]) -> re.Match[str] | None:
    if _LAST.search(text, max(0, word.start() - _AFTER_SOCIAL), word.start()):
        return _FOUR.match(text, word.end())
    return _LAST_FOUR.match(text, word.end())


def _find_alien(view: View, window: tuple[int, int]) -> Iterator[Hit]:
    for found in _ALIEN.finditer(view.text, *window):
        # "a 123 456 789" may be an article and a number, unless it is written or announced as one.
        is_written = view.cased[found.start()] == "A" and view.text[found.start() + 1] != " "
        is_long = not found.group().startswith("a") or "#" in found.group()
        if is_written or is_long or is_near(_ALIEN_WORD, view.text, *found.span(), before=50):
            yield view.hit("identity.immigration", *found.span())


def _find_national(view: View, window: tuple[int, int]) -> Iterator[Hit]:
    for pattern, check, needs_word in _NATIONAL:
        for found in pattern.finditer(view.text, *window):
            number = _MARKS.sub("", found.group())
            is_said = not needs_word or is_near(
                _NATIONAL_WORD, view.text, *found.span(), before=50, after=20
            )
            if is_said and _is_right(check, number):
                yield view.hit("identity.national", *found.span())


def _is_right(check: Callable[[str], bool], number: str) -> bool:
    """Say whether a number has the check digit or letter of its kind."""
    return check(number)


def _is_any(_number: str) -> bool:
    return True


_NATIONAL: Final[tuple[tuple[re.Pattern[str], Callable[[str], bool], bool], ...]] = (
    (_CURP, _is_any, False),
    (_RFC, _is_any, False),
    (_SAID_RFC, _is_any, True),
    (_SPANISH, is_spanish, False),
    (_FRENCH, is_french, False),
    (_SAID_FRENCH, _is_any, True),
    (_VOTER, _is_any, False),
    (_BRITISH, _is_any, False),
    (_SAID_BRITISH, _is_any, True),
    (_ELEVEN, is_luhn, True),
    (_CANADIAN, is_luhn, True),
)
