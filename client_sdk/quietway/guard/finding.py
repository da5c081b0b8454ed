"""What the guard found: which rule, where in the text, and what is done about it. Never the text.

Spec: docs/spec/guard.md, "Findings".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from quietway_schemas.locale import ENGLISH, say

Action = Literal["warn", "strip", "hold", "block"]
"""What is done about a finding, from the mildest to the strictest."""

STRICTNESS: Final[dict[Action, int]] = {"warn": 0, "strip": 1, "hold": 2, "block": 3}

Field = Literal["prose", "professional_contact", "file_name"]
"""What kind of text it is; a rule can pass over a kind (`passes_in`)."""

Channel = Literal["secure", "insecure"]
"""Who else may read it. On an insecure channel every finding blocks."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a detector yields.

    Attributes:
        rule: Id of the rule, `class.name`.
        start: Where it begins in the view that the detector read.
        end: Where it ends, exclusive.
    """

    rule: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not be said.

    Attributes:
        rule: Id of the rule, `class.name`.
        action: What is done about it.
        start: Where it begins in the original text, in code points.
        end: Where it ends, exclusive.
        codes: What says it better, as `list/code` of the codebook.
    """

    rule: str
    action: Action
    start: int
    end: int
    codes: tuple[str, ...] = ()

    def explain(self, language: str = ENGLISH) -> str:
        """Say what it is, why it could find her, and what to write instead.

        Args:
            language: As `quietway_schemas.locale.LANGUAGES` has them; any other reads English.
        """
        return say(f"guard.{self.rule}", language)
