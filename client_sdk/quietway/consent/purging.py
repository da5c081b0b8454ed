"""Purging: what a partner ordered to be deleted, or revoked, deleted by this device, and attested.

An order that a partner gave is a row until it is carried out; the deletion and its attestation are
one commit. It goes on by itself at each pass. A device that was linked while a revocation was on
its way is sent no order: it learns of the revocation from a colleague, and owes the same by it.

Where nothing else lies under the record keys of what is ordered away, the keys are destroyed, and
that is attested; how many messages there were is on the disk before.

Rules: an order is about what its own agency said, and about nothing else; it does nothing before
that agency's word that something is revoked, or ended, is here. A legal hold is never passed over,
and never in silence.

Spec: docs/spec/consent.md, "Rollback".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from quietway.consent.changing import list_about
from quietway.consent.keeping_out import keep_out
from quietway.consent.telling import compose_word, find_talk, is_casework
from quietway.consents import find_consents, forget_preferences, write_consents
from quietway.engine.codec import Fields, write_row
from quietway.holding import held_owners
from quietway.own.snapshot_rows import drop_holding
from quietway.own.taken import Taken
from quietway.policy.absolute import Stance
from quietway.ports import Delete, Put
from quietway.records import EVIDENCE, MESSAGE, QUARANTINE, read_message
from quietway.store.shelves import own, own_conversation
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_schemas.content.consent import (
    ConsentPreferences,
    ConsentRevoke,
    PurgeAttestation,
    RollbackOrder,
)
from quietway_schemas.ids import AgencyId, CaseRef, ConversationId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.consents import Consents
    from quietway.errors import QuietwayError
    from quietway.own.taken import Told
    from quietway.records import StoredMessage

OWED: Final = "rollback_owed"
ROLLBACK_AFTER_MS: Final = 72 * HOUR
MOST_OWED: Final = 64
"""So many orders of one agency about one case are kept; more are kept out."""
_ID_BYTES: Final = 16
_NOTHING: Final = "nothing"
"""In place of a method: nothing was here, and nobody waits for the word of it."""
_FOLLOWS_A_WORD: Final = frozenset({"", "consent_expired", "consent_revoked"})
"""Reasons of which consent itself has a word; none where it was revoked and no order came."""
_OPEN: Final = frozenset({"", "held_legal"})


async def take_partners_order(agent: Agent, told: Told) -> Taken:
    """Take in what a partner orders, and carry it out."""
    order = told.content
    assert isinstance(order, RollbackOrder)  # noqa: S101 - the table of takers says so
    assert told.kept is not None  # noqa: S101 - what is heeded is kept as it came
    key = told.agency.value + order.order_id
    case = agent.cases.own_case(order.case_ref, told.agency)
    row = write_row(
        case=case.value,
        called=order.case_ref.value,
        conversation=ConversationId.from_text(told.kept.text("conversation")).value,
        targets=[encode_base64(held.value) for held in order.targets],
        reason=order.reason_code,
    )
    # Said again: a reminder to a device that has answered is answered again.
    is_new = await agent.store.read(OWED, key) is None
    if is_new and await _has_enough(agent, told.agency, case):
        return Taken((await keep_out(agent, told.agency),))
    return Taken((Put(OWED, key, row),), (partial(_do_at_once, agent),))


async def owe_what_is_revoked(
    agent: Agent, case: CaseRef, agency: AgencyId, addition: Consents
) -> list[Put]:
    """Give the rows by which this device owes what a partner revoked, as a colleague tells it.

    The order went to the devices that were certified then. Its id is the nonce of the revocation.
    """
    known = (await find_consents(agent.store, case, agency)).got.decisions
    heard = [
        held.content
        for name, held in addition.got.decisions.current.items()
        if not held.by_us and name not in known.named and name not in known.current
    ]
    rows: list[Put] = []
    for content in heard:
        if not isinstance(content, ConsentRevoke) or not is_casework(agent):
            continue
        key = agency.value + content.nonce
        if await agent.store.read(OWED, key) is None:
            row = write_row(
                case=case.value,
                called=content.case_ref.value,
                conversation=(await find_talk(agent, case, agency)).value,
                release=content.consent_id or b"",
                due=content.effective_at + ROLLBACK_AFTER_MS,
            )
            rows.append(Put(OWED, key, row))
    return rows


async def purge_what_is_owed(agent: Agent) -> list[QuietwayError]:
    """Carry out what partners ordered or revoked."""
    arrived = frozenset(agent.held_back.arrived)
    for row in await agent.store.scan(OWED):
        agency, held = AgencyId(row.key[:_ID_BYTES]), Fields(row.value)
        pair = CaseRef(held.raw("case")), agency
        came = pair in arrived and pair in agent.held_back.pairs
        if not came and held.text("method") not in _OPEN:
            continue
        if _has_ground(agent, await find_consents(agent.store, *pair), held, agency):
            await _carry_out(agent, row.key, held, came=came)
    agent.held_back.arrived -= arrived
    return []


async def _has_enough(agent: Agent, agency: AgencyId, case: CaseRef) -> bool:
    """Say whether so many orders are kept that another one of this agency is of no use.

    Those that wait for a word of theirs are counted over all cases, the others for each.
    """
    owed = [
        Fields(row.value)
        for row in await agent.store.scan(OWED)
        if row.key[:_ID_BYTES] == agency.value
    ]
    of_case = sum(held.raw("case") == case.value for held in owed)
    waiting = sum(held.text("method") == "" for held in owed)
    return max(of_case, waiting) >= MOST_OWED


def _has_ground(agent: Agent, known: Consents, held: Fields, agency: AgencyId) -> bool:
    """Say whether the word that an order follows is here: a revocation, or the end of a release.

    Where something was undone since, that word may be among it: what was ordered then counts. An
    order for another reason follows no word; it counts about a case that its agency is known with.
    """
    if held.text("reason") not in _FOLLOWS_A_WORD:
        return agent.cases.find(CaseRef(held.raw("case")), agency) is not None
    side = known.got
    whole = not held.texts("targets")
    revoked = any(
        said.stance is Stance.ENDED and not said.by_us and (said.consent_id is None or not whole)
        for said in side.decisions.current.values()
    )
    if held.raw("release"):
        return revoked or any(release.stance is Stance.ENDED for release in side.releases)
    over = any(release.is_over(agent.clock.now()) for release in side.releases)
    return revoked or bool(side.decisions.named) or (over and not whole)


async def _do_at_once(agent: Agent) -> None:
    await purge_what_is_owed(agent)


def _write_owed(held: Fields, *, method: str, shredding: int = 0) -> bytes:
    return write_row(
        shredding=shredding,
        case=held.raw("case"),
        called=held.raw("called"),
        conversation=held.raw("conversation"),
        targets=list(held.texts("targets")),
        release=held.raw("release"),
        due=held.number("due"),
        reason=held.text("reason"),
        method=method,
    )


async def _list_ordered(agent: Agent, agency: AgencyId, held: Fields) -> list[StoredMessage]:
    targets = {decode_base64(text) for text in held.texts("targets")}
    release = held.raw("release")
    return [
        message
        for message in await list_about(agent, CaseRef(held.raw("case")))
        if message.received
        and message.agency == agency
        and (not targets or (message.message_id and message.message_id.value in targets))
        and (not release or getattr(message.content, "consent_id", None) == release)
    ]


async def _carry_out(agent: Agent, key: bytes, held: Fields, *, came: bool) -> None:
    agency, order_id = AgencyId(key[:16]), key[16:]
    about = await _list_ordered(agent, agency, held)
    snapshots = await drop_holding(agent, {message.key for message in about})
    if snapshots:
        await agent.settle(also=snapshots)
    owners = await held_owners(agent)
    kept = [message for message in about if _is_kept(message, CaseRef(held.raw("case")), owners)]
    gone = [message for message in about if message not in kept]
    aside = [] if kept else await _find_aside(agent, CaseRef(held.raw("case")), agency)
    deletes = [*(Delete(MESSAGE, message.key) for message in gone), *aside]
    # Cut off after its keys were destroyed, only this is left to say how many there were.
    shredded = 0 if kept or gone else held.number("shredding")
    method = "held_legal" if kept else ("delete" if gone else "not_held")
    # How she may be reached lies in the row of consent too, and that is under no record key.
    beside = any(isinstance(held.content, ConsentPreferences) for held in gone)
    if gone and not kept and not beside:
        shredding = _write_owed(held, method="", shredding=len(gone))
        await agent.settle(also=[Put(OWED, key, shredding)])
        if await agent.shred([(row.kind, row.key) for row in deletes]):
            shredded, deletes = len(gone), []
    if shredded:
        method = "crypto_shred"
    if not gone and (came or method == held.text("method")):
        return
    if method == "not_held" and _is_asked_by_nobody(agent, held):
        await agent.settle(also=[Put(OWED, key, _write_owed(held, method=_NOTHING))])
        return
    said = PurgeAttestation(
        case_ref=CaseRef(held.raw("called")),
        order_id=order_id,
        done_at=agent.clock.now(),
        method=method,
        messages=shredded or len(kept or gone),
    )
    composed = compose_word(agent, said, agency, ConversationId(held.raw("conversation")))
    done = Put(OWED, key, _write_owed(held, method=method))
    async with agent.consent_turn:
        some = bool(held.texts("targets") or held.raw("release"))
        row = await _forget_preferences(agent, CaseRef(held.raw("case")), agency, gone, some=some)
        await agent.settle(composed, also=[*deletes, *([] if kept else [row]), done])
    await agent.send_what_waits()


def _is_asked_by_nobody(agent: Agent, held: Fields) -> bool:
    """Say whether no order is known here, and the time is over in which one is waited for."""
    due = held.number("due")
    return bool(due) and (bool(held.raw("release")) or due <= agent.clock.now())


async def _forget_preferences(
    agent: Agent,
    case: CaseRef,
    agency: AgencyId,
    gone: Iterable[StoredMessage],
    *,
    some: bool,
) -> Put:
    """Give the row of consent without what it holds of the messages that are deleted."""
    said = [held.content for held in gone if isinstance(held.content, ConsentPreferences)]
    nonces = {held.nonce for held in said} if some else None
    known = await find_consents(agent.store, case, agency)
    return write_consents(case, agency, forget_preferences(known, nonces))


async def _find_aside(agent: Agent, case: CaseRef, agency: AgencyId) -> list[Delete]:
    """Find what that agency said of the case and what was kept aside: evidence, quarantine."""
    found: list[Delete] = []
    for kind in (EVIDENCE, QUARANTINE):
        for row in await agent.store.scan(kind):
            message = read_message(row)
            content = agent.cases.translate(message.content, agency)
            if message.agency == agency and getattr(content, "case_ref", None) == case:
                found.append(Delete(kind, row.key))
    return found


def _is_kept(message: StoredMessage, case: CaseRef, owners: frozenset[bytes]) -> bool:
    return own(case) in owners or own_conversation(message.conversation) in owners
