"""What comes of what others say of a huddle: it is minded at once, and what waits is cut.

Spec: docs/spec/crises.md, "Who takes part".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.crisis.naming import is_opened_by
from quietway.events import CrisisCalled
from quietway.huddling.reading import find_crisis
from quietway.huddling.stating import cut_off
from quietway.own.taken import Taken
from quietway_schemas.content.crisis import CrisisActivate

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.own.taken import Taker, Told


async def take_activation(agent: Agent, told: Told) -> Taken:
    """Tell the program that this agency is called to an event."""
    content = told.content
    if not isinstance(content, CrisisActivate) or not is_opened_by(content):
        return Taken()
    called = CrisisCalled(content.event_id, told.agency, content.exercise, agent.clock.now())
    return Taken(events=() if told.agency == agent.keyring.agency else (called,))


async def take_word(agent: Agent, told: Told) -> Taken:
    """Mind the huddle at once, and cut what waits for whoever takes part no more."""
    event: bytes = getattr(told.content, "event_id", b"")
    return Taken(after=(partial(_cut, agent, event), agent.mind_huddles))


async def _cut(agent: Agent, event: bytes) -> None:
    crisis = await find_crisis(agent, event)
    if crisis is not None:
        await cut_off(agent, crisis)


TAKERS: Final[dict[str, Taker]] = {
    "crisis.activate": take_activation,
    "crisis.answer": take_word,
    "huddle.handover": take_word,
    "huddle.left": take_word,
    "huddle.members": take_word,
    "huddle.stopped": take_word,
}
"""What acts on each type, by its name."""
