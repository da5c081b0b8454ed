"""Plain text: decoded, freed of what no screen shows, and written as UTF-8.

Spec: docs/spec/cleaning.md, "Plain text".
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from quietway.cleaning.worker.result import Refused, Result

if TYPE_CHECKING:
    from quietway.cleaning.worker.result import Progress

_MARKED: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\ue000-\uf8ff]"
)
"""Characters that no reader sees and that can carry a message: tags, marks, private ones.

The joiners of emoji, Persian and Indian scripts and the marks of direction stay: text needs them.
"""
_BINARY: Final = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def clean(kind: str, content: bytes, progress: Progress) -> Result:
    """Clean plain text.

    Raises:
        Refused: It is in no encoding of Unicode, or no text.
    """
    text = _decode(content)
    if _BINARY.search(text):
        raise Refused("not_utf8")
    seen = hide_nothing(text)
    progress(1, 1)
    removed = frozenset({"hidden_text"} if seen != text else ())
    return Result(kind, seen.encode("utf-8"), removed, (seen,))


def hide_nothing(text: str) -> str:
    """Drop the characters that nobody sees."""
    return _UNSEEN.sub("", text)


def _decode(content: bytes) -> str:
    for mark, encoding in _MARKED:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding)
    return content.decode("utf-8")


for _, _encoding in _MARKED:
    codecs.lookup(_encoding)  # imported now, since nothing can be opened later
