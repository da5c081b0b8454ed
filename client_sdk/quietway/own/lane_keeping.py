"""Keeping lanes in order: a new secret where one is due, the weeks uploaded, the grants given.

Whichever of the agency's devices runs does it, after it has read the directory and its mailbox, so
that it knows what the others did.

Spec: docs/spec/lanes.md, "Which lanes are open".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from quietway.own.granting import grant_lanes
from quietway.own.lane_rows import name_secret, read_made
from quietway.own.open_lanes import gather_lanes, name_set
from quietway.own.rotating import list_unanswered
from quietway.partners import INVITATION_LIFE_MS, INVITED
from quietway.ports import Put

if TYPE_CHECKING:
    from quietway.agent import Agent


async def open_lanes(agent: Agent) -> None:
    """Upload the weeks as far as they are not as they should be, then give what lanes are missing.

    Raises:
        RelayError: The relay did not take it; what it took stays.
        StorageFull: Nothing was written.
    """
    if agent.standing.awaits_secret or await list_unanswered(agent):
        # Lanes of another secret would shut every partner out; those of this one let a thief in.
        return
    own = agent.publisher.own_manifest
    if own is None or own.manifest.find(agent.keyring.device) is None:
        return
    now = agent.clock.now()
    lanes = await gather_lanes(agent, now=now)
    name = name_set(agent.keyring.agency_secret, lanes)
    await agent.publisher.publish_lanes(name, [held.lane for held in lanes], now=now)
    await grant_lanes(agent, paused=agent.standings.shut_out())


async def date_former_invitations(agent: Agent) -> None:
    """Let invitations of a former version, which end never, end in 14 days.

    Raises:
        StorageFull: Nothing was written.
    """
    until = agent.clock.now() + INVITATION_LIFE_MS
    name = name_secret(agent.keyring.agency_secret)
    former = [held for held in await read_made(agent) if not held.until]
    rows = [
        Put(INVITED, held.partner, replace(held, until=until, secret=name).to_row())
        for held in former
    ]
    if rows:
        await agent.settle(also=rows)
