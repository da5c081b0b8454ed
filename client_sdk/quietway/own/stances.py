"""Deciding whether this agency shares with a partner now: on this device, and as a colleague told.

A decision counts on the device where it is made from the moment it is on the disk, and on the
others as soon as they read it. What a pause calls for is in its own commit, or is found and done
again at the next start; so nothing depends on the network being there.

Spec: docs/spec/conversations.md, "Pausing a partner".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.events import PartnerStandingChanged
from quietway.own.taken import Taken
from quietway.own.telling import tell_own
from quietway.partner_standing import NAMES, StandingVersion, find_stance, write_standing
from quietway.policy.absolute import Stance, learn, name_seen
from quietway_schemas.content.agency import AgencyStanding

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway.agent import Agent
    from quietway.engine.inputs import Input
    from quietway.ports import Delete, Put
    from quietway_schemas.ids import AgencyId

_NONCE_BYTES: Final = 16


async def decide_standing(
    agent: Agent,
    partner: AgencyId,
    stance: Stance,
    *,
    reason_code: str | None = None,
    scopes: Collection[str] | None = None,
) -> None:
    """Decide about a partner, here and now, and tell the agency's other devices.

    Raises:
        StorageFull: Nothing was decided.
        SchemaError: A code is not of its list.
    """
    async with agent.standings.turn:
        before = agent.standings.find(partner)
        content = AgencyStanding(
            partner=partner,
            stance=NAMES[stance],
            nonce=agent.entropy.draw(_NONCE_BYTES),
            supersedes=name_seen(before, stance),
            scopes=None if scopes is None else tuple(sorted(set(scopes))),
            reason_code=reason_code,
        )
        after = learn(before, StandingVersion.of(content))
        stops: list[Input] = []
        now = agent.clock.now()
        writes: list[Put | Delete] = [write_standing(partner, after, at=now)]
        try:
            if find_stance(after) is not Stance.GRANTED:
                # From here on nothing is sealed for it, also while this is on its way to the disk.
                agent.standings.put(partner, after)
                agent.standings.note_shut_out(now)
                stop, asked = await agent.withdrawer.shut_out(partner)
                stops, writes = [stop], [*writes, *asked]
            await tell_own(agent, content, also=writes, first=stops, at_once=False)
        except BaseException:
            agent.standings.put(partner, before)
            raise
        agent.standings.put(partner, after)


async def take_standing(agent: Agent, content: AgencyStanding) -> Taken:
    """Take in what a colleague decided. In whatever order it comes, the same counts.

    It is committed here, and not with what takes it in: taken in twice it is the same.
    """
    partner = content.partner
    async with agent.standings.turn:
        before = agent.standings.find(partner)
        after = learn(before, StandingVersion.of(content))
        if after == before:
            return Taken()
        was, now = find_stance(before), find_stance(after)
        if now is not Stance.GRANTED:
            # What is not written down yet protects all the same: it comes again if that fails.
            agent.standings.put(partner, after)
            agent.standings.note_shut_out(agent.clock.now())
        row = write_standing(partner, after, at=agent.clock.now())
        await agent.settle(also=[row])
        agent.standings.put(partner, after)
    if was is now:
        return Taken()
    told = PartnerStandingChanged(partner, NAMES[now], agent.clock.now())
    return Taken(after=(partial(_carry_out, agent, partner),), events=(told,))


async def _carry_out(agent: Agent, partner: AgencyId) -> None:
    if agent.standings.hindrance(partner):
        await agent.withdrawer.finish([partner])
    await agent.send_what_waits()
    await agent.publish_what_is_new()
