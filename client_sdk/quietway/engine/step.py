"""The one function that changes what a device remembers: `step(state, input) -> (state, effects)`.

The agent's rule for using it: answer the questions among the effects with further steps; commit the
records and what `codec.changes` says; then, and only then, do the deeds.

Spec: docs/spec/envelope.md, "Core" and "Opening"; docs/spec/relay-protocol.md, "The mailbox";
docs/spec/conversations.md, "Receipts".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from quietway.engine import inbox, outbox, receipts, withdrawal
from quietway.engine.conversations import forget_expired_places
from quietway.engine.inputs import (
    Accepted,
    Addressed,
    Compose,
    Connecting,
    EnvelopeOpened,
    EnvelopeQuarantined,
    EnvelopeRefused,
    Flush,
    Forgotten,
    Input,
    LeaveOut,
    OlderCopyAccepted,
    Rejected,
    RetryKept,
    Sealed,
    Seen,
    ShutOut,
    Silenced,
    Started,
    TakenBack,
    Ticked,
    Welcomed,
    Withdraw,
)
from quietway.engine.put_back import send_again
from quietway_schemas.frames import ERA_NUMBERS

if TYPE_CHECKING:
    from quietway.engine.effects import Effect
    from quietway.engine.state import State

Outcome = tuple["State", "tuple[Effect, ...]"]


def step(state: State, given: Input) -> Outcome:  # noqa: C901, PLR0911, PLR0912 - one case for each input, and nothing else
    """Take one input in.

    Returns:
        The state after it, and what it asks for. The same input a second time changes nothing.
    """
    match given:
        case Started():
            return _start(state, given), ()
        case Compose():
            return outbox.compose(state, given)
        case Flush():
            return outbox.flush(receipts.forget_expired(state, given.now), given)
        case Addressed():
            return outbox.address(state, given)
        case Sealed():
            return outbox.seal(state, given)
        case Accepted():
            return outbox.accept(state, given)
        case Rejected():
            return outbox.reject(state, given)
        case EnvelopeOpened():
            return inbox.receive(state, given)
        case EnvelopeQuarantined():
            return inbox.quarantine(state, given)
        case EnvelopeRefused():
            return inbox.refuse(state, given)
        case RetryKept():
            return inbox.retry(state, given)
        case Connecting():
            return _connect(state, given), ()
        case Welcomed():
            return _welcome(state, given), ()
        case OlderCopyAccepted():
            return replace(state, reading=replace(state.reading, copied=False, forgiven=True)), ()
        case Forgotten():
            return outbox.forget(state, given), ()
        case LeaveOut():
            return withdrawal.leave_out(state, given), ()
        case Withdraw():
            return withdrawal.withdraw(state, given), ()
        case ShutOut():
            return withdrawal.shut_out(state, given), ()
        case TakenBack():
            return withdrawal.take_back(state, given), ()
        case Ticked():
            return receipts.tick(state, given)
        case Seen():
            return receipts.note_seen(state, given), ()
        case Silenced():
            return receipts.silence(state, given), ()
        case _:
            assert_never(given)


def _start(state: State, given: Started) -> State:
    # A fresh incarnation is a fresh count of places: not even an older copy of this store uses one
    # twice.
    return replace(state, incarnation=given.incarnation)


def _connect(state: State, given: Connecting) -> State:
    """Draw a new witness, at each hello.

    One that the relay has not answered to is kept: nobody knows whether it got there, and it would
    be forgotten as the former one.
    """
    reading = state.reading
    if reading.witness_now and not reading.confirmed:
        return state
    drawn = replace(
        reading, witness_now=given.witness, witness_was=reading.witness_now, confirmed=False
    )
    return replace(state, reading=drawn)


def _welcome(state: State, given: Welcomed) -> State:
    reading = state.reading
    newer_elsewhere = not given.witness_kept or given.acknowledged > reading.cursor
    told = replace(
        reading,
        confirmed=True,
        copied=reading.copied or (newer_elsewhere and not reading.forgiven),
        forgiven=False,
        cursor=max(reading.cursor, given.acknowledged),
        era=max(reading.era, given.latest // ERA_NUMBERS),
    )
    # Only here, where the clocks have just been compared: a wrong one would forget too much.
    state = forget_expired_places(replace(state, reading=told), given.now)
    return send_again(state, given.now) if told.era > reading.era else state
