"""What came: recorded once, in its place, and acknowledged; or given up, and acknowledged too.

Whatever happens to an envelope here, the relay sees one acknowledgement and nothing else. What
cannot be opened yet is kept sealed in this store, so it never stands in the way of what came after
it.

Spec: docs/spec/envelope.md, "Opening".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.engine.awaiting import take_receipt
from quietway.engine.conversations import (
    Standing,
    contradicts,
    enter,
    find_chain,
    judge,
    misses_before,
)
from quietway.engine.effects import (
    Acknowledge,
    RecordNotice,
    RecordReceived,
    Reopen,
    TellDropped,
    TellGap,
    TellQuarantined,
    TellReceived,
    TellToldOtherwise,
)
from quietway.engine.receipts import note_received
from quietway.engine.state import Kept, State, with_item, without_item
from quietway.sealing import (
    FORKED,
    NOT_ADDRESSED,
    PENDING,
    QUARANTINED,
    STRANGER,
    UNDECRYPTABLE,
    UNKNOWN_SIGNER,
    digest_audience,
)
from quietway_schemas.content.audience import AudienceList
from quietway_schemas.content.quiet import BEAT_KIND, is_taken_in
from quietway_schemas.content.receipt import is_receipt

if TYPE_CHECKING:
    from quietway.engine.effects import Effect
    from quietway.engine.inputs import (
        EnvelopeOpened,
        EnvelopeQuarantined,
        EnvelopeRefused,
        RetryKept,
    )
    from quietway.sealing import Opened
    from quietway_schemas.instants import Instant

MOST_ATTEMPTS: Final = 5
MOST_KEPT: Final = 1_000
_KEPT: Final = frozenset({PENDING, STRANGER, UNDECRYPTABLE})

Outcome = tuple[State, "tuple[Effect, ...]"]


def receive(state: State, given: EnvelopeOpened) -> Outcome:
    """Record a message that was opened and verified, once; refuse what is not for this device."""
    opened = given.opened
    state = _advance(state, given.seq)
    state = replace(state, kept=without_item(state.kept, opened.header.envelope_id.value))
    if _is_echo(state, opened):
        return state, (RecordReceived(given.now, opened), *_acknowledge(given.seq))
    state = learn_audience(state, opened)
    if not is_addressed(state, opened):
        return state, (*_drop(given.now, NOT_ADDRESSED), *_acknowledge(given.seq))
    chain = find_chain(state, opened)
    match judge(chain, opened):
        case Standing.KNOWN:
            return state, _acknowledge(given.seq)
        case Standing.FORKED:
            evidence = RecordReceived(given.now, opened, evidence=True)
            return state, (evidence, *_drop(given.now, FORKED), *_acknowledge(given.seq))
        case Standing.NEW:
            state, told = take_receipt(enter(state, chain, opened), opened)
            state = note_received(state, opened)
            return state, (*told, *_tell(state, given.now, opened), *_acknowledge(given.seq))


def quarantine(state: State, given: EnvelopeQuarantined) -> Outcome:
    """Keep what a device signed that had left, count it, and do nothing about it.

    What was received before it left stays the message that it was.
    """
    opened = given.opened
    state = _advance(state, given.seq)
    state = replace(state, kept=without_item(state.kept, opened.header.envelope_id.value))
    if judge(find_chain(state, opened), opened) is Standing.KNOWN:
        return state, _acknowledge(given.seq)
    kept: tuple[Effect, ...] = (
        RecordReceived(given.now, opened, quarantined=True),
        RecordNotice(given.now, QUARANTINED),
        TellQuarantined(given.now, opened),
    )
    return state, (*kept, *_acknowledge(given.seq))


def refuse(state: State, given: EnvelopeRefused) -> Outcome:
    """Keep what may open later; count and forget the rest."""
    state = _advance(state, given.seq)
    name = None if given.envelope_id is None else given.envelope_id.value
    if name is None or given.reason not in _KEPT:
        kept = state.kept if name is None else without_item(state.kept, name)
        effects = (*_drop(given.now, given.reason), *_acknowledge(given.seq))
        return replace(state, kept=kept), effects
    if given.seq:
        return _keep(state, name, given)
    return _try_again_later(state, name, given)


def retry(state: State, given: RetryKept) -> Outcome:
    """Open everything that was kept once more."""
    del given
    return state, tuple(Reopen(held.envelope) for held in state.kept.values())


def learn_audience(state: State, opened: Opened) -> State:
    """Remember which devices a digest stands for. Nobody can name others for the same digest."""
    if not isinstance(opened.content, AudienceList):
        return state
    devices = opened.content.devices
    digest = opened.core.audience_digest
    if digest_audience(devices) != digest or digest in state.audiences:
        return state
    return replace(state, audiences=with_item(state.audiences, digest, devices))


def is_addressed(state: State, opened: Opened) -> bool:
    """Say whether a message is for this device, as far as its audience is known.

    An audience list must be the one that its own core's digest stands for. A device does not seal
    to itself, so what seems to come from this one is an echo.
    """
    core = opened.core
    if core.device == state.device:
        return False
    audience = state.audiences.get(core.audience_digest)
    if audience is None:
        return not isinstance(opened.content, AudienceList)
    if isinstance(opened.content, AudienceList) and opened.content.devices != audience:
        return False
    return state.device in audience and core.device in audience


def _is_echo(state: State, opened: Opened) -> bool:
    """Say whether it is a heartbeat of this device that came back. It takes no place here."""
    return opened.core.device == state.device and opened.content.type == BEAT_KIND


def _tell(state: State, now: Instant, opened: Opened) -> tuple[Effect, ...]:
    if is_receipt(opened.content.type):
        # It was counted; what stays of it is what its sender says of the log.
        return (RecordReceived(now, opened),)
    chain = find_chain(state, opened)
    misses = misses_before(state, chain.key, opened.core.seq, opened.core.prev)
    gap: tuple[Effect, ...] = (TellGap(opened),) if misses else ()
    if isinstance(opened.content, AudienceList):
        return gap
    if is_taken_in(opened.content.type):
        # It is taken in by the agent, in its own time, and shown to nobody as a message.
        return (RecordReceived(now, opened),)
    otherwise = contradicts(state, opened)
    told = (TellToldOtherwise(opened, opened.core.conversation),) if otherwise else ()
    return (RecordReceived(now, opened), TellReceived(opened), *gap, *told)


def _keep(state: State, name: bytes, given: EnvelopeRefused) -> Outcome:
    if name in state.kept:
        return state, _acknowledge(given.seq)
    if len(state.kept) >= MOST_KEPT:
        return state, (*_drop(given.now, given.reason), *_acknowledge(given.seq))
    kept = with_item(state.kept, name, Kept(given.envelope, given.reason))
    return replace(state, kept=kept), _acknowledge(given.seq)


def _try_again_later(state: State, name: bytes, given: EnvelopeRefused) -> Outcome:
    held = state.kept.get(name)
    # A stranger's envelope waits for the invitation to be accepted, until no key opens it any more.
    if held is None or given.reason == STRANGER:
        return state, ()
    tried = Kept(held.envelope, given.reason, held.attempts + 1)
    if given.reason == UNDECRYPTABLE and tried.attempts < MOST_ATTEMPTS:
        return replace(state, kept=with_item(state.kept, name, tried)), ()
    # The whole directory was read, and still nobody vouches for the signer; or it was tried often
    # enough.
    reason = UNKNOWN_SIGNER if given.reason == PENDING else given.reason
    return replace(state, kept=without_item(state.kept, name)), _drop(given.now, reason)


def _advance(state: State, seq: int) -> State:
    if seq <= state.reading.cursor:
        return state
    return replace(state, reading=replace(state.reading, cursor=seq))


def _drop(now: Instant, reason: str) -> tuple[Effect, ...]:
    return (RecordNotice(now, reason), TellDropped(now, reason))


def _acknowledge(seq: int) -> tuple[Effect, ...]:
    return (Acknowledge(seq),) if seq else ()
