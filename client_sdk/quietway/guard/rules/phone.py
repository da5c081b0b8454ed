"""Telephone numbers of a private person, in the forms of many countries.

Digits are gathered first, cheaply; then their form decides. A number with its country's plus sign,
or grouped as in North America, needs no proof. Other groupings are asked of the plans of countries,
and digits in one run need a word of telephoning near them or such a plan. What is free to call, or
belongs to no person's line by its plan (1-800, 0800, 116 ...), passes; so do short numbers (911,
988, 112). Dates, case numbers and money are no numbers to call.

Spec: docs/spec/guard.md, "Telephone numbers".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.nearby import compile_words, is_near
from quietway.guard.plans import REGIONS, is_nobodys, is_valid_somewhere
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("phone").tables["words"]
_CALLING: Final = compile_words(_WORDS["calling"])
_OTHER_NUMBER: Final = re.compile(
    rf"(?:(?<![a-z])(?:{'|'.join(_WORDS['other_number'])})|[$€£#%]) ?(?:[:#=.-]|is|es|est|no\.?"
    rf"|nr\.?|num\.?|number|numero)? ?[a-z]{{0,4}}[ -]?$"
)
_UNIT_AFTER: Final = re.compile(
    rf" ?(?:{'|'.join(_WORDS['units'])})(?![a-z])|[/:%]?[a-z0-9]|[,.][0-9]"
)

_RUN: Final = re.compile(
    r"(?<![\w.,:/$€£@=&-])[+(]{0,2}[0-9](?:(?:/|[ ().\-\u2022\u00b7_~*]{0,4}+)[0-9]){6,17}+"
)
_AMERICAN_ANYWHERE: Final = re.compile(
    r"[2-9](?<![\w.,/+$€£#-][2-9])[0-9]{2}[ .\-)]{1,2}[0-9]{3}[ .-][0-9]{4}(?![0-9a-z-]|\.[0-9])"
)
_AFTER_SCHEME: Final = re.compile(
    r"(?:tel|sms|callto|wa\.me|phone|mobile|cell|fax|number|numero|telefono|whatsapp|movil|tlf"
    r"|tfno|portable)[:/=.,-]{1,3}([+(]{0,2}[0-9](?:[ ().-]{0,3}+[0-9]){6,17}+)"
)
_AMERICAN: Final = re.compile(
    r"(?:(?:\+|00"
    r"|001[ .-]?)?1[ .\-/(]{0,2})?\(?[2-9][0-9]{2}\)?[ .\-/)]{1,3}[0-9]{3}[ .\-/]{1,3}[0-9]{4}"
    r"|\([0-9]{3}\) ?[0-9]{3}[ .-]?[0-9]{4}"
    r"|(?:\+1|001|1[ .-])[ .-]?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
)
_LOCAL: Final = re.compile(r"[2-9][0-9]{2}-(?!19|20)[0-9]{4}")
_ABROAD: Final = re.compile(r"\(?(?:\+|00) ?[1-9][0-9 ().\-/]{6,22}")
_DATE: Final = re.compile(
    r"(?:19|20)[0-9]{2}[-/. ][01]?[0-9][-/. ][0-3]?[0-9](?![0-9]).{0,12}"
    r"|[0-3]?[0-9][-/. ][01]?[0-9][-/. ](?:19|20)[0-9]{2}(?![0-9]).{0,12}"
    r"|(?:(?:19|20)[0-9]{2}[ -/]{1,3}){1,4}(?:19|20)[0-9]{2}|[0-3][0-9][01][0-9](?:19"
    r"|20)[0-9]{2}|(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]"
)
_FIGURE: Final = re.compile(
    r"[0-9]{1,3}\.[0-9]{4,}|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|.*(?<![0-9])0\.[0-9].*"
    r"|.*(?<![0-9])(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?![0-9]).*|[0-9]{3}(?:/[0-9]{3}){2,4}"
)
_IN_BRACKETS: Final = re.compile(r"\((?!19|20)\+?[0-9]{2,5}\)[ -]?(?:[0-9][ .-]?){5,10}[0-9]")
_JAPANESE: Final = re.compile(r"0[5789]0[ -][0-9]{4}[ -][0-9]{4}")
_POSTCODE: Final = re.compile(r"[0-9]{5}-[0-9]{4}")
_SOCIAL: Final = re.compile(r"[0-9]{3}[ -][0-9]{2}[ -][0-9]{4}")
_FREE: Final = re.compile(
    r"(?:\+|00|001)?1?8(?:00|33|44|55|66|77|88|22)[2-9][0-9]{6}|(?:\+44|0044"
    r"|0)0?(?:80[08][0-9]{4,7}|3(?:0[03]|3[03]|4[345]|7[012])[0-9]{7}|84[345][0-9]{7}|87[0123][0-9]{7})"
    r"|(?:\+34|0034)?(?:80[0-9]|90[0-59])[0-9]{6}|(?:\+33|0033|0)80[0-9][0-9]{6}|(?:\+61|0061"
    r"|0)?1[38]00[0-9]{6}|(?:\+49|0049|0)800[0-9]{6,8}"
    r"|(?:\+52|0052|01)?800[0-9]{7}|(?:\+64|0064|0)(?:508|800)[0-9]{5,7}|(?:\+39"
    r"|0039)?80[03][0-9]{6}|(?:\+91|0091)?1800[0-9]{6,7}"
    r"|(?:\+55|0055|0)800[0-9]{7}|(?:\+353|00353)?1800[0-9]{6}|(?:\+800|00800)[0-9]{8}|(?:\+32"
    r"|0032|0)800[0-9]{5}|(?:\+41|0041|0)800[0-9]{6}"
    r"|(?:\+54|0054|0)?800[0-9]{7}|(?:\+57|0057|01)800[0-9]{6,7}|(?:\+[1-9][0-9]{1,2})?116[0-9]{3}"
)
_NO_DIGIT: Final = re.compile(r"[^0-9+]")
_LONGEST: Final = 15
_MOST_DIGITS: Final = 18
_PLAN: Final = range(9, 14)
_LEAST_GROUPS: Final = 2
_MOST_IN_GROUP: Final = 4
_MOST_BY_WORDS: Final = 13
_GROUP: Final = re.compile(r"[0-9]+")
_RUNS: Final = (
    (re.compile(r"[2-9][0-9]{9}"), ("US", "CA", "MX", "IN", "IT", "CO")),
    (re.compile(r"1[2-9][0-9]{9}|8[0-9]{10}"), ("US", "CN", "RU")),
    (re.compile(r"[679][0-9]{8}"), ("ES", "PT")),
    (re.compile(r"0[1-9][0-9]{8,9}|00[1-9][0-9]{8,10}"), REGIONS),
)


def find(view: View) -> Iterator[Hit]:
    """Yield telephone numbers that may be a private person's."""
    for found in _RUN.finditer(view.text):
        if _is_number(view, found):
            yield view.hit("phone.private", *found.span())
    # What stands beside other digits (a date, a second number) is one run with them.
    for pattern, group in ((_AFTER_SCHEME, 1), (_AMERICAN_ANYWHERE, 0)):
        for found in pattern.finditer(view.text):
            digits = _NO_DIGIT.sub("", found[group])
            if len(digits) <= _LONGEST and not _FREE.fullmatch(digits):
                yield view.hit("phone.private", *found.span(group))


def _is_number(view: View, found: re.Match[str]) -> bool:
    written, digits = found.group(), _NO_DIGIT.sub("", found.group())
    is_free = _FREE.fullmatch(digits) and not _JAPANESE.fullmatch(written)
    if is_free or len(digits) > _MOST_DIGITS:
        return False
    if _is_something_else(view.text, written, found.end()):
        return False
    if any(form.fullmatch(written) for form in (_AMERICAN, _IN_BRACKETS, _JAPANESE)):
        return True
    if _ABROAD.fullmatch(written) and written[0] in "+(":
        return not is_nobodys(digits)
    if _is_counted(view.text, found.start()):
        return False
    return _is_told_by_words(view, found) or _is_told_by_plans(view, found, digits)


def _is_something_else(text: str, written: str, end: int) -> bool:
    if _FIGURE.fullmatch(written):
        return True
    if _DATE.fullmatch(written) or _POSTCODE.fullmatch(written) or _SOCIAL.fullmatch(written):
        return True
    return _UNIT_AFTER.match(text, end) is not None and not _is_extended(text, end)


_EXTENSION: Final = re.compile(r" ?(?:x|ext|extn|extension|poste|w|h|c|m|o)\.? ?[0-9]|[a-z]{4,}")


def _is_extended(text: str, end: int) -> bool:
    return _EXTENSION.match(text, end) is not None


def _is_counted(text: str, start: int) -> bool:
    return _OTHER_NUMBER.search(text, max(0, start - 30), start) is not None


def _is_told_by_words(view: View, found: re.Match[str]) -> bool:
    if _LOCAL.fullmatch(found.group()):
        return True
    if sum(char.isdigit() for char in found.group()) > _MOST_BY_WORDS:
        return False
    return is_near(_CALLING, view.text, *found.span(), before=45, after=30)


def _is_told_by_plans(view: View, found: re.Match[str], digits: str) -> bool:
    if len(digits) not in _PLAN:
        return False
    first, last = view.back(*found.span())
    is_spelled = last - first > found.end() - found.start() + len(digits) // 2
    if is_spelled or _is_grouped(found.group(), digits):
        return is_valid_somewhere(digits)
    # Almost any ten digits are a number somewhere, so a bare run is asked of few.
    return any(
        run.fullmatch(digits) and is_valid_somewhere(digits, regions) for run, regions in _RUNS
    )


def _is_grouped(written: str, digits: str) -> bool:
    sizes = [len(group) for group in _GROUP.findall(written)]
    if digits[0] == "0":
        return len(sizes) > 1
    return (
        len(sizes) > _LEAST_GROUPS and max(sizes) > _LEAST_GROUPS and max(sizes) <= _MOST_IN_GROUP
    )
