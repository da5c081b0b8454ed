"""Heartbeats: what a device that is on call says of itself every 15 minutes, and that comes back.

Rules: without a rota, and off duty, nothing is said. No beat goes to a device that may be locked,
since it would call its human; but for the first one, which colleagues learn from that this device
is awake. One beat is under way at a time.

Spec: docs/spec/on-call.md, "Heartbeats".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.covering.judging import find_duty, may_decide
from quietway.engine.state import Progress
from quietway.events import OnCallUnreachable
from quietway.oncall.heard import BEAT_MS, JITTER_MS
from quietway.oncall.tiers import list_devices
from quietway.own.telling import tell_own
from quietway_schemas.content.oncall import TIERS, AgencyOnCallBeat
from quietway_schemas.content.quiet import BEAT_KIND

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.engine.state import Entry
    from quietway.errors import QuietwayError
    from quietway_schemas.ids import DeviceId


async def beat_where_due(agent: Agent) -> list[QuietwayError]:
    """Say that this device is on call, where that is due, and tell where nothing comes back."""
    async with agent.cover.beating:
        duty = find_duty(agent, agent.clock.now())
        if duty is None or not may_decide(agent):
            agent.cover.rest()
            return []
        if agent.cover.is_beat_due(agent.clock):
            await _beat(agent, duty)
        _tell_unreachable(agent)
    return []


async def say_locking(agent: Agent, *, wakeable: bool) -> None:
    """Say to those who would get a beat that this device is being locked; nothing off duty.

    It does not go to this device: its echo would call the human who is about to leave.
    """
    duty = find_duty(agent, agent.clock.now())
    devices = list_listeners(agent, opening=agent.cover.last is None)
    if duty is not None and may_decide(agent) and devices:
        beat = _write(agent, duty).model_copy(update={"state": "locking", "wakeable": wakeable})
        await tell_own(agent, beat, devices=devices)


def list_listeners(agent: Agent, *, opening: bool) -> tuple[DeviceId, ...]:
    """List the colleagues that a beat goes to.

    Args:
        agent: Of this device.
        opening: Whether it is the first: it goes also to those who are on call and were not heard,
            unless they said that they lock.
    """
    now, book, me = agent.clock.now(), agent.oncall, agent.keyring.device
    awake = {device for device, heard in book.heard.items() if heard.is_awake(now)}
    if opening:
        on_call = list_devices(book.lay_out(now, now + 1)[0].tiers)
        locked = {device for device, heard in book.heard.items() if heard.locking}
        awake |= set(on_call) - locked
    current = {held.device for held in agent.directory.devices_of(agent.keyring.agency)}
    return tuple(sorted((awake & current) - {me}))


async def _beat(agent: Agent, duty: int) -> None:
    if _is_under_way(agent):
        # Also one that a former process wrote: whether it comes back is waited for here as well.
        agent.cover.note_waiting(agent.clock)
        await agent.send_what_waits()
        return
    devices = list_listeners(agent, opening=agent.cover.last is None)
    jitter = int.from_bytes(agent.entropy.draw(4), "big") % (2 * JITTER_MS + 1) - JITTER_MS
    agent.cover.note_beat(agent.clock, BEAT_MS + jitter)
    await tell_own(agent, _write(agent, duty), devices=(agent.keyring.device, *devices))


def _write(agent: Agent, duty: int) -> AgencyOnCallBeat:
    return AgencyOnCallBeat(
        tier=TIERS[duty], wakeable=agent.oncall.wakes, rota=agent.oncall.rota_name
    )


def _is_under_way(agent: Agent) -> bool:
    """Say whether a beat has not left yet; a colleague that it waits for holds up no other."""
    beats = [held for held in agent.state.outbox.values() if held.kind == BEAT_KIND]
    me = agent.keyring.device
    return any(not held.settled and not _has_left(held, me) for held in beats)


def _has_left(beat: Entry, me: DeviceId) -> bool:
    return any(copy.device == me and copy.progress is Progress.STORED for copy in beat.deliveries)


def _tell_unreachable(agent: Agent) -> None:
    cover = agent.cover
    if cover.awaited is not None and cover.is_unreachable(agent.clock) and not cover.is_told:
        cover.is_told = True
        agent.tell(OnCallUnreachable(since=cover.awaited.wall, at=agent.clock.now()))
