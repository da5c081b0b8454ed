"""What is of a drill, and what is not: one question, asked by every list and every count.

A drill has a namespace of its own. What carries the flag is in no list of what is, on no board, in
no due list and in no figure; whoever wants to see drills asks for them.

Spec: docs/spec/drills.md, "A namespace of its own".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel

_Held = TypeVar("_Held", bound="StoredMessage")
OF_DRILL: Final = b"drill"
"""Set behind what a conversation is found by: a drill speaks in conversations of its own."""


def is_exercise(content: ContentModel) -> bool:
    """Say whether a content is of a drill."""
    return content.exercise


def keep_live(messages: Iterable[_Held]) -> list[_Held]:
    """Keep what is of no drill."""
    return [held for held in messages if not is_exercise(held.content)]


def keep_of(messages: Iterable[_Held], *, exercise: bool) -> list[_Held]:
    """Keep what is of drills, or what is of none."""
    return [held for held in messages if is_exercise(held.content) == exercise]
