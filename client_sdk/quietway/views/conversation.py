"""One conversation as a person reads it: what was said, in order, and what is missing or disputed.

Theory of operation. The messages of each chain are a queue in the order of their places. Of the
queues' heads the earliest goes next, unless it answers, or begins after, a message that is here and
not shown yet. So the order is a function of what is here, and never of how it came. Gaps come from
the places that were taken (an expired message leaves none), and stand before what came after them.

Spec: docs/spec/conversations.md, "Chains and gaps", "Quoting" and "Display order".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.engine.conversations import find_holes, list_unlinked, name_place
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.quiet import is_introduced
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from quietway.engine.state import Awaited, Chain
    from quietway.events import SenderStanding
    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, MessageId
    from quietway_schemas.instants import Instant

OVER_MS: Final = EnvelopeClass.CASE.life_ms + 2 * HOUR
"""So long after the message behind a gap nothing that was said before it can be opened any more."""
_DEVICE: Final = slice(0, 16)
_INCARNATION: Final = slice(16, 24)


@dataclass(frozen=True, slots=True)
class Said:
    """One message.

    Attributes:
        message_id: The same for everyone; None while this device's own was not sent yet.
        agency: Who said it.
        program: The program that the sender's certificate named, or empty for this device.
        said_at: When it was sent (or written), milliseconds since 1970-01-01T00:00:00Z.
        content: What it says.
        mine: True where this device said it.
        audience_known: False until the list of who reads along has arrived.
        sender_standing: How the device that signed it stands now.
        answers: What it answers, where that is here.
        answers_missing: True where it answers something that is not here.
        stored_by: Of one's own: on how many devices of its recipients it is stored.
        opened_by: Of one's own: on how many of them a person has seen it.
        expired_unread: Of one's own: whether nobody confirmed it before it expired.
    """

    message_id: MessageId | None
    agency: AgencyId
    program: str
    said_at: Instant
    content: ContentModel = field(repr=False)
    mine: bool = False
    audience_known: bool = True
    sender_standing: SenderStanding = "current"
    answers: MessageId | None = None
    answers_missing: bool = False
    stored_by: int = 0
    opened_by: int = 0
    expired_unread: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that one device said here and that has not arrived.

    Attributes:
        device: Whose.
        agency: Of which agency, where that is known.
        program: Of which program, or empty.
        missing: How many messages; None where only a quoted hash shows that there was something.
        after: The last message of that device before the gap, if one is here.
        before: The first one after it, if one is here.
        over: True once it can't arrive any more, because it has expired.
    """

    device: DeviceId
    agency: AgencyId | None
    program: str
    missing: int | None
    after: MessageId | None
    before: MessageId | None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two stories. Ask both sides by another way, and believe neither until then.

    Attributes:
        kind: `forked`: a device said a second thing at one place. `told_otherwise`: an answer
            quotes another message than the one that is here at that place.
        device: Who said the second thing, or gave the answer.
        agency: Of which agency.
        program: Of which program, or empty.
        at: When that was signed.
        message_id: The second thing, which is kept as evidence; or the answer.
        about: The message that is here, if one is.
    """

    kind: Literal["forked", "told_otherwise"]
    device: DeviceId | None
    agency: AgencyId
    program: str
    at: Instant
    message_id: MessageId | None
    about: MessageId | None


ConversationEntry: TypeAlias = Said | Gap | Contradiction


@dataclass(frozen=True, slots=True)
class Known:
    """What is known around the messages.

    Attributes:
        chains: Of this conversation, as far as they were received.
        audiences: The digests whose list has arrived.
        awaited: The receipts for one's own messages, by message id.
    """

    chains: Sequence[Chain] = ()
    audiences: Collection[bytes] = ()
    awaited: Mapping[bytes, Awaited] = field(default_factory=dict)


def fold_conversation(
    messages: Iterable[StoredMessage],
    *,
    evidence: Iterable[StoredMessage] = (),
    known: Known,
    now: Instant,
) -> tuple[ConversationEntry, ...]:
    """Fold the messages of one conversation into what is shown, in display order.

    Args:
        messages: All that are here, this device's own among them.
        evidence: Second stories.
        known: What is known around them.
        now: Milliseconds since 1970-01-01T00:00:00Z.
    """
    ordered = order_messages(messages)
    gaps, at_the_end = _find_gaps(ordered, known.chains, now)
    forks, loose = _find_forks(ordered, evidence)
    places = {_name(held): held for held in ordered if held.chain}
    hashes = {held.core_hash: held for held in ordered if held.core_hash}
    entries: list[ConversationEntry] = []
    for held in ordered:
        entries += gaps.get(held.key, ())
        entries.append(_show(held, known, hashes))
        entries += forks.get(held.key, ())
        entries += _find_told_otherwise(held, places)
    return (*entries, *loose, *at_the_end)


def order_messages(messages: Iterable[StoredMessage]) -> list[StoredMessage]:
    """Put the messages of one conversation into display order."""
    kept = list(messages)
    sent = [held for held in kept if held.message_id is not None]
    unsent = [held for held in kept if held.message_id is None]
    return [*_merge(sent), *sorted(unsent, key=lambda held: (held.said_at, held.position))]


def _merge(sent: Sequence[StoredMessage]) -> list[StoredMessage]:
    queues = [queue[::-1] for queue in _queue_up(sent)]
    here = {held.core_hash for held in sent if held.core_hash}
    ordered: list[StoredMessage] = []
    shown: set[bytes] = set()
    while queues:
        free = [held for held in queues if not (_comes_after(held[-1]) & here) - shown]
        # Where everything waits for something else, somebody signed a circle: places alone count.
        chosen = min(free or queues, key=lambda held: _rank(held[-1]))
        ordered.append(chosen.pop())
        shown.add(ordered[-1].core_hash)
        if not chosen:
            queues.remove(chosen)
    return ordered


def _queue_up(sent: Sequence[StoredMessage]) -> list[list[StoredMessage]]:
    queues: dict[bytes, list[StoredMessage]] = defaultdict(list)
    for held in sent:
        # What stands in no chain (it came with a snapshot) waits for nobody.
        queues[held.chain or held.key].append(held)
    return [sorted(queue, key=lambda held: (held.seq, _rank(held))) for queue in queues.values()]


def _rank(held: StoredMessage) -> tuple[Instant, bytes, bytes]:
    return held.said_at, held.core_hash, held.key


def _comes_after(held: StoredMessage) -> set[bytes]:
    before = {held.prev} if held.chain and held.seq == 0 else set()
    content = held.content
    if isinstance(content, MessageText) and content.in_reply_to is not None:
        before.add(content.in_reply_to)
    return before - {held.core_hash}


def _show(
    held: StoredMessage, known: Known, hashes: Mapping[bytes, StoredMessage]
) -> ConversationEntry:
    content = held.content
    quoted = content.in_reply_to if isinstance(content, MessageText) else None
    answered = None if quoted is None else hashes.get(quoted)
    told = None if held.message_id is None else known.awaited.get(held.message_id.value)
    is_told = held.audience_digest in known.audiences or held.from_snapshot
    audience_known = is_told or not is_introduced(held.content.type)
    return Said(
        message_id=held.message_id,
        agency=held.agency,
        program=held.program,
        said_at=held.said_at,
        content=content,
        mine=not held.received,
        audience_known=audience_known or not held.received,
        sender_standing=held.sender_standing,
        answers=None if answered is None else answered.message_id,
        answers_missing=quoted is not None and answered is None,
        stored_by=0 if told is None else len(told.stored_by),
        opened_by=0 if told is None else len(told.opened_by),
        expired_unread=told is not None and told.expired_unread,
    )


def _find_gaps(
    ordered: Sequence[StoredMessage], chains: Sequence[Chain], now: Instant
) -> tuple[dict[bytes, list[Gap]], list[Gap]]:
    by_chain: dict[bytes, list[StoredMessage]] = defaultdict(list)
    for held in ordered:
        by_chain[held.chain].append(held)
    gaps: dict[bytes, list[Gap]] = defaultdict(list)
    at_the_end: list[Gap] = []
    unlinked = list_unlinked(chains)
    for chain in chains:
        holes = [(start, end, end - start) for start, end in find_holes(chain)]
        unknown = [(0, 0, None)] if chain.key in unlinked else []
        for start, end, missing in (*unknown, *holes):
            gap, following = _describe(chain, by_chain[chain.key], (start, end), missing, now)
            if following is not None:
                gaps[following.key].append(gap)
            elif any(seq >= end for seq in chain.places):
                # What came after it is nothing that is shown.
                at_the_end.append(gap)
    return gaps, at_the_end


def _describe(
    chain: Chain,
    held: Sequence[StoredMessage],
    hole: tuple[int, int],
    missing: int | None,
    now: Instant,
) -> tuple[Gap, StoredMessage | None]:
    start, end = hole
    before = next((message for message in reversed(held) if message.seq < start), None)
    after = next((message for message in held if message.seq >= end), None)
    near = after or before
    gap = Gap(
        device=chain.device,
        agency=None if near is None else near.agency,
        program="" if near is None else near.program,
        missing=missing,
        after=None if before is None else before.message_id,
        before=None if after is None else after.message_id,
        over=after is not None and now >= after.said_at + OVER_MS,
    )
    return gap, after


def _find_forks(
    ordered: Sequence[StoredMessage], evidence: Iterable[StoredMessage]
) -> tuple[dict[bytes, list[Contradiction]], list[Contradiction]]:
    forks: dict[bytes, list[Contradiction]] = defaultdict(list)
    loose: list[Contradiction] = []
    for second in sorted(evidence, key=_rank):
        held = [message for message in ordered if message.chain == second.chain]
        same = next((message for message in held if message.seq == second.seq), None)
        near = same or next((one for one in reversed(held) if one.seq < second.seq), None)
        about = None if same is None else same.message_id
        fork = _contradict("forked", second, about)
        (loose if near is None else forks[near.key]).append(fork)
    return forks, loose


def _find_told_otherwise(
    held: StoredMessage, places: Mapping[bytes, StoredMessage]
) -> list[Contradiction]:
    content = held.content
    if not isinstance(content, MessageText) or content.in_reply_place is None:
        return []
    here = places.get(content.in_reply_place)
    if here is None or here.core_hash == content.in_reply_to:
        return []
    return [_contradict("told_otherwise", held, here.message_id)]


def _contradict(
    kind: Literal["forked", "told_otherwise"], held: StoredMessage, about: MessageId | None
) -> Contradiction:
    return Contradiction(
        kind=kind,
        device=held.device,
        agency=held.agency,
        program=held.program,
        at=held.said_at,
        message_id=held.message_id,
        about=about,
    )


def _name(held: StoredMessage) -> bytes:
    device = DeviceId(held.chain[_DEVICE])
    return name_place(device, held.chain[_INCARNATION], held.audience_digest, held.seq)
