"""A change of consent: taken hold of in memory, then committed with everything that it calls for.

Rules: one change at a time, and none between an asking and the commit of what was allowed
(`agent.consent_turn`). What a stop calls for (the end of what waits, the requests to give back, the
holding back) is in its own commit; nothing depends on the network being there.

Spec: docs/spec/consent.md, "Pausing and revoking".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.consent.narrowing import find_fallen, is_narrower
from quietway.consent.questions import is_own
from quietway.consents import Consents, Said, find_consents, merge, write_consents
from quietway.events import ConsentChanged
from quietway.held_back import write_held_back
from quietway.history import list_messages
from quietway.own.sharing import share_consents
from quietway.own.taken import Taken
from quietway.own.telling import tell_own
from quietway.policy.absolute import Stance
from quietway.policy.categories import BY_LAW, WORD_KINDS
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.status import StatusIndicator

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.agent import Agent
    from quietway.engine.inputs import Input
    from quietway.ports import Delete, Put
    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef

STANCES: Final[dict[Stance, str]] = {
    Stance.GRANTED: "granted",
    Stance.PAUSED: "paused",
    Stance.ENDED: "revoked",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What was known of a case with a partner, and what is from now on."""

    case: CaseRef
    agency: AgencyId
    before: Consents
    after: Consents

    @property
    def is_held_back_anew(self) -> bool:
        """Whether what the partner said is held back by this."""
        return self.after.held_back and not self.before.held_back

    @property
    def new_stops(self) -> tuple[Said, ...]:
        """The stops of what is given to the partner that were not known before."""
        known = self.before.given.decisions.current
        return tuple(
            held
            for name, held in self.after.given.decisions.current.items()
            if held.stance is not Stance.GRANTED and name not in known
        )


async def merge_in(
    agent: Agent,
    case: CaseRef,
    agency: AgencyId,
    addition: Consents,
    *,
    also: Iterable[Put | Delete] = (),
    share: bool = False,
) -> Taken:
    """Take in what others know or decided. In whatever order it comes, the same counts.

    It is committed here, and not with what takes it in: taken in twice it is the same.

    Args:
        agent: Of this device.
        case: By one's own reference.
        agency: The partner.
        addition: What is new.
        also: Rows that belong into the commit of it; left out where nothing is new.
        share: As `commit`.
    """
    async with agent.consent_turn:
        before = await find_consents(agent.store, case, agency)
        change = Change(case, agency, before, merge(before, addition))
        if change.after == before:
            return Taken()
        await commit(agent, change, also=also, share=share)
    return Taken(after=(agent.carry_out_consent,), events=(describe(agent, change),))


async def commit(
    agent: Agent,
    change: Change,
    *,
    first: Iterable[Input] = (),
    also: Iterable[Put | Delete] = (),
    share: bool = False,
) -> None:
    """Go by a change from now on, and write it down. Whoever calls holds `agent.consent_turn`.

    Args:
        agent: Of this device.
        change: What changes.
        first: What is said of it, in the same commit.
        also: Rows that belong into it.
        share: Whether the agency's other devices are to be told: what a colleague tells, the
            colleague tells all of them.

    Raises:
        StorageFull: Nothing was decided.
    """
    case, agency, after = change.case, change.agency, change.after
    stopped, ends = await _find_stopped(agent, change)
    stopping = agent.answers.stopping
    stopping |= stopped
    try:
        await _hold_or_let_go(agent, case, agency, after)
        to = None if _reaches_all(agent, change) else agency
        stops, asked = await agent.withdrawer.stop(stopped, to) if stopped else ([], [])
        writes = [
            write_consents(case, agency, after),
            *write_held_back(
                case, agency, held=after.held_back, told_no_more=_is_told_no_more(after)
            ),
            *asked,
            *ends,
            *also,
        ]
        told = share_consents(case, agency, after, at=agent.clock.now()) if share else []
        await tell_own(agent, *told, also=writes, first=[*stops, *first], at_once=False)
    except BaseException:
        await _hold_or_let_go(agent, case, agency, change.before)
        raise
    finally:
        stopping -= stopped


def describe(agent: Agent, change: Change) -> ConsentChanged:
    """Describe a change for the program."""
    return ConsentChanged(
        agency=change.agency,
        case=change.case,
        given=STANCES[change.after.given.stance],
        held_back=change.after.held_back,
        at=agent.clock.now(),
    )


async def list_about(agent: Agent, case: CaseRef) -> list[StoredMessage]:
    """List what was said about a case, what is held back too; not the word of consent itself."""
    return [
        held
        for held in await list_messages(agent, case=case, held_back=True)
        if _is_about(held.content, case)
    ]


def _is_about(content: ContentModel, case: CaseRef) -> bool:
    if not isinstance(content, CaseContent) or content.type in WORD_KINDS:
        return False
    if content.case_ref is None:
        # What is said in a conversation that speaks of a case is about it; a board is no such.
        return not isinstance(content, StatusIndicator)
    return content.case_ref == case


async def _find_stopped(agent: Agent, change: Change) -> tuple[set[bytes], list[Put]]:
    """Find the entries, by local id, that a change stops, and the earlier ends of others."""
    stops, narrower = change.new_stops, is_narrower(change.before.given, change.after.given)
    if not stops and not change.is_held_back_anew and not narrower:
        return set(), []
    about = await list_about(agent, change.case)
    stopped = _list_stopped(change, about, all_of_it=_reaches_all(agent, change))
    if not narrower:
        return stopped, []
    fallen, ends = await find_fallen(agent, change.case, change.agency, change.after, about)
    return stopped | fallen, ends


def _reaches_all(agent: Agent, change: Change) -> bool:
    """Say whether a partner stopped what it told of a case that it told this agency of."""
    return change.is_held_back_anew and not is_own(agent, change.case)


def _list_stopped(change: Change, about: Iterable[StoredMessage], *, all_of_it: bool) -> set[bytes]:
    stops = change.new_stops
    ids = {held.consent_id for held in stops}
    return {
        held.key
        for held in about
        if not held.received
        and (
            all_of_it
            or (
                bool(stops)
                and change.agency in held.to
                and (None in ids or _is_stopped_with(held.content, ids))
            )
        )
    }


def _is_stopped_with(content: ContentModel, ids: Collection[bytes | None]) -> bool:
    """Say whether what waits stands on a release that is stopped, or on no other ground.

    What named nobody needs a release too, once one for that agency was taken back.
    """
    consent_id: bytes | None = getattr(content, "consent_id", None)
    by_law = getattr(content, "disclosure_basis", None) in BY_LAW
    return consent_id in ids or (consent_id is None and not by_law)


async def _hold_or_let_go(agent: Agent, case: CaseRef, agency: AgencyId, known: Consents) -> None:
    if _is_told_no_more(known):
        agent.held_back.told_no_more.add((case, agency))
    else:
        agent.held_back.told_no_more.discard((case, agency))
    if not known.held_back:
        agent.held_back.let_go(case, agency)
        return
    agent.held_back.hold(case, agency, conversations=())
    await remember_conversations(agent, case, agency)


def _is_told_no_more(known: Consents) -> bool:
    return known.given.stance is not Stance.GRANTED


async def remember_conversations(agent: Agent, case: CaseRef, agency: AgencyId) -> None:
    """Say in which conversations a case that is held back is spoken of without its name."""
    about = await list_about(agent, case)
    agent.held_back.hold(case, agency, conversations={held.conversation for held in about})
