"""The name under which a file that was received is written: harmless on every system.

A name comes from another agency. What the dictionary refuses never gets here; this room relies on
none of it, and makes of any text a name of one file in one folder.

Spec: docs/spec/blobs.md, "Pointer".
"""

from __future__ import annotations

import unicodedata
from typing import Final

_UNNAMED: Final = "file"
_MOST_BYTES: Final = 120
_OF_PATHS: Final = frozenset('/\\:*?"<>|')
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DEVICES: Final = frozenset(
    {"AUX", "CON", "CONIN$", "CONOUT$", "NUL", "PRN"}
    | {f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"}
)


def make_harmless(name: str) -> str:
    """Make a name of one file: no path, nothing unseen, no device of Windows, 120 bytes at most."""
    kept = "".join("_" if _is_harmful(character) else character for character in name)
    kept = _cut(kept.strip(" .")).strip(" .") or _UNNAMED
    stem = kept.partition(".")[0].rstrip(" ")
    return f"_{kept}" if stem.upper() in _DEVICES else kept


def name_again(name: str, number: int) -> str:
    """Give the name to try where a name is taken: `notes (2).txt`."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem} ({number}).{ending}" if dot and stem else f"{name} ({number})"


def _is_harmful(character: str) -> bool:
    return character in _OF_PATHS or unicodedata.category(character) in _UNSEEN


def _cut(name: str) -> str:
    raw = name.encode("utf-8")
    if len(raw) <= _MOST_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = f"{dot}{ending}".encode() if dot and len(ending) <= 16 else b""  # noqa: PLR2004 - longer is no ending
    whole = stem.encode() if kept else raw
    return (whole[: _MOST_BYTES - len(kept)] + kept).decode("utf-8", "ignore")
