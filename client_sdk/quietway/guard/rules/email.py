"""E-mail addresses, as written and as disguised.

An address leads to a person's accounts, and those to places. Found with its sign; with `[at]`,
`(at)`, `arroba`, `arobase` and dots in words; and with spaces. What an agency allows passes by its
list.

Spec: docs/spec/guard.md, "E-mail".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("email").tables["words"]
_AT: Final = re.compile(
    rf" ?@ ?| ?[\[({{<] ?(?:@|{'|'.join(_WORDS['at'])}) ?[\])}}>] ?"
    rf"|[ _-](?:{'|'.join(_WORDS['at'])})[ _-]"
)
_DOT_WORDS: Final = "|".join(_WORDS["dot"])
_DOT: Final = (
    rf"(?:\.| \. ?| ?[\[({{<] ?(?:\.|{_DOT_WORDS}) ?[\])}}>] ?|[ _-](?:{_DOT_WORDS})[ _-])"
)
_NAME: Final = re.compile(r"[\w.+%'-]")
_DOMAIN: Final = re.compile(
    rf"(\w(?:\w|-(?!(?:{_DOT_WORDS})-)){{0,62}}+)((?:{_DOT}\w(?:\w"
    rf"|-(?!(?:{_DOT_WORDS})-)){{0,62}}+){{1,4}}+)"
)
_DOT_WORD: Final = re.compile(_DOT_WORDS)
_HOUSES: Final = frozenset(_WORDS["houses"])
_ENDING: Final = re.compile(r"[^\W\d_]{2,24}$|xn--[a-z0-9-]{2,40}$")
_COMMON_ENDING: Final = re.compile(
    rf"(?:^|[\W_])(?:{'|'.join(_WORDS['endings'])})(?:[ .](?:mx|uk|ar|es|co|br|au))?$"
)
_SIGNS: Final = (
    "@",
    *(f"{bracket}{word}" for bracket in ("[", "(", "{", "<", "[ ", "( ") for word in _WORDS["at"]),
    *(f" {word} " for word in (*_WORDS["at"][1:], *_WORDS["dot"])),
    *(f" at {house}" for house in _WORDS["houses"]),
)
_LONGEST_NAME: Final = 64


def find(view: View) -> Iterator[Hit]:
    """Yield e-mail addresses."""
    if not any(sign in view.text for sign in _SIGNS):
        return
    for sign in _AT.finditer(view.text):
        domain = _DOMAIN.match(view.text, sign.end())
        if domain and _is_address(sign.group(), domain):
            start = _find_name(view.text, sign.start())
            if start < sign.start():
                yield view.hit("email.address", start, domain.end())


def _find_name(text: str, end: int) -> int:
    start = end
    while start > max(0, end - _LONGEST_NAME) and _NAME.match(text, start - 1):
        start -= 1
    return start


def _is_address(sign: str, domain: re.Match[str]) -> bool:
    if sign == "@":
        return _ENDING.search(domain.group()) is not None
    # "at noon. Then", "look at example.org": in words, an address has its dots in words too, or is
    # of a house that gives everybody an address; with spaces, its ending must be a known one.
    if sign.strip(" _-") in _WORDS["at"] and not _DOT_WORD.search(domain.group(2)):
        return domain.group(1) in _HOUSES
    if (
        sign.strip(" _-") == "at"
        and "dot" not in domain.group(2)
        and "punto" not in domain.group(2)
    ):
        return False  # "at this point": French writes its dots so, and no "at"
    is_in_words = _DOT_WORD.search(domain.group(2)) is not None and sign.strip(" _-@") != ""
    return is_in_words or _COMMON_ENDING.search(domain.group()) is not None
