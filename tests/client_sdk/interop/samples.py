"""What the tests of imports share: a caller who says all that a file does not, and a search.

The texts to search for come out of the files themselves. Left out are only those that the standard
and the dictionary both have as codes, and that tell nothing about anybody.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from quietway.content import Receiving, Referring
from quietway.interop import Imported, read_referral

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW: Final = 1_795_428_000_000
DAY_MS: Final = 86_400_000

REFERENCE: Final = re.compile(r"[A-Z]\w+/[\w.-]+(/\w+/[\w.-]+)?")
TAG: Final = re.compile(r"<[^>]*>")
CLOCK: Final = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d(:\d\d)?([.,]\d+)?|\.py:\d+")
SHARED_WORDS: Final = frozenset(
    (
        "accepted",
        "active",
        "completed",
        "draft",
        "in-progress",
        "order",
        "plan",
        "requested",
        "routine",
        "ServiceRequest",
        "stat",
        "status",
        "Task",
    )
)


def say(**changed: object) -> dict[str, object]:
    """Give what a caller says."""
    said: dict[str, object] = {
        "entropy": bytes(range(16)),
        "referring": Referring(
            agency="MERCY",
            program="MERCY-SOCIALWORK",
            staff="Social work desk",
            contact="Extension 2040",
            at=NOW,
        ),
        "receiving": Receiving(
            program="HARBOR-SHELTER",
            preferred_channel="secure_message",
            eligibility_note="Adults with or without children",
        ),
        "purpose_code": "safe_accommodation",
        "purpose_text": "Please call our desk back about a place.",
        "info_basis": "client_interview",
        "pathway": "warm_linkage",
        "referred_by": "healthcare",
        "survivor_choice": "agreed",
        "feedback_due": NOW + DAY_MS,
    }
    return said | changed


def take(raw: bytes, **changed: object) -> Imported:
    """Import a file as that caller does."""
    return read_referral(raw, **say(**changed))  # type: ignore[arg-type] # the tests change one at a time


def list_texts(raw: bytes) -> set[str]:
    """List the texts of a file, the ids in its references, and what its narratives tell."""
    texts = set(_walk(json.loads(raw)))
    ids = {part for text in texts if REFERENCE.fullmatch(text) for part in text.split("/")}
    told = {told.strip(" :\n\t") for text in texts for told in TAG.split(text) if "<" in text}
    phrases = {phrase for phrase in told if " " in phrase}
    # A single character, such as a version, stands everywhere and tells nothing.
    return {text for text in texts | ids | phrases if len(text.strip()) > 1} - SHARED_WORDS


def stands_in(text: str, shown: str) -> bool:
    """Tell whether a text stands somewhere as words of its own, as a reader would find it."""
    # "ent" stands in "client_interview" without saying anything, and "13" in the time of day.
    searched = CLOCK.sub(" ", shown) if text.isdigit() else shown
    return text in searched and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", searched) is not None


def find_texts(raw: bytes, shown: str) -> set[str]:
    """Find the texts of a file that are shown."""
    return {text for text in list_texts(raw) if stands_in(text, shown)}


def show(imported: Imported) -> str:
    """Show all that became of a file: the sealed bytes' content, and the report."""
    report = (imported.dropped, imported.unmapped, imported.cautions, imported.kind)
    return imported.packet.to_canonical().decode() + repr(report)


def _walk(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for held in value.values():
            yield from _walk(held)
    elif isinstance(value, list):
        for held in value:
            yield from _walk(held)
