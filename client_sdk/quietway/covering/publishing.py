"""Telling partners whom their alerts reach here, as soon as what they hold runs short or is wrong.

To one partner at a time, so that none learns who the others are. What is said to a partner that is
paused waits until it is not.

Spec: docs/spec/on-call.md, "What partners are told".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.covering.judging import may_decide
from quietway.engine.inputs import Compose
from quietway.oncall.book import Given
from quietway.oncall.published import BACK_MS, is_due, write_published
from quietway_schemas.content.oncall import HORIZON_MS
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.oncall.layout import Stretch
    from quietway_schemas.content.oncall import OnCallPublished
    from quietway_schemas.ids import AgencyId, DeviceId

_ID_BYTES: Final = 16


async def publish_where_due(agent: Agent, *, everyone: bool = False) -> list[QuietwayError]:
    """Tell each partner that is to be told; says what is in the way of sending.

    Args:
        agent: Of this device.
        everyone: Whether to tell also those who hold the same.
    """
    if not (agent.oncall.has_rota and may_decide(agent)):
        return []
    now = agent.clock.now()
    layout = agent.oncall.lay_out(now - BACK_MS, now + HORIZON_MS)
    told = False
    for partner, devices in _list_partners(agent):
        if everyone or _is_due(agent, partner, devices, layout):
            given = agent.oncall.given.get(partner)
            after = 0 if given is None else given.content.issued
            content = write_published(layout, now=now, after=after)
            await _tell(agent, partner, devices, content)
            told = True
    problem = await agent.send_what_waits() if told else None
    return [] if problem is None else [problem]


def _list_partners(agent: Agent) -> list[tuple[AgencyId, frozenset[DeviceId]]]:
    now = agent.clock.now()
    found = [
        (agency, frozenset(held.device for held in agent.directory.devices_of(agency)))
        for agency in sorted(agent.lanes.partners)
        if not agent.answers.find_hindrance(agency, now)
    ]
    return [(agency, devices) for agency, devices in found if devices]


def _is_due(
    agent: Agent, partner: AgencyId, devices: frozenset[DeviceId], layout: tuple[Stretch, ...]
) -> bool:
    given = agent.oncall.given.get(partner)
    held = None if given is None else given.content
    if given is not None and not devices <= given.devices:
        return True
    return is_due(held, layout, now=agent.clock.now())


async def _tell(
    agent: Agent, partner: AgencyId, devices: frozenset[DeviceId], content: OnCallPublished
) -> None:
    composed = Compose(
        now=agent.clock.now(),
        local_id=agent.entropy.draw(_ID_BYTES),
        # One of its own: nobody ever answers to it.
        conversation=ConversationId(agent.entropy.draw(_ID_BYTES)),
        to=(partner,),
        kind=content.type,
        class_=find_class(content),
        content=encode_content(content),
    )
    async with agent.cover.turn:
        book = agent.oncall.copy()
        rows = book.note_given(partner, Given(content, devices))
        await agent.settle(composed, also=rows)
        agent.oncall = book
