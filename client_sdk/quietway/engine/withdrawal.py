"""What is not to be sent, or is taken back: by a person for good, or while an agency is shut out.

A copy that was never handed over is simply not sent. One that was, is asked back by its slip, which
lies in the store and not here: there may be thousands, and no step has to look at them. Whether the
relay gave it back, or its reader had it already, comes as an answer; an answer that was lost leaves
a copy of which nobody knows.

What was withdrawn by a person is done with. What an agency was shut out from waits, under the core
that it has, and is sealed anew when the agency is let in again.

Spec: docs/spec/relay-protocol.md, "Taking back"; docs/spec/conversations.md, "Pausing a partner".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.engine import awaiting
from quietway.engine.state import Delivery, Entry, Progress, State, with_item

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway.engine.inputs import LeaveOut, Returned, ShutOut, TakenBack, Withdraw
    from quietway_schemas.ids import DeviceId

TAKEN_BACK: Final = "taken_back"
FETCHED: Final = "fetched"
NEVER_SENT: Final = "never_sent"
UNCERTAIN: Final = "uncertain"
PAUSED: Final = "paused"
GONE_BACK: Final = frozenset({Progress.WITHDRAWING, Progress.WITHDRAWN})
"""How far a copy is that nothing is sent of any more."""


def withdraw(state: State, given: Withdraw) -> State:
    """Send nothing more of an entry, and note which copies the relay is asked for."""
    entry = state.outbox.get(given.local_id)
    if entry is None or entry.withdrawn or entry.expired:
        return state
    copies = tuple(_stop(held, given.asked) for held in entry.deliveries)
    state = awaiting.note_taken_back(state, entry)
    return _put(state, replace(entry, deliveries=copies, content=b"", withdrawn=True))


def leave_out(state: State, given: LeaveOut) -> State:
    """Send nothing more of an entry to some devices, and everything of it to the others."""
    entry = state.outbox.get(given.local_id)
    if entry is None or entry.withdrawn or entry.expired:
        return state
    copies = tuple(
        _stop(held, given.asked) if held.device in given.devices else held
        for held in entry.deliveries
    )
    to = tuple(agency for agency in entry.to if agency not in given.agencies)
    devices = tuple(device for device in entry.devices if device not in given.devices)
    if not entry.core and not (to and devices):
        # Nobody is left that it could be said to.
        return _put(state, replace(entry, content=b"", withdrawn=True))
    if copies == entry.deliveries and entry.core:
        return state
    return _put(
        state,
        replace(entry, deliveries=copies, to=to or entry.to, devices=devices or entry.devices),
    )


def _stop(held: Delivery, asked_for: Collection[DeviceId]) -> Delivery:
    asked = held.device in asked_for
    match held.progress:
        case Progress.WAITING if not asked:
            return replace(held, progress=Progress.WITHDRAWN, reason=NEVER_SENT)
        case Progress.WAITING | Progress.SEALED:
            # It may be there all the same: an answer may have got lost.
            progress = Progress.WITHDRAWING if asked else Progress.WITHDRAWN
            return replace(held, progress=progress, record=b"", reason=UNCERTAIN)
        case Progress.STORED if asked:
            return replace(held, progress=Progress.WITHDRAWING, reason="")
        case _:
            return held


def shut_out(state: State, given: ShutOut) -> State:
    """Let go of what is sealed for an agency and was not confirmed: its slip is shown meanwhile."""

    def unseal(held: Delivery) -> Delivery:
        if held.agency != given.agency or held.progress is not Progress.SEALED:
            return held
        return replace(held, progress=Progress.WAITING, record=b"", reason=PAUSED)

    for entry in tuple(state.outbox.values()):
        copies = tuple(unseal(held) for held in entry.deliveries)
        if copies != entry.deliveries:
            state = _put(state, replace(entry, deliveries=copies))
    return state


def take_back(state: State, given: TakenBack) -> State:
    """Note what the relay gave back."""
    for copy in given.copies:
        entry = state.outbox.get(copy.local_id)
        if entry is None or entry.expired:
            continue
        copies = tuple(
            _note(entry, held, copy) if held.device == copy.device else held
            for held in entry.deliveries
        )
        if copies != entry.deliveries:
            taken = replace(entry, deliveries=copies)
            state = _put(state if taken.settled else awaiting.note_taken_back(state, taken), taken)
    return state


def is_part(held: Entry, said: Entry) -> bool:
    """Say whether two entries are one message, of which some agencies could not be written to."""
    return (held.order, held.composed, held.conversation, held.kind) == (
        said.order,
        said.composed,
        said.conversation,
        said.kind,
    )


def _note(entry: Entry, held: Delivery, copy: Returned) -> Delivery:
    if copy.waits and not entry.withdrawn:
        # Nobody knows: it goes out once more, and whoever had it knows it by its place.
        gone = held.progress is Progress.STORED and copy.outcome != FETCHED
        return replace(held, progress=Progress.WAITING, reason=PAUSED) if gone else held
    if held.progress is not Progress.WITHDRAWING:
        return held
    if copy.outcome == TAKEN_BACK:
        return replace(held, progress=Progress.WITHDRAWN, reason="")
    if copy.outcome == FETCHED and held.reason != UNCERTAIN:
        return replace(held, progress=Progress.STORED, reason="")
    return replace(held, progress=Progress.WITHDRAWN, reason=UNCERTAIN)


def _put(state: State, entry: Entry) -> State:
    return replace(state, outbox=with_item(state.outbox, entry.local_id, entry))
