"""Links that show a place, follow a person, or hide where they lead.

A host is read without its scheme, with spaces around its dots, inside another link; the view
`links` has put back what was written as `dot` or `hxxp`. Then it is looked up in the table: some
hosts count wholly, some only with a path. `*` stands for the ending of any country. A short host
that nobody listed, followed by a random word, is a shortener and is held, for nobody sees where it
leads.

Spec: docs/spec/guard.md, "Links".
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_TABLES: Final = read_rule_file("link").tables
_DOT: Final = r" ?\. ?"
_LABEL: Final = r"[a-z0-9][a-z0-9-]{0,62}+"
_HOST: Final = re.compile(rf"(?<![a-z0-9.])(?:{_LABEL}{_DOT}){{1,6}}+{_LABEL}")
_SPLIT: Final = re.compile(_DOT)
_PATH: Final = re.compile(
    r"(?: ?: ?[0-9]{2,5}(?![0-9]))?((?: ?(?:/|%2f"
    r"|(?<= )slash ) ?#?[a-z0-9._~%!$&'()*+,;=:@?#-]{0,200}){0,12})"
)
_TIDY: Final = re.compile(r" ?(?:/|%2f|(?<= )slash ) ?")
_SCHEME: Final = re.compile(
    rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, _TABLES['schemes']['names']))}) ?: ?"
    r"(?:/ ?/|\?|(?:q|ll|saddr|daddr|center|address)=|[+-]?[0-9]{1,3}\.[0-9])\S{0,200}"
)
_COUNTRY: Final = r"(?:[a-z]{2,3}|(?:co|com|net|org)\.[a-z]{2})"
_RANDOM: Final = re.compile(
    r"(?=[a-z0-9_-]{0,11}?(?:[0-9]|[bcdfghjkmnpqrstvwxz]{4}))[a-z0-9_-]{4,12}"
)
_SHORT_HOST: Final = re.compile(r"[a-z0-9-]{1,8}\.(?!gov|edu|org|mil)[a-z]{2,6}")
_TOKEN_LENGTHS: Final = range(4, 13)
_LONGEST_WINDOW: Final = 5
_FIRST_LABELS: Final = frozenset(
    entry.split(".", 1)[0] for entries in _TABLES["hosts"].values() for entry in entries
)


def find(view: View) -> Iterator[Hit]:
    """Yield links of maps, of rides and trackers, of places, and of shorteners."""
    if "." in view.text:
        for found in _HOST.finditer(view.text):
            yield from _find_listed(view, found)
    if ":" in view.text:
        for found in _SCHEME.finditer(view.text):
            yield view.hit("link.map", *found.span())


def _find_listed(view: View, found: re.Match[str]) -> Iterator[Hit]:
    labels = _SPLIT.split(found.group())
    labels[0] = _strip_escape(view.text, found.start(), labels[0])
    if " " in found.group() and not _FIRST_LABELS.intersection(labels):
        return
    path = _PATH.match(view.text, found.end())
    tidy = _TIDY.sub("/", path[1]) if path else ""
    for host, is_last in _list_windows(labels):
        rule = _look_up(host, tidy if is_last else "")
        if rule:
            yield view.hit(rule, found.start(), path.end(1) if path else found.end())
            return
    if _is_short(view, found, ".".join(labels[-2:]), tidy):
        yield view.hit("link.shortener", found.start(), path.end(1) if path else found.end())


def _strip_escape(text: str, start: int, label: str) -> str:
    # "https%3A%2F%2Fmaps.google.com": what is escaped before a host is none of it.
    return (
        label[2:] if text[max(0, start - 1) : start] == "%" and label[:2] in {"2f", "3d"} else label
    )


def _list_windows(labels: list[str]) -> Iterator[tuple[str, bool]]:
    count = len(labels)
    for end in range(count, 1, -1):
        for start in range(max(0, end - _LONGEST_WINDOW), end - 1):
            yield ".".join(labels[start:end]), end == count


def _look_up(host: str, path: str) -> str | None:
    for wanted, needed, rule in _read_hosts().get(host.split(".", 1)[0], ()):
        if wanted.fullmatch(host) and needed.match(path):
            return rule
    return None


@cache
def _read_hosts() -> Mapping[str, list[tuple[re.Pattern[str], re.Pattern[str], str]]]:
    rows: dict[str, list[tuple[re.Pattern[str], re.Pattern[str], str]]] = {}
    for rule, entries in _TABLES["hosts"].items():
        for entry in entries:
            host, slash, path = entry.partition("/")
            pattern = re.escape(host).replace(r"\*", _COUNTRY)
            needed = rf"/(?:[^ ]{{0,30}}/)?{path}(?![a-z])" if slash else ""
            row = re.compile(pattern), re.compile(needed), f"link.{rule}"
            rows.setdefault(host.split(".", 1)[0], []).append(row)
    return rows


def _is_short(view: View, found: re.Match[str], host: str, path: str) -> bool:
    if found.group().count(".") != 1 or " " in found.group() or not _SHORT_HOST.fullmatch(host):
        return False
    token = path.strip("/")
    start = found.end() + 1
    written = view.cased[start : start + len(token)]
    is_random = bool(_RANDOM.fullmatch(token)) or written not in {
        token,
        token.upper(),
        token.title(),
    }
    return path.count("/") == 1 and token.isalnum() and len(token) in _TOKEN_LENGTHS and is_random
