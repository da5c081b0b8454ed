"""Rollback: orders to delete what was said, with what each holder's device attested, and chased.

An order that this agency gave is a row with the devices that hold what was said, and with what each
of them attested. It goes on by itself at each pass: who was linked there meanwhile is asked too,
who is silent is reminded, and then told of. What partners ordered is carried out by `purging`.

Rules: only the agency that an order went to attests it, one word of each device; an attestation of
an order that nobody gave is not kept.

Spec: docs/spec/consent.md, "Rollback".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from quietway.consent.keeping_out import keep_out
from quietway.consent.purging import purge_what_is_owed, take_partners_order
from quietway.consent.telling import compose_word, find_talk
from quietway.engine.codec import Fields, write_row
from quietway.events import RollbackSilent
from quietway.own.taken import Taken
from quietway.own.telling import list_colleagues
from quietway.ports import Delete, Put
from quietway_schemas.content.consent import PurgeAttestation, RollbackOrder
from quietway_schemas.content.roles import find_receivers, is_among
from quietway_schemas.ids import AgencyId, CaseRef, DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.own.taken import Told
    from quietway_schemas.instants import Instant

ASKED: Final = "rollback_asked"
ESCALATED_AFTER_MS: Final = 3 * DAY
WAITED_FOR_MS: Final = 30 * DAY
MOST_UNKNOWN: Final = 32
"""So many attestations of one agency wait for a colleague's order; more are kept out."""
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
        "devices": _list_casework(agent, agency),
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
    return await take_partners_order(agent, told)


async def take_attestation(agent: Agent, told: Told) -> Taken:
    """Note what a holder's device attested about an order of this agency."""
    said = told.content
    assert isinstance(said, PurgeAttestation)  # noqa: S101 - the table of takers says so
    if told.agency == agent.keyring.agency:
        return Taken()
    held = Fields(await agent.store.read(ASKED, said.order_id) or b"{}")
    if held.raw("case"):
        if not _went_to(held, told.agency):
            return Taken((await keep_out(agent, told.agency),))
    elif not await _may_come(agent, told.agency):
        return Taken((await keep_out(agent, told.agency),))
    word = f"{told.agency} {told.device} {said.done_at} {said.method} {said.messages}"
    return Taken((_note_word(agent, said.order_id, held, word),))


def _went_to(held: Fields, agency: AgencyId) -> bool:
    return held.raw("agency") == agency.value


async def list_orders(agent: Agent, case: CaseRef | None = None) -> list[Order]:
    """List the orders that this agency gave, oldest first."""
    read = [_read_order(agent, row.key, Fields(row.value)) for row in await agent.store.scan(ASKED)]
    found = [held for held in read if held is not None and case in {None, held.case}]
    return sorted(found, key=lambda held: (held.at, held.order_id))


async def go_on(agent: Agent) -> list[QuietwayError]:
    """Carry out what partners ordered, and chase who is silent about this agency's orders."""
    await purge_what_is_owed(agent)
    await _tidy(agent)
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


def _list_casework(agent: Agent, agency: AgencyId) -> list[str]:
    receivers = find_receivers(RollbackOrder.model_construct())
    return [
        str(held.device)
        for held in agent.directory.devices_of(agency)
        if is_among(held.roles, receivers)
    ]


async def _tidy(agent: Agent) -> None:
    """Ask newcomers too until an order is due; let go of words about orders that never came."""
    writes: list[Put | Delete] = []
    now = agent.clock.now()
    for row in await agent.store.scan(ASKED):
        held = Fields(row.value)
        if held.raw("case"):
            devices = _list_casework(agent, AgencyId(held.raw("agency")))
            if now < held.number("due") and not set(devices) <= set(held.texts("devices")):
                known = sorted({*held.texts("devices"), *devices})
                fields = {**_read_asked(held), "devices": known}
                writes.append(Put(ASKED, row.key, write_row(**fields)))
        elif held.number("at") + WAITED_FOR_MS <= now:
            writes.append(Delete(ASKED, row.key))
    if writes:
        await agent.settle(also=writes)


async def _may_come(agent: Agent, agency: AgencyId) -> bool:
    """Say whether an attestation may be about a colleague's order that is not known here yet."""
    if not list_colleagues(agent):
        return False
    waiting = [Fields(row.value) for row in await agent.store.scan(ASKED)]
    named = [held for held in waiting if not held.raw("case") and held.raw("by") == agency.value]
    return len(named) < MOST_UNKNOWN


def _note_word(agent: Agent, order_id: bytes, held: Fields, word: str) -> Put:
    """Give an order's row with what a device attests: one word of each device."""
    fields = _read_asked(held)
    by, device, _, method, _ = word.split(" ")
    known = {tuple(text.split(" ")[:2]): text for text in held.texts("attested")}
    if method != "not_held" or (by, device) not in known:
        # Asked again, it holds nothing any more because it deleted it: that word stays.
        known[by, device] = word
    fields["attested"] = list(known.values())
    if not held.raw("case"):
        fields |= {"by": AgencyId.from_text(by).value, "at": agent.clock.now()}
    return Put(ASKED, order_id, write_row(**fields))


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
    # A word that came before the colleague's order has its own time.
    former = _read_asked(held) if held.raw("case") else {"attested": list(held.texts("attested"))}
    kept = {name: value for name, value in former.items() if value}
    return Put(ASKED, order_id, write_row(**{**fields, **kept}))


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
