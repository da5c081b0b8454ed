"""What was removed from a file, in words.

Spec: docs/spec/cleaning.md, "What comes back".
"""

from __future__ import annotations

from quietway_schemas.locale import ENGLISH, say


def explain_removed(removed: tuple[str, ...], language: str = ENGLISH) -> str:
    """Say what was removed from a file, in a language.

    Args:
        removed: Its codes.
        language: As `quietway_schemas.locale.LANGUAGES` has them; any other reads English.
    """
    if not removed:
        return say("cleaning.nothing", language)
    told = [say(f"cleaning.{code}", language) for code in removed]
    return " ".join([say("cleaning.removed", language), *told])
