"""Alerts: who has each, whose turn is next, and how far it is verified. Folded from what was said.

One alert is called out in rounds; a release or a hand-off ends a round. Of several claims of one
round the earliest holds it, and of equal ones the smallest device: the same on each device that
knows the same messages, in whatever order they came.

Rules: who is not of the agency that was called, or whose device is in other hands, takes nothing
and lets nothing go. A word about a round that has not begun waits for it. An exercise and what is
real are two alerts, also under one id. Time ends what nobody ends: after the last tier's time it is
unanswered, and after 96 hours over.

Spec: docs/spec/alerts.md, "States" and "Several claims".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

from quietway.views.verification import AlertVerified, fold_verification
from quietway_schemas.content.alert import (
    AlertClaimed,
    AlertDeclined,
    AlertHandedOff,
    AlertMinimal,
    AlertReleased,
    OfAlert,
    OfRound,
)
from quietway_schemas.content.alert_states import OPEN_STATES
from quietway_schemas.instants import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, DeviceId
    from quietway_schemas.instants import Instant

TIER_NAMES: Final = ("primary", "backup", "supervisor", "leadership")
LATE_MS: Final = 2 * MINUTE
"""What took longer than this from its sender to here is shown as late."""
ALONE_MS: Final = 5 * MINUTE
"""How long a single tier has, where nobody is called after it."""
LIFE_MS: Final = 96 * HOUR
"""For so long a round's envelopes can wait; after that nobody is called any more."""


@dataclass(frozen=True, slots=True)
class AlertTier:
    """A tier of an alert's ladder.

    Attributes:
        name: `primary`, `backup`, `supervisor` or `leadership`.
        due_at: When it is called, unless somebody claims before.
    """

    name: str
    due_at: Instant


@dataclass(frozen=True, slots=True)
class AlertClaim:
    """Somebody says that they have an alert, or that they can't take it.

    Attributes:
        agency: Whose device it is.
        device: Which.
        program: As `MERCY-SOCIALWORK`; empty for this device itself.
        at: When it was said.
        reason: Why it was declined, a code of the list `alert_reason`; empty for a claim.
    """

    agency: AgencyId
    device: DeviceId
    program: str
    at: Instant
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as far as it is known here.

    Attributes:
        alert_id: 16 bytes; the same in all rounds.
        case: By one's own reference.
        code: Of the list `alert_code`.
        urgency: Of the list `time_sensitivity`.
        raised_at: When it was raised, by its sender's clock.
        received_at: When this round's alert came here; None where it was raised here.
        late: Whether that took more than two minutes: say when it was sent, and when it came.
        raised_by: The agency that raised it.
        raised_on: The device that did.
        lead: The agency whose on-call is called.
        state: A code of the list `alert_state`.
        round: Which time it is called out, from 0.
        claims: Who claimed this round, whoever holds it first.
        declined: Who of those called said that they can't.
        handed_to: The device that is asked first in this round, where it was handed to one.
        tiers: When each tier of this round is called.
        next_tier: Whose turn is next, as long as nobody has it; None once all were called.
        verification: A code of the list `verification_state`.
        verified: All that was said of that.
        sent_here: Whether this device raised it.
        exercise: Whether it is a drill.
        confirmed: Whether a claim that counts is here, signed. What a relay says is none.
        conversation: Where it was said.
        over_at: When nobody is called any more.
        patience_ms: How long after its round began it is unanswered.
        placed_by: What this store calls this round's ladder, where this device placed it.
    """

    alert_id: bytes
    case: CaseRef = field(repr=False)
    code: str = field(repr=False)
    urgency: str = field(repr=False)
    raised_at: Instant
    received_at: Instant | None
    late: bool
    raised_by: AgencyId
    raised_on: DeviceId
    lead: AgencyId
    state: str
    round: int
    claims: tuple[AlertClaim, ...]
    declined: tuple[AlertClaim, ...]
    handed_to: DeviceId | None
    tiers: tuple[AlertTier, ...]
    next_tier: AlertTier | None
    verification: str
    verified: tuple[AlertVerified, ...]
    sent_here: bool
    exercise: bool
    confirmed: bool
    conversation: ConversationId
    over_at: Instant
    patience_ms: int
    placed_by: bytes | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody has to take it."""
        return self.state in OPEN_STATES

    @property
    def holder(self) -> AlertClaim | None:
        """Who has it; None while nobody does."""
        return next(iter(self.claims), None)

    @property
    def unanswered_at(self) -> Instant:
        """When the last tier is called: from then on its sender picks up the telephone."""
        return self.over_at - LIFE_MS + self.patience_ms


def count_patience(tiers: Sequence[int]) -> int:
    """Say how many milliseconds after it began an alert is unanswered.

    Args:
        tiers: After how many seconds each tier is called.
    """
    return tiers[-1] * SECOND if len(tiers) > 1 else ALONE_MS


def fold_alerts(
    messages: Iterable[StoredMessage], *, me: AgencyId, device: DeviceId, now: Instant
) -> tuple[Alert, ...]:
    """Fold messages into alerts, in the order in which they were raised.

    Args:
        messages: What was said, in any order; what is not of an alert is passed over.
        me: This device's agency.
        device: This device.
        now: Milliseconds since 1970-01-01T00:00:00Z.
    """
    named = {held.key: held for held in messages if is_of_alert(held)}
    said = sorted(named.values(), key=_group)
    found = (_fold(list(held), me, device, now) for _, held in groupby(said, key=_group))
    known = (one for one in found if one is not None)
    return tuple(sorted(known, key=lambda one: (one.raised_at, one.alert_id)))


def is_of_alert(message: StoredMessage) -> bool:
    """Say whether a message is an alert, or says something of one."""
    return isinstance(message.content, AlertMinimal | OfAlert)


def _fold(said: list[StoredMessage], me: AgencyId, device: DeviceId, now: Instant) -> Alert | None:
    called = _list_calls(held for held in said if may_begin(held, me))
    if not called:
        return None
    first, content = called[0], _alert_of(called[0])
    lead = _find_lead(first, me)
    # Whoever raised it begins the first round, and the agency that is called every other one.
    calls = [first, *(held for held in called[1:] if held.agency == lead)]
    eligible = [held for held in said if _may_answer(held, lead)]
    number, began, ended = _find_round(calls, eligible)
    call = calls[-1]
    # Who is told of the end of a round and not called in the next one counts from that end on.
    begun = (call if began else ended).said_at
    since = content.raised_at if number == 0 else begun
    tiers = tuple(
        AlertTier(name, since + due * SECOND)
        for name, due in zip(TIER_NAMES, _alert_of(call).tiers, strict=False)
    )
    # What ended the round before is known to who is called next and to who is not; its alert only
    # to the former, and it is a moment younger.
    start = _find_end(eligible, number - 1) or call
    claims = _list_said(eligible, AlertClaimed, number, device, since=start.said_at)
    patience = count_patience(_alert_of(call).tiers)
    state = _find_state(claims, None if began else ended, now - since, patience)
    raised_on = content.raised_on or first.device or device
    verification, verified = fold_verification(
        said, raised_by=raised_on, agencies={content.raised_by or first.agency, lead}, me=device
    )
    return Alert(
        alert_id=content.alert_id,
        case=content.case_ref,
        code=content.code,
        urgency=content.urgency,
        raised_at=content.raised_at,
        received_at=call.received_at or None,
        late=_is_late(call, since),
        raised_by=content.raised_by or first.agency,
        raised_on=raised_on,
        lead=lead,
        state=state,
        round=number,
        claims=claims,
        declined=_list_said(eligible, AlertDeclined, number, device),
        handed_to=_find_handed_to(eligible, number),
        tiers=tiers,
        next_tier=next((one for one in tiers if one.due_at > now), None)
        if state in OPEN_STATES
        else None,
        verification=verification,
        verified=verified,
        sent_here=content.round == 0 and not first.received,
        exercise=content.exercise,
        confirmed=bool(claims),
        conversation=first.conversation,
        over_at=since + LIFE_MS,
        patience_ms=patience,
        placed_by=call.key if began and not call.received else None,
    )


def _is_late(call: StoredMessage, since: Instant) -> bool:
    return call.received and call.received_at - since > LATE_MS


def may_begin(message: StoredMessage, me: AgencyId) -> bool:
    """Say whether an alert's signer may begin its round: the first, whoever raises it.

    Every later one is begun by the agency that is called, which alone is called by it.
    """
    content = message.content
    return isinstance(content, AlertMinimal) and (content.round == 0 or message.agency == me)


def _list_calls(said: Iterable[StoredMessage]) -> list[StoredMessage]:
    """List the alerts, the first of each round alone, in the order of the rounds."""
    calls: dict[int, StoredMessage] = {}
    for held in sorted(said, key=_rank):
        if isinstance(held.content, AlertMinimal):
            calls.setdefault(held.content.round, held)
    return [calls[number] for number in sorted(calls)]


def _find_lead(first: StoredMessage, me: AgencyId) -> AgencyId:
    # An alert is sealed for one agency and its sender: who got it from elsewhere was called.
    return me if first.received and first.agency != me else min(first.to, default=me)


def _may_answer(message: StoredMessage, lead: AgencyId) -> bool:
    return message.agency == lead and message.sender_standing == "current"


def _find_round(
    calls: Sequence[StoredMessage], eligible: Sequence[StoredMessage]
) -> tuple[int, bool, StoredMessage]:
    """Give the round that counts, whether its alert is here, and what ended the one before."""
    number, last = _alert_of(calls[-1]).round, calls[-1]
    began = True
    while (end := _find_end(eligible, number)) is not None:
        number, last, began = number + 1, end, False
    return number, began, last


def _find_end(eligible: Iterable[StoredMessage], number: int) -> StoredMessage | None:
    # Whoever is on call may end a round: a claim by somebody who does nothing silences no alert.
    ends = [
        held
        for held in eligible
        if isinstance(held.content, AlertHandedOff | AlertReleased) and _round_of(held) == number
    ]
    return min(ends, key=_rank, default=None)


def _find_handed_to(eligible: Iterable[StoredMessage], number: int) -> DeviceId | None:
    former = _find_end(eligible, number - 1)
    content = None if former is None else former.content
    return content.to_device if isinstance(content, AlertHandedOff) else None


def _find_state(
    claims: tuple[AlertClaim, ...], ended: StoredMessage | None, age: int, patience: int
) -> str:
    if age >= LIFE_MS:
        return "over"
    if claims:
        return "claimed"
    if age >= patience:
        return "unanswered"
    if ended is None:
        return "raised"
    return "handed_off" if isinstance(ended.content, AlertHandedOff) else "released"


def _list_said(
    eligible: Iterable[StoredMessage],
    kind: type[AlertClaimed | AlertDeclined],
    number: int,
    device: DeviceId,
    *,
    since: Instant = 0,
) -> tuple[AlertClaim, ...]:
    said = [
        AlertClaim(
            held.agency,
            held.device or device,
            held.program,
            # A clock that is behind makes nobody the first.
            max(held.said_at, since),
            getattr(held.content, "reason_code", ""),
        )
        for held in eligible
        if isinstance(held.content, kind) and _round_of(held) == number
    ]
    first: dict[DeviceId, AlertClaim] = {}
    for one in sorted(said, key=lambda held: (held.at, held.device)):
        first.setdefault(one.device, one)
    return tuple(first.values())


def _round_of(message: StoredMessage) -> int | None:
    return message.content.round if isinstance(message.content, OfRound) else None


def _alert_of(message: StoredMessage) -> AlertMinimal:
    assert isinstance(message.content, AlertMinimal)  # noqa: S101 - `_list_calls` chose it so
    return message.content


def _group(message: StoredMessage) -> tuple[bytes, bool]:
    content = message.content
    assert isinstance(content, AlertMinimal | OfAlert)  # noqa: S101 - `is_of_alert` chose it so
    return content.alert_id, content.exercise


def _rank(message: StoredMessage) -> tuple[int, bytes, bytes]:
    return message.said_at, message.core_hash, message.key
