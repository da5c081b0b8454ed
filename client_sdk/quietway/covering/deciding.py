"""What people decide about who is on call: a rota, an override, a swap. Each says what it leaves.

Rules: only a device whose role receives alerts decides, and names only devices of its own agency.
What leaves a gap is written down all the same, and the gap is given back: a person may have no
choice. Partners are told at once.

Spec: docs/spec/on-call.md, "The rota" and "Overrides and swaps".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.covering.changing import change_book
from quietway.covering.judging import list_gaps, may_decide
from quietway.covering.publishing import publish_where_due
from quietway.errors import ContentRefused, NotFound, RoleRefused
from quietway.oncall.rota import write_rota
from quietway.own.telling import list_colleagues
from quietway_schemas.content.oncall import AgencyOnCallChange, AgencyRota
from quietway_schemas.content.roles import ON_CALL, list_roles
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.oncall.book import OnCallBook
    from quietway.oncall.changes import OnCallChange
    from quietway.oncall.gaps import CoverGap
    from quietway.oncall.rota import Rota
    from quietway.ports import Put
    from quietway_schemas.ids import DeviceId

_ID_BYTES: Final = 16


async def set_rota(agent: Agent, rota: Rota) -> tuple[CoverGap, ...]:
    """Set who is on call from now on; see `AsyncOnCall.set_rota`."""
    _check_role(agent, "agency.rota")
    _check_devices(agent, (held for crew in rota.crews for held in crew.devices()))
    nonce = agent.entropy.draw(_ID_BYTES)
    content = write_rota(rota, nonce=nonce, supersedes=agent.oncall.name_seen())
    colleagues = [held.device for held in list_colleagues(agent)]
    await change_book(agent, partial(_learn_rota, content, colleagues), content)
    return await _carry_out(agent)


async def say_change(agent: Agent, **said: object) -> tuple[OnCallChange, tuple[CoverGap, ...]]:
    """Say something new of who is on call for some time; gives it, and the gaps that stand then."""
    _check_role(agent, "agency.oncall_change")
    try:
        change_id = agent.entropy.draw(_ID_BYTES)
        content = AgencyOnCallChange.model_validate({**said, "change_id": change_id})
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None
    _check_devices(agent, (held for held in (content.on,) if held is not None))
    await _say(agent, content)
    gaps = await _carry_out(agent)
    return find_change(agent, change_id), gaps


async def answer_change(agent: Agent, change_id: bytes, kind: str) -> tuple[CoverGap, ...]:
    """Accept or withdraw a change; gives the gaps that stand then."""
    _check_role(agent, "agency.oncall_change")
    held = find_change(agent, change_id)
    if held.state == "withdrawn":
        raise NotFound("A change by that id that was not withdrawn", "quietway oncall show")
    if kind == "accept" and (held.kind != "offer" or held.on != agent.keyring.device):
        raise ContentRefused("change_id", "is no swap that was offered to this device.")
    content = AgencyOnCallChange.model_validate({"change_id": change_id, "kind": kind})
    await _say(agent, content)
    return await _carry_out(agent)


def find_change(agent: Agent, change_id: bytes) -> OnCallChange:
    """Find a change by its id.

    Raises:
        NotFound: There is none.
    """
    for held in agent.oncall.list_changes():
        if held.change_id == change_id:
            return held
    raise NotFound("A change by that id", "quietway oncall show")


async def _say(agent: Agent, content: AgencyOnCallChange) -> None:
    me, now = agent.keyring.device, agent.clock.now()
    await change_book(agent, lambda book: book.learn_change(content, me, now), content)


async def _carry_out(agent: Agent) -> tuple[CoverGap, ...]:
    await publish_where_due(agent)
    await agent.send_what_waits()
    return list_gaps(agent)


def _learn_rota(content: AgencyRota, colleagues: Iterable[DeviceId], book: OnCallBook) -> list[Put]:
    return [*book.learn_rota(content), *book.note_told(colleagues)]


def _check_role(agent: Agent, kind: str) -> None:
    if not may_decide(agent):
        raise RoleRefused(kind, "sent", list_roles(ON_CALL))


def _check_devices(agent: Agent, named: Iterable[DeviceId]) -> None:
    known = {held.device: held for held in agent.directory.devices_of(agent.keyring.agency)}
    for device in named:
        if device not in known:
            raise ContentRefused(
                "device", "is none of this agency's: take one of `quietway device list`."
            )
        if ON_CALL.isdisjoint(known[device].roles):
            raise ContentRefused(
                "device",
                f"has none of the roles {', '.join(list_roles(ON_CALL))}: give it one first.",
            )
