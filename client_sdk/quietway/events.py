"""What `events()` tells a program, as it happens. Nothing here is needed to keep up: the store is.

A program that missed an event finds the message in `inbox()` all the same.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, DeviceId, MessageId
    from quietway_schemas.instants import Instant

SenderStanding: TypeAlias = Literal["current", "retired", "revoked"]
"""How the device that signed a message stands with its agency now."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message that another device said, opened and verified.

    Attributes:
        message_id: The same for every recipient.
        conversation: Where it belongs.
        sender_agency: Whose device signed it.
        sender_program: The program that the sender's certificate names, as `MERCY-SOCIALWORK`.
        sent_at: When its sender sent it, milliseconds since 1970-01-01T00:00:00Z.
        content: What it says.
        gap: True while something that was said before it in its conversation has not arrived.
        audience_known: False until the list of who else reads along has arrived.
        sender_standing: How the device that signed it stands now: `current`; `retired`, where it
            was given back since; `revoked`, where it may be in other hands since.
        sent_to: Where a colleague's device said it, on behalf of this agency: the agencies that it
            was said to, as far as they are known. Empty for what others said.
        by_colleague: True where another device of this agency said it.
    """

    message_id: MessageId
    conversation: ConversationId
    sender_agency: AgencyId
    sender_program: str
    sent_at: Instant
    content: ContentModel = field(repr=False)
    gap: bool = False
    audience_known: bool = True
    sender_standing: SenderStanding = "current"
    sent_to: tuple[AgencyId, ...] = ()
    by_colleague: bool = False


@dataclass(frozen=True, slots=True)
class AgencyGone:
    """The relay's operator removed an agency: this one, or a partner.

    Tell your user. Where it is this one, nothing is received or sent through this relay any more:
    ask its operator why, and call your partners.

    Attributes:
        agency: Which.
        agency_code: Its code.
        is_own: Whether it is this device's own agency.
    """

    agency: AgencyId
    agency_code: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class SentStored:
    """Every copy of a message of this device is on the relay's disk."""

    local_id: bytes
    at: Instant


@dataclass(frozen=True, slots=True)
class GapSeen:
    """Something that was said before this message has not arrived; it may still come."""

    message_id: MessageId
    conversation: ConversationId


@dataclass(frozen=True, slots=True)
class ToldOtherwise:
    """Somebody quotes another message than the one this device holds at that place.

    Either two stories were told, or the one who quotes is wrong: ask both sides.

    Attributes:
        message_id: The message (or the receipt) that quotes.
        conversation: Where what is quoted was said.
        sender_agency: Who quotes.
    """

    message_id: MessageId
    conversation: ConversationId
    sender_agency: AgencyId


@dataclass(frozen=True, slots=True)
class ExpiredUnread:
    """Nobody confirmed by its end that a message was stored. Tell its recipients by another way.

    Attributes:
        local_id: As in `Sent`.
        message_id: What everyone calls it.
        conversation: Where it was said.
        at: When that was found.
    """

    local_id: bytes
    message_id: MessageId
    conversation: ConversationId
    at: Instant


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """An envelope was given up and acknowledged.

    Attributes:
        reason: A class of docs/spec/envelope.md, "Opening". Its sender learns nothing of it.
        at: When.
    """

    reason: str
    at: Instant


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The relay does not answer, or this machine's clock is wrong; it is tried again by itself.

    Attributes:
        problem: The error's sentence, which says what to do next.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class ConnectionBack:
    """The relay answers again."""


@dataclass(frozen=True, slots=True)
class ErasingPaused:
    """Nothing that has expired is erased, because this machine's clock may be wrong.

    Attributes:
        problem: The error's sentence, which says what to do next.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What came was signed by a device that had left its agency. It was kept, and not shown.

    Attributes:
        message_id: What it calls itself.
        sender_agency: Whose device it was.
        at: When it was opened.
    """

    message_id: MessageId
    sender_agency: AgencyId
    at: Instant


@dataclass(frozen=True, slots=True)
class ForkFound:
    """There is proof that the relay's log showed two faces. Tell your user at once.

    Nothing more is taken in from the directory until a person acknowledges it.

    Attributes:
        fork_id: Names the evidence; `client.log.export` writes it.
        at: When it was found.
    """

    fork_id: bytes
    at: Instant


@dataclass(frozen=True, slots=True)
class LogUnproven:
    """What a device was shown of the log could not be brought together with what is shown here.

    Attributes:
        agency: Whose device it was.
        size: Of the log, as that device saw it.
        at: When this device stopped waiting for the proof.
    """

    agency: AgencyId
    size: int
    at: Instant


@dataclass(frozen=True, slots=True)
class UnknownOwnVersion:
    """The log holds a version of this agency's manifest that this device does not know.

    Somebody may have signed in the agency's name: ask every ops holder.

    Attributes:
        index: Where it stands in the log.
        manifest_hash: What it is the hash of, 32 bytes.
        at: When it was seen.
    """

    index: int
    manifest_hash: bytes
    at: Instant


@dataclass(frozen=True, slots=True)
class DeviceProposed:
    """An ops holder proposes a device, or other roles for one, and asks the others to agree.

    Attributes:
        device: Which.
        program: The program it would belong to.
        roles: The roles it would have.
        is_new: False where it is certified already.
        proposed_by: The device that asks.
    """

    device: DeviceId
    program: str
    roles: tuple[str, ...]
    is_new: bool
    proposed_by: DeviceId


@dataclass(frozen=True, slots=True)
class DeviceLeaving:
    """A device of this agency was wiped, and asks to be retired.

    Attributes:
        device: Which.
        at: When.
    """

    device: DeviceId
    at: Instant


@dataclass(frozen=True, slots=True)
class OwnDevicesChanged:
    """Devices came to this agency, or left it. Tell your user: an unexpected one is an alarm.

    It stays in the store until it is acknowledged.

    Attributes:
        version: Of the manifest that says so.
        added: Devices that are certified since.
        departed: Devices that are not any more.
    """

    version: int
    added: tuple[DeviceId, ...]
    departed: tuple[DeviceId, ...]


@dataclass(frozen=True, slots=True)
class SnapshotOffered:
    """Somebody offers a snapshot to a new device; ops holders are asked to approve it.

    Attributes:
        snapshot_id: Its name.
        to: The new device.
        statuses: How many status indicators are in it.
        referrals: How many referrals.
    """

    snapshot_id: bytes
    to: DeviceId
    statuses: int
    referrals: int


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """This device took a snapshot in, or refused it.

    Attributes:
        snapshot_id: Its name.
        messages: How many messages came with it.
        problem: Why it was refused, in a sentence; empty where it was not.
    """

    snapshot_id: bytes
    messages: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PartnerStandingChanged:
    """A colleague decided whether this agency shares with a partner now.

    Attributes:
        partner: Which.
        stance: What counts now: `granted`, `paused` or `ended`.
        at: When this device learnt of it.
    """

    partner: AgencyId
    stance: Literal["granted", "paused", "ended"]
    at: Instant


@dataclass(frozen=True, slots=True)
class OnCallGap:
    """At some time within two weeks nobody would be reached in a tier. Fill it: `client.oncall`.

    Attributes:
        tier: `primary` or `backup`.
        starts: From when, milliseconds since 1970-01-01T00:00:00Z.
        ends: Until when, as far as was looked.
        why: `nobody`, `device_left`, `without_role` or `without_keys`.
    """

    tier: Literal["primary", "backup", "supervisor", "leadership"]
    starts: Instant
    ends: Instant
    why: Literal["nobody", "device_left", "without_role", "without_keys"]


@dataclass(frozen=True, slots=True)
class OnCallUnreachable:
    """This device is on call, and its own heartbeat does not come back: no alert would arrive.

    Tell your user at once, who calls whoever is on call next. It is told once each time it begins.

    Attributes:
        since: When the beat was written that is missing.
        at: When that was found.
    """

    since: Instant
    at: Instant


@dataclass(frozen=True, slots=True)
class AgreementSigned:
    """Every party of an agreement has signed it: it counts from when it says.

    Attributes:
        agreement: Its hash, 32 bytes; `client.agreements.show` explains it.
        name: What it is called.
        version: Which version of that.
        at: When this device saw the last signature.
    """

    agreement: bytes
    name: str
    version: int
    at: Instant


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """A partner or a colleague said how consent stands.

    Attributes:
        agency: The partner that it is about.
        case: The case, by one's own reference.
        given: What counts of what is given to the partner: `granted`, `paused` or `revoked`.
        held_back: Whether what the partner said of the case is not shown now.
        at: When this device learnt of it.
    """

    agency: AgencyId
    case: CaseRef = field(repr=False)
    given: str
    held_back: bool
    at: Instant


@dataclass(frozen=True, slots=True)
class CrisisCalled:
    """Another agency calls this one to a crisis: answer it.

    Attributes:
        event_id: Which.
        agency: Who calls.
        exercise: Whether it is a drill.
        at: When it came.
    """

    event_id: bytes
    agency: AgencyId
    exercise: bool
    at: Instant


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Something came about a case that is held back. It is kept, and not shown.

    Attributes:
        agency: Who said it.
        at: When it came.
    """

    agency: AgencyId
    at: Instant


@dataclass(frozen=True, slots=True)
class RollbackSilent:
    """Devices that were asked to delete what was said have not answered, and were reminded.

    Attributes:
        order_id: Which order.
        agency: Whose devices.
        devices: How many are silent.
        at: When it was noticed.
    """

    order_id: bytes
    agency: AgencyId
    devices: int
    at: Instant


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """An alert for this device's agency is here: page its human.

    Attributes:
        alert_id: `client.alerts.show` shows it.
        agency: Who raised it.
        exercise: Whether it is a drill.
    """

    alert_id: bytes
    agency: AgencyId
    exercise: bool


@dataclass(frozen=True, slots=True)
class AlertsDigested:
    """Alerts of one agency came faster than a person can be paged for each. All are listed.

    Attributes:
        agency: Who raised them.
        alerts: How many came since a page told of one last.
        exercise: Whether they are drills.
    """

    agency: AgencyId
    alerts: int
    exercise: bool


@dataclass(frozen=True, slots=True)
class AlertClaimed:
    """Somebody says that they have an alert.

    Attributes:
        alert_id: Which.
        agency: Of whom.
        device: Of whom.
        exercise: Whether it is a drill.
    """

    alert_id: bytes
    agency: AgencyId
    device: DeviceId
    exercise: bool


@dataclass(frozen=True, slots=True)
class AlertReleased:
    """Whoever had an alert let it go, and it climbs again.

    Attributes:
        alert_id: Which.
        exercise: Whether it is a drill.
    """

    alert_id: bytes
    exercise: bool


@dataclass(frozen=True, slots=True)
class AlertUnanswered:
    """An alert of this device did not reach anybody, as far as is proved here. Phone now.

    Told once for each of the two. `client.alerts.phone_script` says whom to call.

    Attributes:
        alert_id: Which.
        why: `not_accepted`: the relay does not have all of it; `not_claimed`: nobody said, signed,
            that they have it.
        exercise: Whether it is a drill.
    """

    alert_id: bytes
    why: Literal["not_accepted", "not_claimed"]
    exercise: bool


@dataclass(frozen=True, slots=True)
class DrillInject:
    """Something comes in in a drill that this device runs. EXERCISE.

    Attributes:
        drill_id: Which drill.
        number: Which of its injects, from 0.
        kind: `status`, `barrier`, `action`; `prompt` is said by whoever runs the drill.
        code: What was sent to partners; empty for a prompt.
        words: What whoever runs the drill says or knows.
        at: When it was due.
    """

    drill_id: bytes
    number: int
    kind: str
    code: str
    words: str = field(repr=False)
    at: Instant


Event: TypeAlias = (
    Received
    | AgencyGone
    | SentStored
    | GapSeen
    | ToldOtherwise
    | ExpiredUnread
    | DeadLettered
    | Quarantined
    | OwnDevicesChanged
    | ForkFound
    | LogUnproven
    | UnknownOwnVersion
    | DeviceProposed
    | DeviceLeaving
    | SnapshotOffered
    | SnapshotTaken
    | OnCallGap
    | OnCallUnreachable
    | PartnerStandingChanged
    | ConnectionLost
    | ConnectionBack
    | ErasingPaused
    | AgreementSigned
    | ConsentChanged
    | CrisisCalled
    | HeldBack
    | RollbackSilent
    | AlertRaised
    | AlertsDigested
    | AlertClaimed
    | AlertReleased
    | AlertUnanswered
    | DrillInject
)
