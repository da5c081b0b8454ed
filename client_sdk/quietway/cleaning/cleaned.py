"""A file that was cleaned, and what was removed from it, in words.

Spec: docs/spec/cleaning.md, "What comes back".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.cleaning.frames import MOST_TEXT
from quietway.errors import AttachmentUnfit
from quietway.removed import explain_removed

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A new file that says what the former one showed, and nothing besides.

    Attributes:
        path: Where the new bytes lie: a private file at the place that the caller named. Whoever
            has used it removes it.
        length: Of the new file, in bytes.
        name: The former name, harmless and with the ending of what the file is now. Its words are
            the sender's own and are not judged here.
        media_type: Of the new file.
        removed: Codes of what was removed, as `gps` or `tracked_changes`; empty where nothing was.
        texts: What it says in words, one million characters at most, for the guard to read: what
            is seen, what QR codes say, and the text layers of scanned pages.
    """

    path: Path
    length: int
    name: str = field(repr=False)
    media_type: str
    removed: tuple[str, ...]
    texts: tuple[str, ...] = field(repr=False)

    def check_words(self) -> None:
        """Demand that all of its words were handed out, so that none goes unread.

        Raises:
            AttachmentUnfit: There are more.
        """
        if sum(map(len, self.texts)) >= MOST_TEXT:
            raise AttachmentUnfit("too_much_text")

    def explain(self, language: str = "en") -> str:
        """Say what was removed, in a language."""
        return explain_removed(self.removed, language)
