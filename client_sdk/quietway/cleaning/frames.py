"""What the two processes say to each other: frames of one letter, a length and a body.

To the cleaning process: one line of JSON, then the file to its end. From it: how far it is, pieces
of the new file, and last its answer. The answer of a process that a file took over is a stranger's,
so its form is judged here, on the side that asked.

Spec: docs/spec/cleaning.md, "The process".
"""

from __future__ import annotations

import codecs
import json
import struct
from dataclasses import dataclass, field
from typing import Final

from quietway.cleaning.kinds import KINDS

PROGRESS: Final = b"P"
PIECE: Final = b"D"
ANSWER: Final = b"A"
HEAD: Final = struct.Struct(">cI")
PIECE_BYTES: Final = 1024 * 1024
MOST_ANSWER_BYTES: Final = 8 * 1024 * 1024
MOST_TEXT: Final = 1_000_000
"""Characters of a file that are handed out to be read."""
_PAIRS: Final = codecs.lookup("utf-16-le").name  # imported now: later nothing can be opened

REMOVED: Final = (
    "gps",
    "exif",
    "maker_note",
    "thumbnail",
    "xmp",
    "iptc",
    "colour_profile",
    "other_pictures",
    "transparency",
    "trailing",
    "properties",
    "comments",
    "tracked_changes",
    "hidden_text",
    "hidden_layers",
    "form",
    "annotations",
    "links",
    "scripts",
    "embedded",
    "custom_data",
    "earlier_versions",
)
"""What may have been removed, in the order in which it is told."""
REASONS: Final = frozenset(
    {
        "animated",
        "archive",
        "damaged",
        "encrypted",
        "mislabelled",
        "moving",
        "not_utf8",
        "office",
        "too_many_pages",
        "too_many_pixels",
        "too_much_inside",
        "unknown_type",
        "unmade_redaction",
    }
)
"""Why the cleaning process refuses a file."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cleaning process says at its end.

    Attributes:
        reason: Why the file was refused; empty where it was cleaned.
        kind: Of the new file.
        removed: Codes of `REMOVED`.
        texts: What the file says in words.
    """

    reason: str = ""
    kind: str = ""
    removed: tuple[str, ...] = ()
    texts: tuple[str, ...] = field(default=(), repr=False)

    def to_bytes(self) -> bytes:
        """Write it."""
        held = {
            "reason": self.reason,
            "kind": self.kind,
            "removed": self.removed,
            "texts": bound_texts(self.texts),
        }
        return json.dumps(held).encode("ascii")

    @classmethod
    def from_bytes(cls, raw: bytes) -> Answer | None:
        """Read it; None where it is not what an honest process says."""
        try:
            held = json.loads(raw)
            reason, kind, removed, texts = (
                held[name] for name in ("reason", "kind", "removed", "texts")
            )
            removed, texts = tuple(removed), tuple(texts)
            known = reason in REASONS if reason else kind in KINDS and set(removed) <= set(REMOVED)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if not known or not all(isinstance(text, str) for text in texts):
            return None
        told = tuple(code for code in REMOVED if code in removed)
        return cls(reason, kind, told, bound_texts(texts))


def bound_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Keep as much of texts as is handed out, from the first on."""
    kept, left = [], MOST_TEXT
    for text in map(_make_whole, texts):
        if left > 0 and text:
            kept.append(text[:left])
            left -= len(text)
    return tuple(kept)


def _make_whole(text: str) -> str:
    # Half of a pair of UTF-16, as some files name characters, can be neither written nor hashed.
    return text.encode(_PAIRS, "surrogatepass").decode(_PAIRS, "replace")
