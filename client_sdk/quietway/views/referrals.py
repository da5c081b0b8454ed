"""Referrals: each packet with what was answered to it, and the state that this adds up to.

Messages are folded in the order in which they were said, whatever the order in which they came. An
answer counts in the conversation of its packet only, so nobody outside it can move a referral. One
that does not follow the state before it, or is no drill where its packet is one (V25), is shown in
the history, and moves nothing.

Spec: schemas/README.md, "Referrals".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from quietway_schemas.content.coordination import ServiceUptake, TriageRoute
from quietway_schemas.content.profiles import find_absent_fields
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
        uptake: What was said last about how the service is taken up; None for nothing.
        route: Which program a triage hub chose for it; None where none did.
    """

    ref: ReferralRef
    direction: Literal["in", "out"]
    state: str
    packet: ReferralPacket = field(repr=False)
    history: tuple[ReferralStep, ...] = field(repr=False)
    conversation: ConversationId
    agencies: tuple[AgencyId, ...]
    uptake: ServiceUptake | None = field(default=None, repr=False)
    route: TriageRoute | None = field(default=None, repr=False)

    @property
    def absent_fields(self) -> tuple[str, ...]:
        """The fields that this type of service usually has to ask back for, and that are absent."""
        return find_absent_fields(self.packet)


def fold_referrals(
    messages: Iterable[StoredMessage], *, me: AgencyId | None
) -> tuple[Referral, ...]:
    """Fold messages into referrals, in the order in which their packets were first written here."""
    packets: dict[ReferralRef, StoredMessage] = {}
    said: dict[tuple[ConversationId, ReferralRef], list[StoredMessage]] = {}
    for message in sorted(messages, key=lambda held: held.position):
        content = message.content
        if isinstance(content, ReferralPacket | ReferralAnswer | ServiceUptake | TriageRoute):
            said.setdefault((message.conversation, content.referral_ref), []).append(message)
        if isinstance(content, ReferralPacket):
            packets.setdefault(content.referral_ref, message)
    return tuple(
        _fold(ref, packet, said[packet.conversation, ref], me) for ref, packet in packets.items()
    )


def _fold(
    ref: ReferralRef, packet: StoredMessage, said: list[StoredMessage], me: AgencyId | None
) -> Referral:
    # The packet comes first even where a clock was behind: nothing is said about it before it.
    ordered = sorted(said, key=_rank)
    assert isinstance(packet.content, ReferralPacket)  # noqa: S101 - `fold_referrals` chose it so
    about = [held for held in ordered if isinstance(held.content, ReferralPacket | ReferralAnswer)]
    state, history = START, []
    for message in about:
        state, counted = _follow(state, message, drill=packet.content.exercise)
        history.append(_show(message, counted=counted))
    uptakes = [held.content for held in ordered if isinstance(held.content, ServiceUptake)]
    routes = [held.content for held in ordered if isinstance(held.content, TriageRoute)]
    return Referral(
        ref=ref,
        direction="out" if packet.agency == me else "in",
        state=state,
        packet=packet.content,
        history=tuple(history),
        conversation=packet.conversation,
        agencies=_others(ordered, me),
        uptake=uptakes[-1] if uptakes else None,
        route=routes[-1] if routes else None,
    )


def _rank(message: StoredMessage) -> tuple[bool, int, bool, int, bytes, int]:
    # Where two were said in one moment, their places decide; never which one came first.
    unsent = message.message_id is None
    place = (message.seq, message.core_hash, message.position)
    is_packet = isinstance(message.content, ReferralPacket)
    return not is_packet, message.said_at, unsent, *place


def _follow(state: str, message: StoredMessage, *, drill: bool) -> tuple[str, bool]:
    if message.content.exercise != drill:
        return state, False
    brings = message.content.state if isinstance(message.content, ReferralAnswer) else "sent"
    try:
        return check_transition(state, brings), True
    except ContentError:
        return state, False


def _show(message: StoredMessage, *, counted: bool) -> ReferralStep:
    content = message.content
    assert isinstance(content, ReferralPacket | ReferralAnswer)  # noqa: S101 - `_fold` chose it so
    return ReferralStep(message.said_at, message.agency, content, counted)


def _others(about: Iterable[StoredMessage], me: AgencyId | None) -> tuple[AgencyId, ...]:
    named = {agency for message in about for agency in (message.agency, *message.to)}
    return tuple(sorted(named - {me}))
