"""Taking in what parties say of agreements: terms, signatures, and an end; in any order, twice.

Rules: only a party's word about an agreement of one's own agency counts. A signature is judged by
the manifest of the agency that it names, and never by who passed it on. What is taken in again
changes nothing.

Spec: docs/spec/agreements.md, "How it travels" and "The end".
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from quietway.agreements import Agreement, begin, write_agreement
from quietway.events import AgreementSigned, DeadLettered
from quietway.own.taken import Taken
from quietway.sealing import BAD_CONTENT
from quietway_protocol.agreements import find_counting, hash_terms, is_ended_by, list_missing
from quietway_schemas.content.agreement import (
    MOST_APPROVALS,
    MOST_APPROVALS_SAID,
    AgreementEnded,
    AgreementShared,
    SignedAgreement,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.agent import Agent
    from quietway.agreements import AgreementBook
    from quietway.errors import QuietwayError
    from quietway.events import Event
    from quietway.own.taken import Told
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.dictionary import AgencyApproval
    from quietway_schemas.ids import AgencyId


def keep_agreements(agent: Agent, book: AgreementBook) -> None:
    """Let this device act on what is said of agreements, and the rules go by them."""
    agent.agreements = book
    agent.find_agreements = book.find_matrices
    agent.errands.append(partial(prove_again, agent))
    agent.takers |= {"agreement.ended": take_agreement, "agreement.shared": take_agreement}


async def prove_again(agent: Agent) -> list[QuietwayError]:
    """Look again at what some party seemed not to have signed: its manifest may have come since."""
    async with agent.taking_in:
        for held in agent.agreements.list():
            taken = _go_by(agent, held, _prove(agent, held))
            if taken.writes:
                await carry_out(agent, taken)
    return []


async def carry_out(agent: Agent, taken: Taken) -> None:
    """Write down what comes of a person's word, as `within` does of what came."""
    await agent.settle(also=taken.writes)
    for remember in taken.after:
        await remember()
    for event in taken.events:
        agent.tell(event)


async def take_agreement(agent: Agent, told: Told) -> Taken:
    """Take in what a party said: terms with signatures, or an end, also before its terms came."""
    match told.content:
        case AgreementShared() as shared if {agent.keyring.agency, told.agency} <= set(
            shared.terms.parties
        ):
            return keep_signatures(agent, shared.payload, shared.approvals)
        case AgreementEnded() as ended if is_ended_by(
            ended, _find_manifest(agent), now=agent.clock.now()
        ):
            return keep_end(agent, ended)
        case _:
            return Taken(events=(DeadLettered(BAD_CONTENT, agent.clock.now()),))


def keep_signatures(agent: Agent, payload: bytes, approvals: Sequence[AgencyApproval]) -> Taken:
    """Put the signatures that hold to those that are here; tells once when all are."""
    before = agent.agreements.find(hash_terms(payload))
    signed = before.signed or SignedAgreement(payload=payload, approvals=())
    now = agent.clock.now()
    for approval in find_counting(payload, approvals, _find_manifest(agent), now=now):
        known = {(held.agency, held.key) for held in signed.approvals}
        if approval.agency in signed.terms.parties and len(known) < MOST_APPROVALS:
            place = (approval.agency, approval.key)
            signed = signed if place in known else signed.with_approval(approval)
    return _go_by(agent, before, _prove(agent, begin(signed, before)))


def keep_end(agent: Agent, ended: AgreementEnded) -> Taken:
    """Go by an end that was proved."""
    before = agent.agreements.find(ended.agreement)
    return _go_by(agent, before, before.with_end(ended))


def _prove(agent: Agent, agreement: Agreement) -> Agreement:
    """Note since when every party has signed, once that is so."""
    if agreement.signed is None or agreement.signed_at is not None:
        return agreement
    now = agent.clock.now()
    if list_missing(agreement.signed, _find_manifest(agent), now=now):
        return agreement
    return replace(agreement, signed_at=now)


def gather_agreements(agent: Agent) -> list[ContentModel]:
    """Gather all agreements and their ends, for a new device."""
    return [content for held in agent.agreements.list() for content in tell(held)]


def tell(agreement: Agreement) -> list[ContentModel]:
    """Say an agreement, with all signatures and ends that are here."""
    if agreement.signed is None:
        return []
    payload, approvals = agreement.signed.payload, agreement.signed.approvals
    said: list[ContentModel] = [
        AgreementShared(payload=payload, approvals=approvals[start : start + MOST_APPROVALS_SAID])
        for start in range(0, max(1, len(approvals)), MOST_APPROVALS_SAID)
    ]
    return [*said, *agreement.ends]


def _go_by(agent: Agent, before: Agreement, after: Agreement) -> Taken:
    if after == before:
        return Taken()

    async def remember() -> None:
        agent.agreements.put(after)

    events: tuple[Event, ...] = ()
    if before.signed_at is None and after.signed_at is not None and after.signed is not None:
        terms = after.signed.terms
        events = (AgreementSigned(after.hash, terms.name, terms.version, after.signed_at),)
    return Taken((write_agreement(after),), (remember,), events)


def _find_manifest(agent: Agent) -> _Find:
    return agent.directory.manifest


if TYPE_CHECKING:
    from collections.abc import Callable

    _Find = Callable[[AgencyId], ProvedManifest | None]
