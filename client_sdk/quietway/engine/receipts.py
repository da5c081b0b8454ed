"""Receipts that this device gives: what it owes to whom, and when the next tick says it.

Theory of operation. What is owed waits for a tick, one in each window of six hours for each partner
agency, at an instant drawn afresh. At the tick that partner gets one flash message: receipts where
some are owed, `receipt.cover` where none is. So what leaves the device is decided by who the
partners are and by chance, and by nothing that anybody said: an onlooker who counts envelopes
learns no more from them than that. `plan_tick` alone decides.

Spec: docs/spec/conversations.md, "Receipts" and "Ticks".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway.engine import outbox
from quietway.engine.inputs import Compose
from quietway.engine.state import Line, Owed, State, with_item
from quietway_schemas.content.quiet import is_quiet
from quietway_schemas.content.receipt import (
    MOST_RECEIPTS,
    ReceiptCover,
    ReceiptOpened,
    ReceiptStored,
    is_receipt,
)
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId, MessageId
from quietway_schemas.instants import HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.engine.effects import Effect
    from quietway.engine.inputs import Seen, Silenced, Ticked
    from quietway.sealing import Opened
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

TICK_MS: Final = 6 * HOUR
LATE_MS: Final = 5 * MINUTE
"""Within so much of its start a device makes up for the ticks that it was not running at."""
STORED: Final = "stored"
OPENED: Final = "opened"
CHANCE_BYTES: Final = 8
ENTROPY_BYTES: Final = CHANCE_BYTES + 16 + 16

Outcome = tuple[State, "tuple[Effect, ...]"]
Due = tuple[bytes, Owed]
"""A message's id, and what is owed for it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one partner's line does now.

    Attributes:
        line: As it stands afterwards.
        goes: Whether this is its tick.
        fact: `stored` or `opened`; empty where the tick is covered.
        messages: What the receipts are for.
    """

    line: Line
    goes: bool = False
    fact: str = ""
    messages: tuple[Due, ...] = ()


def plan_tick(line: Line, owed: Sequence[Due], *, now: Instant, chance: bytes) -> Plan:
    """Decide whether a partner's tick is now, what goes into it, and when the next one is.

    Args:
        line: The partner's.
        owed: All that is owed to it now.
        now: Milliseconds since 1970-01-01T00:00:00Z.
        chance: 8 random bytes.
    """
    phase = int.from_bytes(chance, "big")
    window = now // TICK_MS
    following = replace(line, due=(window + 1) * TICK_MS + phase % TICK_MS, late=False)
    if not line.due:
        return Plan(following)
    if now < line.due:
        return Plan(line)
    if window != line.due // TICK_MS and not line.late:
        # The device was not running: it makes up for it once, and not in the moment it starts.
        return Plan(replace(line, due=now + 1 + phase % LATE_MS, late=True))
    fact, messages = _choose(owed)
    return Plan(following, True, fact, messages)  # noqa: FBT003 - `goes` reads well


def find_due(state: State, partners: Iterable[AgencyId], now: Instant) -> tuple[AgencyId, ...]:
    """Say whose line has something to decide now."""
    lines = state.lines
    return tuple(
        agency
        for agency in partners
        if (line := lines.get(agency.value)) is None or now >= line.due
    )


def tick(state: State, given: Ticked) -> Outcome:
    """Let these partners' lines do what is due. What goes waits in the outbox for the next flush.

    Where the last one still waits, nobody knows when it will go: nothing is piled upon it.
    """
    effects: tuple[Effect, ...] = ()
    for number, agency in enumerate(given.partners):
        entropy = given.entropy[number * ENTROPY_BYTES : (number + 1) * ENTROPY_BYTES]
        chance, local_id, drawn = entropy[:8], entropy[8:24], entropy[24:]
        line = state.lines.get(agency.value) or Line(ConversationId(drawn))
        if _waits(state, agency):
            continue
        plan = plan_tick(line, _list_owed(state, agency, given.now), now=given.now, chance=chance)
        state = replace(state, lines=with_item(state.lines, agency.value, plan.line))
        if plan.goes:
            state, told = outbox.compose(state, _compose(plan, agency, given.now, local_id))
            state = _note_told(state, plan.messages)
            effects += told
    return state, effects


def note_received(state: State, opened: Opened) -> State:
    """Owe the sender's agency a receipt for what was just recorded, once, where that is allowed."""
    core = opened.core
    if core.agency == state.agency or is_quiet(opened.content.type):
        return state
    name = opened.message_id.value
    if name in state.owed or core.conversation.value in state.silent:
        return state
    owed = Owed(
        agency=core.agency,
        conversation=core.conversation,
        audience_digest=core.audience_digest,
        core_hash=opened.core_hash,
        expires=core.expires,
        owes=STORED,
    )
    return replace(state, owed=with_item(state.owed, name, owed))


def note_seen(state: State, given: Seen) -> State:
    """Owe the word that a person saw these; it says that they are stored, too."""
    seen = {
        message.value: replace(held, owes=OPENED, opened=True)
        for message in given.messages
        if (held := state.owed.get(message.value)) is not None
        and not held.opened
        and held.conversation.value not in state.silent
    }
    return replace(state, owed={**state.owed, **seen}) if seen else state


def silence(state: State, given: Silenced) -> State:
    """Give no receipts in a conversation, and forget those that are owed there; or give them."""
    name = given.conversation.value
    if given.on:
        left = {held: True for held in state.silent if held != name}
        return replace(state, silent=left) if name in state.silent else state
    owed = {
        message: replace(held, owes="") if held.conversation == given.conversation else held
        for message, held in state.owed.items()
    }
    return replace(state, owed=owed, silent={**state.silent, name: True})


def forget_expired(state: State, now: Instant) -> State:
    """Let go of what is owed for messages that are over."""
    if all(now < held.expires for held in state.owed.values()):
        return state
    left = {name: held for name, held in state.owed.items() if now < held.expires}
    return replace(state, owed=left)


def _choose(owed: Sequence[Due]) -> tuple[str, tuple[Due, ...]]:
    if not owed:
        return "", ()
    ordered = sorted(owed, key=lambda due: (due[1].expires, due[0]))
    fact = ordered[0][1].owes
    fitting = [due for due in ordered if due[1].owes == fact]
    return fact, tuple(fitting[:MOST_RECEIPTS])


def _list_owed(state: State, agency: AgencyId, now: Instant) -> list[Due]:
    return [
        (name, held)
        for name, held in state.owed.items()
        if held.owes and held.agency == agency and now < held.expires and _is_shown(state, held)
    ]


def _is_shown(state: State, held: Owed) -> bool:
    # The list of who reads along may have come later, without this device in it.
    audience = state.audiences.get(held.audience_digest)
    return audience is None or state.device in audience


def _waits(state: State, agency: AgencyId) -> bool:
    return any(
        is_receipt(entry.kind) and entry.to == (agency,) and not entry.settled
        for entry in state.outbox.values()
    )


def _note_told(state: State, messages: tuple[Due, ...]) -> State:
    told = {name: replace(held, owes="") for name, held in messages}
    return replace(state, owed={**state.owed, **told}) if told else state


def _compose(plan: Plan, agency: AgencyId, now: Instant, local_id: bytes) -> Compose:
    content = _write(plan)
    return Compose(
        now=now,
        local_id=local_id,
        conversation=plan.line.conversation,
        to=(agency,),
        kind=content.type,
        class_=find_class(content),
        content=encode_content(content),
    )


def _write(plan: Plan) -> ContentModel:
    if not plan.messages:
        return ReceiptCover()
    ordered = sorted(plan.messages)
    ids = tuple(MessageId(name) for name, _ in ordered)
    hashes = tuple(held.core_hash for _, held in ordered)
    if plan.fact == OPENED:
        return ReceiptOpened(message_ids=ids, core_hashes=hashes)
    return ReceiptStored(message_ids=ids, core_hashes=hashes)
