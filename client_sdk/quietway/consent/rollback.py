"""Rollback: orders to delete what was said, carried out by each holder's device, attested, chased.

An order that this agency gave is a row with the devices that hold what was said, and with what each
of them attested. An order that a partner gave is a row too, until it is carried out; the deletion
and its attestation are one commit. Both go on by themselves at each pass.

Where nothing else lies under the record keys of what is ordered away, the keys are destroyed, and
that is attested; how many messages there were is on the disk before.

Rules: an order is about what its own agency said, and about nothing else. A legal hold is never
passed over, and never in silence.

Spec: docs/spec/consent.md, "Rollback".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from quietway.consent.changing import list_about
from quietway.consent.telling import compose_word, find_talk
from quietway.consents import find_consents, forget_preferences, write_consents
from quietway.engine.codec import Fields, write_row
from quietway.events import RollbackSilent
from quietway.holding import held_owners
from quietway.own.taken import Taken
from quietway.ports import Delete, Put
from quietway.records import EVIDENCE, MESSAGE, QUARANTINE, read_message
from quietway.store.shelves import own, own_conversation
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_schemas.content.consent import (
    ConsentPreferences,
    PurgeAttestation,
    RollbackOrder,
)
from quietway_schemas.content.roles import find_receivers, is_among
from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.own.taken import Told
    from quietway.records import StoredMessage
    from quietway_schemas.instants import Instant

ASKED: Final = "rollback_asked"
OWED: Final = "rollback_owed"
ESCALATED_AFTER_MS: Final = 3 * DAY
HolderState = Literal["attested", "silent", "gone"]
OrderState = Literal["open", "done", "due", "escalate"]


@dataclass(frozen=True, slots=True)
class Holder:
    """A device that holds what was said, and what it attested.

    Attributes:
        device: Which.
        state: `attested`, `silent`, or `gone` where it left its agency without a word.
        method: A code of `purge_method`; empty where it is silent.
        messages: How many messages it was about.
        at: When it was done, by its clock; 0 where it is silent.
    """

    device: DeviceId
    state: HolderState
    method: str = ""
    messages: int = 0
    at: Instant = 0


@dataclass(frozen=True, slots=True)
class Order:
    """An order that this agency gave.

    Attributes:
        order_id: 16 bytes.
        case: Of which case.
        agency: To whom.
        at: When it was given.
        due: Until when it is to be done.
        holders: Each device that it was given to.
        state: `open`; `due` where somebody is silent after its time; `escalate` three days later;
            `done` where nobody is silent.
        reminded: When the silent were reminded; 0 for never.
    """

    order_id: bytes
    case: CaseRef
    agency: AgencyId
    at: Instant
    due: Instant
    holders: tuple[Holder, ...]
    state: OrderState
    reminded: Instant = 0


def note_order(
    agent: Agent, case: CaseRef, agency: AgencyId, order: RollbackOrder, *, is_mine: bool
) -> dict[str, object]:
    """Give the fields of an order that this agency gives now."""
    return {
        "case": case.value,
        "agency": agency.value,
        "at": agent.clock.now(),
        "due": order.due,
        "order": order.to_canonical() if is_mine else b"",
        "devices": [
            str(held.device)
            for held in agent.directory.devices_of(agency)
            if is_among(held.roles, find_receivers(order))
        ],
    }


async def take_order(agent: Agent, told: Told) -> Taken:
    """Take an order in: note a colleague's, and carry out a partner's."""
    order = told.content
    assert isinstance(order, RollbackOrder)  # noqa: S101 - the table of takers says so
    if told.agency == agent.keyring.agency:
        agency = find_recipient(agent, told)
        if agency is None:
            return Taken()
        case = agent.cases.own_case(order.case_ref, agency)
        fields = note_order(agent, case, agency, order, is_mine=False)
        return Taken((await _merge_asked(agent, order.order_id, fields),))
    key = told.agency.value + order.order_id
    if await agent.store.read(OWED, key) is not None:
        # Said again: a reminder to a device that has answered is answered again.
        return Taken(
            (Put(OWED, key, await _without_answer(agent, key)),), (partial(_do_at_once, agent),)
        )
    case = agent.cases.own_case(order.case_ref, told.agency)
    row = write_row(
        case=case.value,
        called=order.case_ref.value,
        conversation=_conversation_of(told).value,
        targets=[encode_base64(held.value) for held in order.targets],
    )
    return Taken((Put(OWED, key, row),), (partial(_do_at_once, agent),))


async def take_attestation(agent: Agent, told: Told) -> Taken:
    """Note what a holder's device attested about an order of this agency."""
    said = told.content
    assert isinstance(said, PurgeAttestation)  # noqa: S101 - the table of takers says so
    if told.agency == agent.keyring.agency:
        return Taken()
    word = f"{told.agency} {told.device} {said.done_at} {said.method} {said.messages}"
    return Taken((await _merge_asked(agent, said.order_id, {"attested": [word]}),))


async def list_orders(agent: Agent, case: CaseRef | None = None) -> list[Order]:
    """List the orders that this agency gave, oldest first."""
    read = [_read_order(agent, row.key, Fields(row.value)) for row in await agent.store.scan(ASKED)]
    found = [held for held in read if held is not None and case in {None, held.case}]
    return sorted(found, key=lambda held: (held.at, held.order_id))


async def go_on(agent: Agent) -> list[QuietwayError]:
    """Carry out what partners ordered, and chase who is silent about this agency's orders."""
    arrived = frozenset(agent.held_back.arrived)
    for row in await agent.store.scan(OWED):
        agency, held = AgencyId(row.key[:16]), Fields(row.value)
        pair = CaseRef(held.raw("case")), agency
        came = pair in arrived and pair in agent.held_back.pairs
        if came or held.text("method") in {"", "held_legal"}:
            await _carry_out(agent, row.key, held, came=came)
    agent.held_back.arrived -= arrived
    for order in await list_orders(agent):
        if order.state in {"due", "escalate"}:
            await _chase(agent, order)
    return []


def find_recipient(agent: Agent, told: Told) -> AgencyId | None:
    """Say to which partner a colleague said something; None where that is not known here."""
    assert told.kept is not None  # noqa: S101 - what is heeded is kept as it came
    named = told.kept.texts("to")
    found = [AgencyId.from_text(text) for text in named]
    found = found or list(agent.find_recipients(told.kept.raw("audience")))
    return found[0] if found else None


async def _do_at_once(agent: Agent) -> None:
    await go_on(agent)


def _conversation_of(told: Told) -> ConversationId:
    assert told.kept is not None  # noqa: S101 - what is heeded is kept as it came
    return ConversationId.from_text(told.kept.text("conversation"))


async def _without_answer(agent: Agent, key: bytes) -> bytes:
    held = Fields(await agent.store.read(OWED, key) or b"{}")
    return _write_owed(held, method="")


def _write_owed(held: Fields, *, method: str, shredding: int = 0) -> bytes:
    return write_row(
        shredding=shredding,
        case=held.raw("case"),
        called=held.raw("called"),
        conversation=held.raw("conversation"),
        targets=list(held.texts("targets")),
        method=method,
    )


async def _carry_out(agent: Agent, key: bytes, held: Fields, *, came: bool) -> None:
    agency, order_id = AgencyId(key[:16]), key[16:]
    targets = {decode_base64(text) for text in held.texts("targets")}
    about = [
        message
        for message in await list_about(agent, CaseRef(held.raw("case")))
        if message.received
        and message.agency == agency
        and (not targets or (message.message_id and message.message_id.value in targets))
    ]
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
        row = await _forget_preferences(agent, CaseRef(held.raw("case")), agency, gone, targets)
        await agent.settle(composed, also=[*deletes, *([] if kept else [row]), done])
    await agent.send_what_waits()


async def _forget_preferences(
    agent: Agent,
    case: CaseRef,
    agency: AgencyId,
    gone: Iterable[StoredMessage],
    targets: Collection[bytes],
) -> Put:
    """Give the row of consent without what it holds of the messages that are deleted."""
    said = [held.content for held in gone if isinstance(held.content, ConsentPreferences)]
    nonces = {held.nonce for held in said} if targets else None
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


async def _chase(agent: Agent, order: Order) -> None:
    held = Fields(await agent.store.read(ASKED, order.order_id) or b"{}")
    fields = _read_asked(held)
    now = agent.clock.now()
    if held.raw("order") and not order.reminded:
        said = RollbackOrder.from_canonical(held.raw("order"), max_bytes=len(held.raw("order")))
        conversation = await find_talk(agent, order.case, order.agency)
        composed = compose_word(agent, said, order.agency, conversation)
        row = Put(ASKED, order.order_id, write_row(**{**fields, "reminded": now}))
        await agent.settle(composed, also=[row])
        await agent.send_what_waits()
    elif order.state == "escalate" and not held.truth("told"):
        row = Put(ASKED, order.order_id, write_row(**{**fields, "told": True}))
        await agent.settle(also=[row])
        silent = sum(holder.state == "silent" for holder in order.holders)
        agent.tell(RollbackSilent(order.order_id, order.agency, silent, now))


async def _merge_asked(agent: Agent, order_id: bytes, fields: Mapping[str, object]) -> Put:
    held = Fields(await agent.store.read(ASKED, order_id) or b"{}")
    former = _read_asked(held)
    words = fields.get("attested", [])
    assert isinstance(words, list)  # noqa: S101 - of this file's own making
    known = held.texts("attested")
    attested = [*known, *(word for word in words if word not in known)]
    kept = {name: value for name, value in former.items() if value}
    return Put(ASKED, order_id, write_row(**{**fields, **kept, "attested": attested}))


def _read_asked(held: Fields) -> dict[str, object]:
    return {
        "case": held.raw("case"),
        "agency": held.raw("agency"),
        "at": held.number("at"),
        "due": held.number("due"),
        "order": held.raw("order"),
        "devices": list(held.texts("devices")),
        "attested": list(held.texts("attested")),
        "reminded": held.number("reminded"),
        "told": held.truth("told"),
    }


def _read_order(agent: Agent, order_id: bytes, held: Fields) -> Order | None:
    if not held.raw("case"):
        # An attestation that came before the colleague's order that it is about.
        return None
    agency = AgencyId(held.raw("agency"))
    said = _read_attested(held, agency)
    named = {DeviceId.from_text(text) for text in held.texts("devices")} | said.keys()
    holders = tuple(
        said.get(device) or _find_silent(agent, agency, device) for device in sorted(named)
    )
    return Order(
        order_id=order_id,
        case=CaseRef(held.raw("case")),
        agency=agency,
        at=held.number("at"),
        due=held.number("due"),
        holders=holders,
        state=_judge(holders, held.number("due"), agent.clock.now()),
        reminded=held.number("reminded"),
    )


def _read_attested(held: Fields, agency: AgencyId) -> dict[DeviceId, Holder]:
    found: dict[DeviceId, Holder] = {}
    for word in held.texts("attested"):
        by, device, at, method, messages = word.split(" ")
        named = DeviceId.from_text(device)
        # Asked again, it holds nothing any more because it deleted it: that word stays.
        if by == str(agency) and (method != "not_held" or named not in found):
            found[named] = Holder(named, "attested", method, int(messages), int(at))
    return found


def _find_silent(agent: Agent, agency: AgencyId, device: DeviceId) -> Holder:
    is_here = agent.directory.device(agency, device) is not None
    return Holder(device, "silent" if is_here else "gone")


def _judge(holders: tuple[Holder, ...], due: Instant, now: Instant) -> OrderState:
    if not any(holder.state == "silent" for holder in holders):
        return "done"
    if now < due:
        return "open"
    return "escalate" if now >= due + ESCALATED_AFTER_MS else "due"
