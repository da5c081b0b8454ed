"""Saying something of an event that ends: to those who take part, and to nobody else.

Spec: docs/spec/crises.md, "Who takes part"; docs/spec/reviews.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.huddling.saying import check_exercise, say_in_huddle
from quietway.speaking import speak

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.views.crises import Crisis
    from quietway_schemas.content.crisis import InHuddle


async def say_to_members(agent: Agent, crisis: Crisis, content: InHuddle) -> Sent:
    """Say something to the devices that take part in an event; alone, to one's own agency.

    Raises:
        ContentRefused: This device takes no part, or the flag is another than the event's.
        QuietwayError: As `huddling.saying.say_in_huddle`. Nothing was sealed.
    """
    others = [seat for seat in crisis.members if seat.device != crisis.me]
    if others:
        return await say_in_huddle(agent, crisis, content)
    check_exercise(crisis, content)
    own = agent.keyring.agency
    return await speak(agent, content, to=[own], conversation=crisis.conversation)
