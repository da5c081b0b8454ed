"""Places: this device's own in a conversation, and what it knows of everyone else's.

A chain is (device, incarnation, conversation, audience). Places are counted from 0 by one, each
names the hash of the core before it, so what is missing shows and a second story at one place
shows. Nothing here decides what is done about it.

Spec: docs/spec/envelope.md, "Core"; docs/spec/conversations.md, "Chains and gaps" and "Quoting".
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from quietway.engine.state import Chain, Place, State, Thread, with_item
from quietway_schemas.content.message import MessageText
from quietway_schemas.envelope import ZERO_DIGEST
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from quietway.sealing import Opened
    from quietway_schemas.envelope import Core
    from quietway_schemas.ids import ConversationId, DeviceId
    from quietway_schemas.instants import Instant

_SKEW_MS: Final = 2 * HOUR
_HALF_DIGEST: Final = 16
_SEQ_BYTES: Final = 4


class Standing(Enum):
    """What a received message is to the chain that it claims a place in."""

    NEW = "new"
    KNOWN = "known"
    FORKED = "forked"


def name_thread(conversation: ConversationId, audience_digest: bytes) -> bytes:
    """Name this device's chain with one audience in one conversation (48 bytes)."""
    return conversation.value + audience_digest


def take_place(state: State, key: bytes) -> Thread:
    """Give the thread whose `next_seq` and `last_core` the next message takes.

    Under a new incarnation places are counted from 0 again, and the first one quotes the last core
    of the earlier.
    """
    thread = state.threads.get(key, Thread(state.incarnation))
    if thread.incarnation == state.incarnation:
        return thread
    return Thread(state.incarnation, 0, thread.last_core, thread.introduced)


def chain_key(core: Core) -> bytes:
    """Name the chain that a core stands in, as `Chain.key` does (72 bytes)."""
    owner = core.device.value + core.incarnation
    return owner + core.conversation.value + core.audience_digest


def find_chain(state: State, opened: Opened) -> Chain:
    """Give the chain that a message belongs to, empty where it is the first."""
    core = opened.core
    empty = Chain(core.device, core.conversation, core.audience_digest, core.incarnation)
    return state.chains.get(empty.key, empty)


def judge(chain: Chain, opened: Opened) -> Standing:
    """Say whether a message is new, known, or tells another story than its neighbours."""
    seq = opened.core.seq
    held = chain.places.get(seq)
    if held is not None:
        same = held.message_id == opened.message_id.value
        return Standing.KNOWN if same else Standing.FORKED
    if _covers(chain.seen, seq):
        # Its place is taken by something that has expired since; the dates of a copy would not hold
        # either.
        return Standing.KNOWN
    before, after = chain.places.get(seq - 1), chain.places.get(seq + 1)
    if before is not None and before.core_hash != opened.core.prev:
        return Standing.FORKED
    if after is not None and after.prev != opened.core_hash:
        return Standing.FORKED
    return Standing.NEW


def enter(state: State, chain: Chain, opened: Opened) -> State:
    """Write a new message into its place."""
    core = opened.core
    place = Place(opened.message_id.value, opened.core_hash, core.prev, core.expires)
    highest = chain.seen[-1][1] if chain.seen else 0
    grown = replace(
        chain,
        seen=_cover(chain.seen, core.seq),
        places={**chain.places, core.seq: place},
        last_core=opened.core_hash if core.seq >= highest else chain.last_core,
    )
    chains = with_item(state.chains, chain.key, grown)
    if chain.key in state.chains:
        return replace(state, chains=chains)
    there = core.conversation.value
    keys = (*state.spoken_in.get(there, ()), chain.key)
    return replace(state, chains=chains, spoken_in=with_item(state.spoken_in, there, keys))


def chains_in(state: State, conversation: ConversationId) -> tuple[Chain, ...]:
    """Give the others' chains of one conversation."""
    return tuple(state.chains[key] for key in state.spoken_in.get(conversation.value, ()))


def misses_before(state: State, chain_key: bytes, seq: int, prev: bytes) -> bool:
    """Say whether something that was said before this place has not arrived here."""
    chain = state.chains.get(chain_key)
    if chain is None:
        return seq > 0 or prev != ZERO_DIGEST
    if seq > 0:
        return not _covers(chain.seen, seq - 1)
    return prev != ZERO_DIGEST and prev not in _ends_of_others(state, chain)


def find_holes(chain: Chain) -> tuple[tuple[int, int], ...]:
    """Give the half-open ranges of places that are not taken below one that is."""
    starts = (0, *(end for _, end in chain.seen))
    return tuple(
        (start, begin)
        for start, (begin, _) in zip(starts, chain.seen, strict=False)
        if start < begin
    )


def list_unlinked(chains: Sequence[Chain]) -> frozenset[bytes]:
    """Name the chains whose first core quotes one before it that is not known here."""
    ends = {(*_line_of(chain), chain.last_core) for chain in chains}
    return frozenset(
        chain.key
        for chain in chains
        if (first := chain.places.get(0)) is not None
        and first.prev != ZERO_DIGEST
        and (*_line_of(chain), first.prev) not in ends
    )


def name_place(device: DeviceId, incarnation: bytes, audience_digest: bytes, seq: int) -> bytes:
    """Name a place of a conversation, as an answer quotes it (44 bytes)."""
    line = device.value + incarnation + audience_digest[:_HALF_DIGEST]
    return line + seq.to_bytes(_SEQ_BYTES, "big")


def contradicts(state: State, opened: Opened) -> bool:
    """Say whether an answer quotes another core than the one held at the place that it names."""
    content = opened.content
    if not isinstance(content, MessageText) or content.in_reply_place is None:
        return False
    held = _find_core_hash(state, opened.core.conversation, content.in_reply_place)
    return held is not None and held != content.in_reply_to


def forget_expired_places(state: State, now: Instant) -> State:
    """Let go of places whose message could not be opened a second time anyway."""
    chains = {key: _drop_expired(chain, now) for key, chain in state.chains.items()}
    if all(chains[key] is chain for key, chain in state.chains.items()):
        return state
    return replace(state, chains=chains)


def _find_core_hash(state: State, conversation: ConversationId, place: bytes) -> bytes | None:
    seq = int.from_bytes(place[-_SEQ_BYTES:], "big")
    for chain in chains_in(state, conversation):
        standing = chain.places.get(seq)
        if standing is not None and place == name_place(
            chain.device, chain.incarnation, chain.audience_digest, seq
        ):
            return standing.core_hash
    for sent in state.awaited.values():
        if sent.conversation == conversation and place == name_place(
            state.device, sent.incarnation, sent.audience_digest, sent.seq
        ):
            return sent.core_hash
    return None


def _drop_expired(chain: Chain, now: Instant) -> Chain:
    lasting: Mapping[int, Place] = {
        seq: place for seq, place in chain.places.items() if now < place.expires + _SKEW_MS
    }
    return chain if len(lasting) == len(chain.places) else replace(chain, places=lasting)


def _line_of(chain: Chain) -> tuple[DeviceId, ConversationId, bytes]:
    # What its device says there, whatever the incarnation.
    return chain.device, chain.conversation, chain.audience_digest


def _ends_of_others(state: State, chain: Chain) -> frozenset[bytes]:
    line = _line_of(chain)
    return frozenset(
        other.last_core
        for other in chains_in(state, chain.conversation)
        if _line_of(other) == line and other.incarnation != chain.incarnation
    )


def _covers(seen: tuple[tuple[int, int], ...], seq: int) -> bool:
    return any(start <= seq < end for start, end in seen)


def _cover(seen: tuple[tuple[int, int], ...], seq: int) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted((*seen, (seq, seq + 1))):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)
