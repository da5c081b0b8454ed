"""Asks the guard about every text of a content, and refuses what should not be said.

Rules: a refusal writes nothing but a count. The same texts are known again, so a person who gave a
reason sends again and nothing else; other texts are asked about anew.

Spec: docs/spec/guard.md, "Where it is asked".
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.errors import LocationFound
from quietway.exercises import is_exercise
from quietway.guard.deciding import Decision, judge, place
from quietway.guard.fields import TextField, list_texts
from quietway.guard.inspecting import inspect
from quietway.guarding.overrides import Words, find_overriding
from quietway.guarding.records import count_drilled, count_held
from quietway.own.telling import list_colleagues
from quietway.policy.channels import TIER_OF
from quietway_schemas.content.contact import ContactLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.guard.deciding import TextFinding
    from quietway.guard.finding import Channel
    from quietway.guard.lists import Lists
    from quietway_schemas.content.base import ContentModel

CRISIS: Final = "urgent"
_CRISIS_KINDS: Final = (
    "action.",
    "alert.",
    "crisis.",
    "decision.",
    "huddle.",
    "logistics",
)
"""What is said of an alert and within a crisis, whatever its urgency says."""
_URGENCIES: Final = ("time_sensitivity", "urgency")
_SECURE_TIERS: Final = frozenset(
    {"in_person", "scheduled_meeting", "secure_email", "secure_message"}
)


async def ask_guard(
    agent: Agent,
    content: ContentModel,
    *,
    inside: Sequence[str] = (),
    asked_before: bool = False,
) -> Decision:
    """Ask about a content.

    Args:
        agent: Of this device.
        content: What is to be said.
        inside: The words in a file that it names.
        asked_before: Whether it was let pass before, and has been on its way since: then only what
            has no override stands in its way.

    Returns:
        What its writer is told of, and what was overridden.

    Raises:
        LocationFound: Something stands in the way. Nothing was written, sealed or sent.
        GuardFailed: It broke on one of the texts. The same.
    """
    words = read_words(content, inside)
    # Of a file there may be a book's length of them.
    look = partial(find_all, words, agent.guarding.lists, find_channel(content))
    found = await asyncio.to_thread(look) if inside else look()
    if not found:
        return Decision()
    if asked_before:
        found = tuple(held for held in found if held.action == "block")
    crisis, alone = is_crisis(content), not list_colleagues(agent)
    stands = [held for held in found if held.action != "warn"]
    overriding = await find_overriding(agent, words, stands, crisis=crisis)
    decision = judge(found, overriding, crisis=crisis, alone=alone, now=agent.clock.now())
    if decision.stands:
        refused = agent.guarding.refuse(words, decision, crisis=crisis)
        if refused.is_new and is_exercise(content):
            await count_drilled(agent)
        elif refused.is_new:
            await count_held(agent, decision)
        raise LocationFound(decision, refused.digest, content.type)
    return decision


def read_words(content: ContentModel, inside: Sequence[str] = ()) -> Words:
    """Give every text of a content, and of the file that it names."""
    of_file = (TextField(f"file.{number}", text, "prose") for number, text in enumerate(inside))
    return Words(content.type, (*list_texts(content), *of_file))


def find_all(words: Words, lists: Lists, channel: Channel) -> tuple[TextFinding, ...]:
    """Say all that should not be said in some texts, one by one."""
    return tuple(
        place(finding, held.path)
        for held in words.texts
        for finding in inspect(held.text, lists=lists, field=held.kind, channel=channel)
    )


def find_channel(content: ContentModel) -> Channel:
    """Say who else may know of it: a note of contact is as open as the contact was."""
    if not isinstance(content, ContactLog):
        return "secure"
    tier = TIER_OF.get(content.interaction_type)
    return "secure" if tier in _SECURE_TIERS else "insecure"


def is_crisis(content: ContentModel) -> bool:
    """Say whether a content is of the crisis tier: urgent, of an alert, or within a crisis."""
    if content.type.startswith(_CRISIS_KINDS):
        return True
    return any(getattr(content, name, None) == CRISIS for name in _URGENCIES)
