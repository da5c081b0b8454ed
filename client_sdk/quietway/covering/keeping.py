"""What an agent does by itself so that its agency stays covered.

Spec: docs/spec/on-call.md.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.covering.beating import beat_where_due
from quietway.covering.changing import change_book
from quietway.covering.judging import list_gaps, may_decide
from quietway.covering.publishing import publish_where_due
from quietway.covering.taking import take_on_call
from quietway.errors import RelayError, StorageFull
from quietway.events import OnCallGap
from quietway.own.telling import list_colleagues

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.oncall.book import OnCallBook
    from quietway.oncall.gaps import CoverGap

LOOK_SECONDS: Final = 60.0
_TAKEN: Final = (
    "agency.oncall_beat",
    "agency.oncall_change",
    "agency.rota",
    "oncall.published",
)


def keep_on_call(agent: Agent, book: OnCallBook) -> None:
    """Go by what is known of who is on call, and keep it so."""
    agent.oncall = book
    if book.has_rota:
        agent.cover.has_rota.set()
    agent.takers |= dict.fromkeys(_TAKEN, take_on_call)
    agent.errands += [
        partial(tell_newcomers, agent),
        partial(publish_where_due, agent),
        partial(look_after, agent),
    ]
    agent.beside.append(partial(watch_over, agent))


async def watch_over(agent: Agent) -> None:
    """Look after it each minute while the program follows, also while the relay is gone."""
    await agent.cover.has_rota.wait()
    while True:
        with suppress(RelayError, StorageFull):
            await look_after(agent)
        await agent.clock.sleep(LOOK_SECONDS)


async def look_after(agent: Agent) -> list[QuietwayError]:
    """Beat where that is due, and tell of gaps that the program was not told of."""
    problems = await beat_where_due(agent)
    gaps = list_gaps(agent)
    for gap in gaps:
        # What is looked at moves on with time: a gap that meets one that was told is that one.
        if not any(_is_same(gap, told) for told in agent.cover.gaps_told):
            agent.tell(OnCallGap(gap.tier, gap.starts, gap.ends, gap.why))
    agent.cover.gaps_told = frozenset(gaps)
    return problems


def _is_same(gap: CoverGap, told: CoverGap) -> bool:
    alike = (gap.tier, gap.why) == (told.tier, told.why)
    return alike and gap.starts <= told.ends and told.starts <= gap.ends


async def tell_newcomers(agent: Agent) -> list[QuietwayError]:
    """Tell devices that are new to the agency who is on call."""
    book = agent.oncall
    if not (book.has_rota and may_decide(agent)):
        return []
    new = {held.device for held in list_colleagues(agent)} - book.told
    if new:
        devices = tuple(sorted(new))
        contents = book.gather()
        await change_book(agent, lambda held: held.note_told(devices), *contents, devices=devices)
        await agent.send_what_waits()
    return []
