"""Narrowing: what waits, or was not fetched, is asked about again where a release became narrower.

An amendment decides about what is on its way too. What the release does not cover any more is
stopped in the commit of the amendment, as by a pause; what it still covers keeps to its end.

Rules: a message stands on the release that it names, and on no other: nothing that was said under
one goes out under another.

Spec: docs/spec/consent.md, "Pausing and revoking"; docs/spec/policy.md, "What waits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.consent.questions import find_standing_end, gather_ground, make_question
from quietway.policy.absolute import Stance
from quietway.policy.categories import WORD_KINDS
from quietway.policy.rulings import rule
from quietway.ports import Row
from quietway.records import MESSAGE, read_message
from quietway.slips import list_slips
from quietway_schemas.content.base import CaseContent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.consents import Consents, Side
    from quietway.ports import Put
    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

NEVER: Instant = 0
"""The end of what may not go out at all."""


def is_narrower(before: Side, after: Side) -> bool:
    """Say whether a release that goes on grants less than it did, or for less long."""
    now = {held.consent_id: held for held in after.releases if held.stance is Stance.GRANTED}
    return any(
        held.consent_id in now and not now[held.consent_id].grants_all_of(held)
        for held in before.releases
    )


async def list_unfetched(agent: Agent, agency: AgencyId) -> list[StoredMessage]:
    """List what was said here to an agency, concerns cases, and is not known to be received."""
    outbox = agent.state.outbox
    slips = {held.local_id for held in await list_slips(agent.store) if held.agency == agency}
    waiting = {name for name, held in outbox.items() if agency in held.to}
    found = []
    for local_id in sorted(slips | waiting):
        entry, raw = outbox.get(local_id), await agent.store.read(MESSAGE, local_id)
        if raw is None or (entry is not None and (entry.withdrawn or entry.expired)):
            continue
        message = read_message(Row(0, local_id, raw))
        if isinstance(message.content, CaseContent) and message.content.type not in WORD_KINDS:
            found.append(message)
    return found


async def find_fallen(
    agent: Agent,
    case: CaseRef,
    agency: AgencyId,
    known: Consents,
    about: Iterable[StoredMessage],
) -> tuple[set[bytes], list[Put]]:
    """Find what may not go out any more for what is known of consent from now on.

    Args:
        agent: Of this device.
        case: By one's own reference.
        agency: The partner.
        known: What counts from now on.
        about: What was said about the case.

    Returns:
        The entries that are to be stopped, and the rows of the others' earlier ends.
    """
    unfetched = {held.key for held in await list_unfetched(agent, agency)}
    fallen: set[bytes] = set()
    rows: list[Put] = []
    for message in about:
        if message.received or message.key not in unfetched:
            continue
        end = await _ask(agent, message, case, agency, known)
        if end == NEVER:
            fallen.add(message.key)
        else:
            rows += agent.said_until.shorten(message.key, end)
    return fallen, rows


async def _ask(
    agent: Agent, message: StoredMessage, case: CaseRef, agency: AgencyId, known: Consents
) -> Instant | None:
    to_source = agent.cases.find(case, agency) == case
    vouched = await agent.find_vouched(message.content, agency)
    question = await make_question(
        agent,
        message.content,
        agency,
        case,
        to_source=to_source,
        automatic=False,
        vouched=vouched,
    )
    ground = gather_ground(agent, case, agency, known, vouched)
    return find_standing_end(message.content, question, ground, rule(question, ground))
