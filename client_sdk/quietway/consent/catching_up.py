"""Catching up: a stop that a partner was not told, said once it shows that the partner knows of it.

Who never heard of a case does not hear of its end. But a colleague may have told a partner a moment
ago, and this device not have heard of that. So a stop that was said to nobody leaves a row. As soon
as there is a name that the partner knows the case by, the stop goes to it, and with a revocation
the order to delete; each device that knows of both does that, and none that saw the word go out.

Rules: it is the same version that counts here, so that saying it twice changes nothing. A stop that
was undone meanwhile is not said.

Spec: docs/spec/consent.md, "Pausing and revoking".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.consent.changing import Change, commit
from quietway.consent.ordering import list_orders_of, write_asked
from quietway.consent.telling import compose_word, find_talk, is_casework
from quietway.consents import find_consents, learn
from quietway.policy.absolute import Stance
from quietway.ports import Delete, Put
from quietway_schemas.ids import AgencyId, CaseRef

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.consents import Consents, Said
    from quietway.errors import QuietwayError

UNSAID: Final = "stop_unsaid"
_ID_BYTES: Final = 16
_PAIR_BYTES: Final = 2 * _ID_BYTES


def note_unsaid(case: CaseRef, agency: AgencyId, name: bytes) -> Put:
    """Give the row of a stop that the partner was not told."""
    return Put(UNSAID, case.value + agency.value + name, b"-")


def note_said(case: CaseRef, agency: AgencyId, name: bytes) -> Delete:
    """Give what ends it: somebody of this agency told the partner."""
    return Delete(UNSAID, case.value + agency.value + name)


async def note_colleagues_stops(
    agent: Agent, case: CaseRef, agency: AgencyId, addition: Consents
) -> list[Put]:
    """Give the rows of what a colleague stopped, until the word of it to the partner is seen."""
    if not is_casework(agent):
        return []
    known = (await find_consents(agent.store, case, agency)).given.decisions
    return [
        note_unsaid(case, agency, held.name)
        for held in addition.given.stops
        if held.by_us and held.name not in known.current and held.name not in known.named
    ]


async def catch_up(agent: Agent) -> list[QuietwayError]:
    """Tell the partners that turn out to know of a case that it is stopped, each once."""
    said = False
    for row in await agent.store.scan(UNSAID):
        case = CaseRef(row.key[:_ID_BYTES])
        agency, name = AgencyId(row.key[_ID_BYTES:_PAIR_BYTES]), row.key[_PAIR_BYTES:]
        known = await find_consents(agent.store, case, agency)
        stop = known.given.decisions.current.get(name)
        if stop is None or stop not in known.given.stops:
            await agent.settle(also=[Delete(UNSAID, row.key)])
        elif agent.cases.find(case, agency) is not None:
            await _say(agent, case, agency, stop)
            said = True
    if said:
        await agent.send_what_waits()
    return []


async def _say(agent: Agent, case: CaseRef, agency: AgencyId, stop: Said) -> None:
    alias = agent.cases.find(case, agency) or stop.content.case_ref
    conversation = await find_talk(agent, case, agency)
    # Where the partner knows it by another name than was thought, it is a version of its own.
    content = stop.content.model_copy(update={"case_ref": alias})
    async with agent.consent_turn:
        before = await find_consents(agent.store, case, agency)
        change = Change(case, agency, before, learn(before, content, by_us=True))
        orders = (
            await list_orders_of(agent, case, agency, content)
            if stop.stance is Stance.ENDED
            else []
        )
        words = [compose_word(agent, word, agency, conversation) for word in (content, *orders)]
        rows = [write_asked(agent, case, agency, order) for order in orders]
        await commit(
            agent,
            change,
            first=words,
            also=[*rows, note_said(case, agency, stop.name)],
            share=change.before != change.after,
        )
