"""Receipts that this device is given: which of what it sent is stored, and seen, on which devices.

A receipt counts for the message that it quotes by id and by core hash, if its signer is a device
that the message was sent to. All else changes nothing. What nobody confirmed by its end is told to
its sender once, also where its entry left the outbox long ago; and forgotten in its time.

Spec: docs/spec/conversations.md, "What a sender makes of them".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.engine.effects import TellExpiredUnread, TellToldOtherwise
from quietway.engine.state import Awaited, State, with_item
from quietway.retention import kept_for_ms
from quietway.sealing import hash_core, name_message
from quietway_schemas.content.receipt import Receipt, ReceiptOpened
from quietway_schemas.ids import MessageId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.engine.effects import Effect
    from quietway.engine.state import Entry
    from quietway.sealing import Opened
    from quietway_schemas.envelope import Core
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

MOST_AWAITED: Final = 10_000
_REMEMBERED_MS: Final = 30 * DAY

Outcome = tuple[State, "tuple[Effect, ...]"]


def watch(state: State, entry: Entry, core: Core) -> State:
    """Remember what was just given its place, so that receipts for it can be told from others."""
    if entry.quiet:
        return state
    kept_until = core.created + kept_for_ms(entry.kind, entry.class_)
    held = Awaited(
        local_id=entry.local_id,
        kind=entry.kind,
        conversation=entry.conversation,
        to=entry.to,
        audience_digest=core.audience_digest,
        core_hash=hash_core(entry.core),
        incarnation=core.incarnation,
        seq=core.seq,
        at=core.created,
        expires=core.expires,
        forget=min(core.expires + _REMEMBERED_MS, kept_until),
    )
    return replace(state, awaited=with_item(state.awaited, name_message(entry.core).value, held))


def note_relayed(state: State, entry: Entry) -> State:
    """Note that every copy of a message got to the relay."""
    name = name_message(entry.core).value
    held = state.awaited.get(name)
    if held is None:
        return state
    return replace(state, awaited=with_item(state.awaited, name, replace(held, relayed=True)))


def note_taken_back(state: State, entry: Entry) -> State:
    """Note that copies of a message are not at the relay any more: nobody is to confirm those.

    Receipts of who had fetched it before still count. What waits and goes out again is noted anew.
    """
    if not entry.core:
        return state
    name = name_message(entry.core).value
    held = state.awaited.get(name)
    if held is None or not held.relayed:
        return state
    return replace(state, awaited=with_item(state.awaited, name, replace(held, relayed=False)))


def take_receipt(state: State, opened: Opened) -> Outcome:
    """Take a receipt in; one that its signer may not give changes nothing."""
    content = opened.content
    if not isinstance(content, Receipt):
        return state, ()
    effects: tuple[Effect, ...] = ()
    for message, quoted in zip(content.message_ids, content.core_hashes or (), strict=False):
        held = state.awaited.get(message.value)
        if held is None or not is_recipient(state, held, opened.core):
            continue
        if quoted != held.core_hash:
            effects += (TellToldOtherwise(opened, held.conversation),)
            continue
        told = _count(held, opened.core.device, seen=isinstance(content, ReceiptOpened))
        if told is not held:
            state = replace(state, awaited=with_item(state.awaited, message.value, told))
    return state, effects


def is_recipient(state: State, held: Awaited, core: Core) -> bool:
    """Say whether a signer is one of those that a message was sent to."""
    audience = state.audiences.get(held.audience_digest, ())
    return core.agency in held.to and core.device in audience


def end(state: State, now: Instant) -> Outcome:
    """Tell what nobody confirmed by its end, and let go of what is too old."""
    late = {
        name: replace(held, unread=True)
        for name, held in state.awaited.items()
        if now >= held.expires and held.relayed and not held.unread and not held.stored_by
    }
    effects = tuple(
        TellExpiredUnread(now, held.local_id, MessageId(name), held.conversation)
        for name, held in late.items()
    )
    kept = {**state.awaited, **late}
    oldest = sorted(kept, key=lambda name: kept[name].forget)[: max(0, len(kept) - MOST_AWAITED)]
    gone = {name for name, held in kept.items() if now >= held.forget} | set(oldest)
    if not late and not gone:
        return state, ()
    left = {name: held for name, held in kept.items() if name not in gone}
    return replace(state, awaited=left), effects


def _count(held: Awaited, device: DeviceId, *, seen: bool) -> Awaited:
    stored = _with(held.stored_by, device)
    opened = _with(held.opened_by, device) if seen else held.opened_by
    if (stored, opened) == (held.stored_by, held.opened_by):
        return held
    return replace(held, stored_by=stored, opened_by=opened)


def _with(devices: tuple[DeviceId, ...], device: DeviceId) -> tuple[DeviceId, ...]:
    return tuple(sorted({*devices, device}))
