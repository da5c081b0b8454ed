"""Referrals: each packet with what was answered to it, and the state that this adds up to.

Messages are folded in the order in which they were said, whatever the order in which they came. An
answer counts in the conversation of its packet only, so nobody outside it can move a referral. One
that does not follow the state before it is shown in the history, and moves nothing.

Spec: schemas/README.md, "Referrals".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from quietway_schemas.content.referral import ReferralAnswer, ReferralPacket
from quietway_schemas.content.referral_states import START, check_transition
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, ConversationId, ReferralRef
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class ReferralStep:
    """One thing that was said about a referral.

    Attributes:
        at: When it was sent, milliseconds since 1970-01-01T00:00:00Z.
        agency: Who said it.
        content: The packet or an answer.
        counted: False when it does not follow the state that the referral was in.
    """

    at: Instant
    agency: AgencyId
    content: ReferralPacket | ReferralAnswer = field(repr=False)
    counted: bool


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as far as it is known here.

    Attributes:
        ref: The sender's random reference.
        direction: `out` when this agency referred, `in` when it was asked.
        state: A code of the list `referral_state`.
        packet: What was asked.
        history: The packet and every answer, in the order in which they were said.
        conversation: Where it is spoken about.
        agencies: The other agencies in it.
    """

    ref: ReferralRef
    direction: Literal["in", "out"]
    state: str
    packet: ReferralPacket = field(repr=False)
    history: tuple[ReferralStep, ...] = field(repr=False)
    conversation: ConversationId
    agencies: tuple[AgencyId, ...]


def fold_referrals(messages: Iterable[StoredMessage], *, me: AgencyId) -> tuple[Referral, ...]:
    """Fold messages into referrals, in the order in which their packets were first written here."""
    kept = tuple(messages)
    packets: dict[ReferralRef, StoredMessage] = {}
    for message in sorted(kept, key=lambda held: held.position):
        if isinstance(message.content, ReferralPacket):
            packets.setdefault(message.content.referral_ref, message)
    return tuple(_fold(ref, packet, kept, me) for ref, packet in packets.items())


def _fold(
    ref: ReferralRef, packet: StoredMessage, messages: tuple[StoredMessage, ...], me: AgencyId
) -> Referral:
    about = [
        message
        for message in messages
        if message.conversation == packet.conversation and _names(message, ref)
    ]
    state, history = START, []
    # The packet comes first even where a clock was behind: nothing is said about it before it.
    for message in sorted(about, key=_rank):
        state, counted = _follow(state, message)
        history.append(_show(message, counted=counted))
    assert isinstance(packet.content, ReferralPacket)  # noqa: S101 - `fold_referrals` chose it so
    return Referral(
        ref=ref,
        direction="out" if packet.agency == me else "in",
        state=state,
        packet=packet.content,
        history=tuple(history),
        conversation=packet.conversation,
        agencies=_others(about, me),
    )


def _names(message: StoredMessage, ref: ReferralRef) -> bool:
    content = message.content
    return isinstance(content, ReferralPacket | ReferralAnswer) and content.referral_ref == ref


def _rank(message: StoredMessage) -> tuple[bool, int, bool, int, bytes, int]:
    # Where two were said in one moment, their places decide; never which one came first.
    unsent = message.message_id is None
    place = (message.seq, message.core_hash, message.position)
    return _is_answer(message), message.said_at, unsent, *place


def _is_answer(message: StoredMessage) -> bool:
    return isinstance(message.content, ReferralAnswer)


def _follow(state: str, message: StoredMessage) -> tuple[str, bool]:
    brings = message.content.state if isinstance(message.content, ReferralAnswer) else "sent"
    try:
        return check_transition(state, brings), True
    except ContentError:
        return state, False


def _show(message: StoredMessage, *, counted: bool) -> ReferralStep:
    content = message.content
    assert isinstance(content, ReferralPacket | ReferralAnswer)  # noqa: S101 - `_names` chose it so
    return ReferralStep(message.said_at, message.agency, content, counted)


def _others(about: Iterable[StoredMessage], me: AgencyId) -> tuple[AgencyId, ...]:
    named = {agency for message in about for agency in (message.agency, *message.to)}
    return tuple(sorted(named - {me}))
