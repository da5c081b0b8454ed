"""What to do when the relay's store was put back from an older copy.

Theory of operation: a relay that was put back goes on with numbers of a later era. What it took in
since the copy, and nobody had fetched, is gone from it, and it cannot say what. So whatever nobody
has confirmed is sealed again from the same core, under a new envelope id, and goes out once more;
who has it already recognises it by its place in the chain. Lists of who reads along, and what
devices tell each other, are confirmed by nobody, so the newest of them go out again too.

Rules: what was taken back, and what is too late, stays so. A receipt is not given again: the next
ones say as much.

Spec: docs/spec/relay-protocol.md, "A store that was put back".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from quietway.engine.state import Progress
from quietway.sealing import name_message
from quietway_schemas.content.receipt import is_receipt

if TYPE_CHECKING:
    from quietway.engine.state import Awaited, Delivery, Entry, State
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant


def send_again(state: State, now: Instant) -> State:
    """Let everything wait again that nobody has confirmed."""
    outbox = dict(state.outbox)
    for name, entry in state.outbox.items():
        if entry.core and not entry.expired and not entry.withdrawn and now < entry.expires:
            outbox[name] = _wait_again(entry, state.awaited.get(_name(entry)))
    return replace(state, outbox=outbox)


def _name(entry: Entry) -> bytes:
    return name_message(entry.core).value


def _wait_again(entry: Entry, awaited: Awaited | None) -> Entry:
    if is_receipt(entry.kind):
        return entry
    confirmed: tuple[DeviceId, ...] = () if awaited is None else awaited.stored_by

    def wait(held: Delivery) -> Delivery:
        if held.progress is not Progress.STORED or held.device in confirmed:
            return held
        return replace(held, progress=Progress.WAITING, record=b"", not_before=0)

    # Its ladder is placed anew, for those who have not confirmed it.
    copies = tuple(wait(held) for held in entry.deliveries)
    return replace(entry, deliveries=copies, placed=False)
