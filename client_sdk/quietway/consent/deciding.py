"""Deciding on this device: grant, amend, resume, open a window, pause, revoke.

Each decision is one commit for each partner: the version, the word of it to the partner, the row
for the agency's own devices, and what a stop calls for. Then it is sent, where that is possible.

Rules: a new version names what its author sees and undoes. A pause names no grant, so that it can
be resumed as it was; a revocation names all, so that nothing of it ever comes back by itself.

Spec: docs/spec/consent.md, "What counts" and "Pausing and revoking".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.consent.catching_up import note_unsaid
from quietway.consent.changing import STANCES, Change, commit, list_about
from quietway.consent.ordering import list_orders_of, write_asked
from quietway.consent.telling import compose_word, find_talk
from quietway.consents import find_consents, learn, name_version
from quietway.errors import ContentRefused
from quietway.policy.absolute import MOST_SEEN, Stance
from quietway_schemas.content.consent import ConsentPreferences, Release, Withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway.agent import Agent
    from quietway.consents import ConsentContent, Consents, Said
    from quietway.engine.inputs import Input
    from quietway.errors import QuietwayError
    from quietway.ports import Delete, Put
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef

NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class ConsentReport:
    """What became of a decision about one case with one partner.

    Attributes:
        agency: The partner.
        consent_id: The release; None where it is about all of the case.
        given: What counts of what is given to the partner now: `granted`, `paused` or `revoked`.
        order_ids: The orders to delete that went with it.
        problem: Why nobody else was told of it yet; None where they were. It counts here already.
    """

    agency: AgencyId
    consent_id: bytes | None
    given: str
    order_ids: tuple[bytes, ...] = ()
    problem: QuietwayError | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Which case with which partner.

    Attributes:
        case: By one's own reference.
        agency: The partner.
        alias: What the partner knows the case by.
    """

    case: CaseRef
    agency: AgencyId
    alias: CaseRef


async def decide(
    agent: Agent,
    place: Place,
    make: Callable[[Consents], ConsentContent],
    *,
    rollback: bool = False,
    tell: bool = True,
) -> ConsentReport:
    """Go by a decision from now on, and tell the partner and the agency's own devices.

    Args:
        agent: Of this device.
        place: About which case with whom.
        make: Gives the content, for what is known.
        rollback: Whether the partner is ordered to delete what was said.
        tell: Whether the partner is told: who never heard of the case does not hear of its end.

    Raises:
        StorageFull: Nothing was decided.
    """
    conversation = await find_talk(agent, place.case, place.agency)
    async with agent.consent_turn:
        before = await find_consents(agent.store, place.case, place.agency)
        content = make(before)
        change = Change(place.case, place.agency, before, learn(before, content, by_us=True))
        orders = (
            await list_orders_of(agent, place.case, place.agency, content)
            if rollback and tell
            else []
        )
        said: list[Input] = [
            compose_word(agent, word, place.agency, conversation)
            for word in ((content, *orders) if tell else ())
        ]
        rows: list[Put | Delete] = [
            write_asked(agent, place.case, place.agency, order) for order in orders
        ]
        if not tell and isinstance(content, Withdrawal):
            rows.append(note_unsaid(place.case, place.agency, name_version(content)))
        await commit(agent, change, first=said, also=rows, share=True)
    problem = await agent.send_what_waits()
    await agent.mind_huddles()
    return ConsentReport(
        agency=place.agency,
        consent_id=getattr(content, "consent_id", None),
        given=tell_stance(change.after, getattr(content, "consent_id", None)),
        order_ids=tuple(order.order_id for order in orders),
        problem=problem,
    )


async def note_preferences(agent: Agent, place: Place, content: ContentModel) -> None:
    """Note how a survivor may be reached as it was said to a partner, here and on other devices."""
    assert isinstance(content, ConsentPreferences)  # noqa: S101 - what was said is what is noted
    async with agent.consent_turn:
        before = await find_consents(agent.store, place.case, place.agency)
        change = Change(place.case, place.agency, before, learn(before, content, by_us=True))
        await commit(agent, change, share=True)


def tell_stance(known: Consents, consent_id: bytes | None) -> str:
    """Say in one word what counts of a release, or of all of the case."""
    stances = [held.stance for held in known.given.releases if held.consent_id == consent_id]
    return STANCES[max([*stances, known.given.stance])]


def check_may_grant(known: Consents, consent_id: bytes | None, *, again: bool) -> None:
    """Refuse to undo a revocation by the way.

    Raises:
        ContentRefused: It was revoked, and nobody said that it is to be granted again.
    """
    if tell_stance(known, consent_id) == STANCES[Stance.ENDED] and not again:
        raise ContentRefused(
            "again", "is to be true: the survivor revoked this, and decided anew to release it."
        )


def name_undone(known: Consents, consent_id: bytes) -> tuple[bytes, ...]:
    """Name what a grant, an amendment or a resumption lets go of, sorted.

    Those are all versions of its release, its windows, and what stopped all of the case. Where all
    of it was revoked, they are those of every release: what a colleague granted at the same time,
    and the revocation did not see, is not granted by granting something else.
    """
    decisions = known.given.decisions.current.items()
    windows = known.given.asides.current.items()
    whole = known.given.stance is Stance.ENDED
    undone = [
        *(name for name, held in decisions if whole or held.consent_id in {consent_id, None}),
        *(name for name, held in windows if held.consent_id == consent_id),
    ]
    # What grants goes first: a stop that finds no room stands, and is undone the next time.
    grants = {name for name, held in decisions if held.stance is Stance.GRANTED}
    return tuple(sorted(sorted(undone, key=lambda name: (name not in grants, name))[:MOST_SEEN]))


def name_whole_pauses(known: Consents) -> tuple[bytes, ...]:
    """Name the pauses of all of the case, which a lift lets go of."""
    current = known.given.stops
    return _choose([held.name for held in current if held.stance is Stance.PAUSED])


def name_stopped(known: Consents, consent_id: bytes | None, stance: Stance) -> tuple[bytes, ...]:
    """Name what a stop lets go of: what protects less; a revocation all that it revokes."""
    current = known.given.decisions.current
    whole = stance is Stance.ENDED and consent_id is None
    return _choose(
        [
            name
            for name, held in current.items()
            if (whole or held.consent_id == consent_id)
            and (stance is Stance.ENDED or held.stance is Stance.PAUSED)
        ]
    )


def find_release(known: Consents, consent_id: bytes) -> Release:
    """Give the terms of a release as they were last said.

    Raises:
        ContentRefused: None are known: it was never granted, or it was revoked.
    """
    terms = [
        held.content
        for held in known.given.decisions.current.values()
        if isinstance(held.content, Release) and held.consent_id == consent_id
    ]
    if not terms:
        raise ContentRefused("consent_id", "names no release whose terms are here: grant anew.")
    return max(terms, key=lambda held: (held.effective_at, held.nonce))


async def find_circle(agent: Agent, case: CaseRef) -> tuple[AgencyId, ...]:
    """Find every partner that was told of a case, or that told of it, or was stopped for it."""
    told = await find_told(agent, case)
    known = [held for held in agent.lanes.partners if await _list_said(agent, case, held)]
    return tuple(sorted({*told, *known}))


async def find_told(agent: Agent, case: CaseRef) -> tuple[AgencyId, ...]:
    """Find every partner that was told of a case, or that told of it."""
    about = await list_about(agent, case)
    spoken = {held.agency for held in about} | {agency for held in about for agency in held.to}
    found = [
        agency
        for agency in agent.lanes.partners
        if agency in spoken
        or agent.cases.find(case, agency) is not None
        or any(not said.by_us for said in await _list_said(agent, case, agency))
    ]
    return tuple(sorted(found))


async def _list_said(agent: Agent, case: CaseRef, agency: AgencyId) -> list[Said]:
    known = await find_consents(agent.store, case, agency)
    return [*known.given.decisions.current.values(), *known.got.decisions.current.values()]


def _choose(names: Sequence[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted(names)[:MOST_SEEN])
