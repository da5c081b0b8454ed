"""Fates: what became of a message for each agency that it was said to, so that a report can say it.

As long as a message is in the outbox its entry says it. What ended otherwise than sent (taken back,
too late) is a row as well, in the commit in which it ended, since the outbox forgets and a survivor
may ask years later. A message of which neither says anything went out.

Rules: what is not certain is never told as taken back. No content is here, and no name of a case.

Spec: docs/spec/consent.md, "What became of it".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from quietway.engine.state import Progress
from quietway.engine.withdrawal import FETCHED, TAKEN_BACK, UNCERTAIN, is_part
from quietway.ports import Put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.engine.state import Delivery, Entry, State
    from quietway.ports import Store
    from quietway_schemas.ids import AgencyId

FATE: Final = "fate"
Fate: TypeAlias = Literal[
    "sent", "waiting", "asked", "taken_back", "fetched", "uncertain", "never_sent", ""
]
"""What became of a message for one agency.

`sent`: the relay has it for a device of the agency. `waiting`: no copy is known to be at the relay.
`asked`: it is taken back, and the relay has not answered. `taken_back`: the agency was never told.
`fetched`: it had reached the agency, and was not taken back. `uncertain`: it may have reached it.
`never_sent`: it was too late before it could be sent. Empty where it is not known here.
"""
_WORST_FIRST: Final = (FETCHED, UNCERTAIN, TAKEN_BACK)


def note_fates(before: State, after: State) -> list[Put]:
    """Give the rows of the messages that a step ended otherwise than sent."""
    if after.outbox is before.outbox:
        return []
    known = {**before.outbox, **after.outbox}
    return [
        _write(part.local_id, agency, tell_fate(entry, agency))
        for name, entry in after.outbox.items()
        if before.outbox.get(name) is not entry
        and (entry.withdrawn or entry.expired)
        and not entry.quiet
        # What was split off is asked for by the name that the whole was given.
        for part in known.values()
        if is_part(part, entry)
        for agency in entry.to
    ]


async def note_answers(
    store: Store, outbox: Mapping[bytes, Entry], answers: Iterable[tuple[bytes, AgencyId, str]]
) -> list[Put]:
    """Give the rows of what the relay said of messages that the outbox does not have any more.

    Args:
        store: Where former answers stand.
        outbox: What it still has is noted by `note_fates`.
        answers: Local id, agency and outcome of each copy.
    """
    worst: dict[tuple[bytes, AgencyId], str] = {}
    for local_id, agency, outcome in answers:
        if local_id in outbox:
            continue
        key = local_id, agency
        heard = {outcome, worst.get(key) or await _read(store, *key)}
        worst[key] = next(held for held in _WORST_FIRST if held in heard)
    return [_write(*key, outcome) for key, outcome in worst.items()]


async def find_fate(
    store: Store, outbox: Mapping[bytes, Entry], local_id: bytes, agency: AgencyId
) -> Fate:
    """Say what became of a message for one agency; empty without a local id."""
    if not local_id:
        return ""
    whole = outbox.get(local_id)
    if whole is not None:
        for entry in outbox.values():
            if agency in entry.to and is_part(entry, whole):
                return tell_fate(entry, agency)
    return cast("Fate", await _read(store, local_id, agency) or "sent")


def tell_fate(entry: Entry, agency: AgencyId) -> Fate:
    """Say what became of a message of the outbox for one agency that it is for."""
    copies = [held for held in entry.deliveries if held.agency == agency]
    stored = any(held.progress is Progress.STORED for held in copies)
    if entry.withdrawn:
        return _tell_withdrawn(copies, stored=stored)
    if stored:
        return "sent"
    if entry.expired:
        # What was sealed once may be at the relay all the same: an answer may have got lost.
        return "uncertain" if any(held.epoch for held in copies) else "never_sent"
    return "waiting"


def _tell_withdrawn(copies: Iterable[Delivery], *, stored: bool) -> Fate:
    if stored:
        return "fetched"
    if any(held.progress is Progress.WITHDRAWING for held in copies):
        return "asked"
    return "uncertain" if any(held.reason == UNCERTAIN for held in copies) else "taken_back"


def _write(local_id: bytes, agency: AgencyId, fate: str) -> Put:
    return Put(FATE, local_id + agency.value, fate.encode("ascii"))


async def _read(store: Store, local_id: bytes, agency: AgencyId) -> str:
    return (await store.read(FATE, local_id + agency.value) or b"").decode("ascii")
