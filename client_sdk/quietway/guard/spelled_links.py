"""Links and addresses in words: "maps dot google dot com", "ana [at] mail [dot] com", "hxxps".

Between words a mark counts only where a name of the network ends the whole: "polka dot dress" and
"at the point" stay what they are.

Spec: docs/spec/guard.md, "Reading".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.view import Edit, View

_ENDINGS: Final = (
    r"(?:com|org|net|info|edu|gov|mil|io|co|me|gl|ly|app|us|uk|ca|au|de|es|fr|mx|ar|cl|pe|be|ch|eu|ru"
    r"|link|page|site|online|live|dev|ai|to|tv|cc|gd|gy|is(?=/))(?![a-z0-9])"
)
_DOT: Final = r"dot|punto|point|d0t"
_AT: Final = r"at|arroba|arobase"
_NAME: Final = r"[a-z0-9-]{1,40}"
_ANY_DOT: Final = rf"(?: (?:{_DOT}) | ?[\[({{<] ?(?:{_DOT}|\.) ?[\])}}>] ?|\.)"
_SIGN: Final = re.compile(
    rf" ?[\[({{<] ?(?:(?P<dot>\.|{_DOT})|(?P<at>@|{_AT})|(?P<slash>/|slash|barra)) ?[\])}}>] ?"
    rf"|(?P<bare_dot> (?:{_DOT}) )"
    rf"|(?P<bare_at> (?:{_AT}) )(?=(?:{_NAME}{_ANY_DOT}){{1,4}}{_ENDINGS})"
    rf"|(?P<bare_slash>(?<=[a-z0-9]) (?:slash|barra) (?=[a-z0-9]))"
    r"|(?P<apart>(?<=[a-z0-9]) \. ?)(?=[a-z0-9])"
    r"|(?P<apart_slash> ?/ (?=[a-z0-9])| /)"
    r"|(?P<apart_at> @ ?|@ )"
    r"|(?P<scheme>hxxps?|h\*\*ps?)(?=:)"
)
_BARE_DOT: Final = re.compile(rf" (?:{_DOT}) ")
_CHAIN: Final = re.compile(rf"[a-z]{{2,24}}(?: (?:{_DOT}) [a-z]{{2,24}}){{2,4}}")
"""Three words, as some use them to name a square of a map."""
_ENDED: Final = re.compile(rf"(?:{_NAME}(?: (?:{_DOT}) |[./])){{0,4}}{_ENDINGS}")
_PLAIN: Final = {
    "dot": ".", "at": "@", "slash": "/", "bare_dot": ".", "bare_at": "@", "bare_slash": "/",
    "apart": ".", "apart_slash": "/", "apart_at": "@", "scheme": "https",
}  # fmt: skip
_MAYBE: Final = re.compile(
    rf"[\[({{<] ?(?:[.@/]|{_DOT}|{_AT}|slash|barra) ?[\])}}>]| (?:{_DOT}|slash|barra) "
    r"| [.@/]|[@/] |h[x*][x*]p"
)


def join_links(view: View) -> Iterator[Edit]:
    """Yield each mark of a link that was written as a word, in brackets or apart, as itself."""
    if not _MAYBE.search(view.text):
        return
    chained = {
        found.start() + dot.start()
        for found in _CHAIN.finditer(view.text)
        for dot in _BARE_DOT.finditer(found[0])
    }
    for found in _SIGN.finditer(view.text):
        kind = found.lastgroup
        if kind == "bare_dot" and not (
            found.start() in chained or _ENDED.match(view.text, found.end())
        ):
            continue
        if kind is not None and found[0] != _PLAIN[kind]:
            yield found.start(), found.end(), _PLAIN[kind]
