"""What each rule says to a caseworker: what was decided, why, and what to do next.

The words stand in the catalogue `policy`, in every language that there is; codes that are missing
are named by their labels.

Spec: docs/spec/policy.md, "The rules".
"""

from __future__ import annotations

from typing import Final

from quietway_schemas.codebook.lists import entries, label
from quietway_schemas.locale import read_catalogue, say

_LISTS: Final = ("data_category", "purpose_of_use", "consent_scope", "circumstance")
_PARTS: Final = ("title", "why", "next")


def explain_rule(rule: str, missing: tuple[str, ...], language: str) -> str:
    """Say what a rule decided, why, what is not covered, and what to do next.

    Args:
        rule: Its id.
        missing: Codes that are not covered.
        language: As `quietway_schemas.locale.LANGUAGES` has them; any other is answered in English.
    """
    title, why, what_next = (_say(f"policy.{rule}.{part}", language) for part in _PARTS)
    listed = ", ".join(_name_code(code, language) for code in missing)
    uncovered = say("policy.not_covered", language, codes=listed) if listed else ""
    return " ".join(part for part in (title, why, uncovered, what_next) if part)


def _say(message_id: str, language: str) -> str:
    # A rule that asks for nothing to be done has no sentence for it.
    return say(message_id, language) if message_id in read_catalogue("policy") else ""


def _name_code(code: str, language: str) -> str:
    for list_name in _LISTS:
        if code in entries(list_name):
            return label(list_name, code, language).lower()
    return code
