"""Taking in what colleagues say of who is on call, what partners publish, and heartbeats.

In whatever order it comes, and however often, the same comes of it.

Spec: docs/spec/on-call.md.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from quietway.covering.changing import change_book
from quietway.errors import ContentRefused
from quietway.events import DeadLettered
from quietway.oncall.book import Given
from quietway.oncall.heard import Heard
from quietway.own.taken import Taken
from quietway.own.telling import list_colleagues
from quietway.policy.calendar import find_zone
from quietway.sealing import BAD_CONTENT, EARLY_MS
from quietway_schemas.content.oncall import (
    AgencyOnCallBeat,
    AgencyOnCallChange,
    AgencyRota,
    OnCallPublished,
)
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.oncall.book import OnCallBook
    from quietway.own.taken import Told
    from quietway.ports import Put
    from quietway_schemas.ids import DeviceId


async def take_on_call(agent: Agent, told: Told) -> Taken:
    """Take in what a device said. It is committed here: taken in twice it is the same."""
    match told.content:
        case AgencyRota() as rota if not _knows_zone(rota):
            # It would be read by no clock here: until this machine knows the zone, roles count.
            return Taken(events=(DeadLettered(BAD_CONTENT, agent.clock.now()),))
        case AgencyRota() as rota:
            colleagues = [held.device for held in list_colleagues(agent)]
            await change_book(agent, partial(_learn_rota, rota, colleagues))
        case AgencyOnCallChange() as change:
            await change_book(agent, lambda book: book.learn_change(change, told.device, told.at))
        case AgencyOnCallBeat() as beat:
            await _hear(agent, told, beat)
        case OnCallPublished() as published if is_ahead(published, told):
            return Taken(events=(DeadLettered(BAD_CONTENT, agent.clock.now()),))
        case OnCallPublished() as published:
            await _take_published(agent, told, published)
        case _:
            pass
    return Taken()


def is_ahead(published: OnCallPublished, told: Told) -> bool:
    """Say whether it claims a time that nothing that is said later would ever reach."""
    return published.issued > told.at + EARLY_MS


def _knows_zone(rota: AgencyRota) -> bool:
    try:
        find_zone(rota.time_zone)
    except ContentRefused:
        return False
    return True


def _learn_rota(rota: AgencyRota, colleagues: list[DeviceId], book: OnCallBook) -> list[Put]:
    learned = book.learn_rota(rota)
    # Whoever said it told the others too: nobody tells them again.
    return [*learned, *book.note_told(colleagues)] if learned else []


async def _hear(agent: Agent, told: Told, beat: AgencyOnCallBeat) -> None:
    came = agent.clock.now() if told.kept is None else told.kept.number("received_at")
    heard = Heard(min(told.at, came), beat.state == "locking", beat.wakeable, beat.rota)
    await change_book(agent, lambda book: book.hear(told.device, heard))
    if told.device == agent.keyring.device:
        agent.cover.note_return(told.at)


async def _take_published(agent: Agent, told: Told, published: OnCallPublished) -> None:
    if told.agency != agent.keyring.agency:
        await change_book(agent, lambda book: book.learn_published(told.agency, published))
        return
    # A colleague's: whoever it was said to has it.
    for text in () if told.kept is None else told.kept.texts("to"):
        agency = AgencyId.from_text(text)
        devices = frozenset(held.device for held in agent.directory.devices_of(agency))
        given = Given(published, devices)
        await change_book(agent, partial(_note_given, agency, given))


def _note_given(agency: AgencyId, given: Given, book: OnCallBook) -> list[Put]:
    return book.note_given(agency, given)
