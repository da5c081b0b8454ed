"""Address Confidentiality Programs: a participant's number is not said.

The programme's box is an agency's to allow (its list); the number on the card names one person, and
is asked for whenever mail is forwarded. It is found after the programme's name, in the names that
states give it, where a mark says that it is a number.

Spec: docs/spec/guard.md, "Address Confidentiality Programs".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("acp").tables["words"]
_PROGRAM: Final = re.compile(rf"(?<![a-z])(?:{'|'.join(_WORDS['programs'])})(?![a-z])")
_MARK: Final = rf"(?:(?:{'|'.join(_WORDS['marks'])})(?![a-z])|#)"
_NUMBER: Final = re.compile(
    rf"(?:[^0-9#]{{0,60}}?(?<![a-z]){_MARK}[ :#.,()=/-]{{0,4}}(?:(?:is|number|no|nr|num|id|es"
    rf"|est|code|was)[ :#.]{{1,3}}){{0,2}}|[:=-] ?| (?=[0-9]{{5,8}}(?![0-9])))"
    r"([a-z]{0,3}-?[0-9][0-9-]{1,9})(?![0-9])"
)
_BOX: Final = re.compile(
    r"[^#]{0,60}?(?<![a-z])(?:pmb|#|apt|unit|suite|ste)[ .:#]{0,3}([0-9]{2,8})(?![0-9])"
)


def find(view: View) -> Iterator[Hit]:
    """Yield participants' numbers."""
    if not any(stem in view.text for stem in _WORDS["stems"]):
        return
    for program in _PROGRAM.finditer(view.text):
        for pattern in (_NUMBER, _BOX):
            found = pattern.match(view.text, program.end(), program.end() + 90)
            if found:
                yield view.hit("acp.participant", program.start(), found.end(1))
                break
