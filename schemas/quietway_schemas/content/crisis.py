"""A crisis: who is called, who takes part, what they say, do and decide, when they meet again.

What is said to several agencies at once names the event (`event_id`) and never the case: each
agency was told by its own `crisis.activate` which of its cases it is. Codes and times come first;
texts are short and guarded. `exercise` is the same in all that is said of one event (V25).

Spec: docs/spec/crises.md.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import CaseContent, ContentPart, OfCase, Sorted, Text
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Base64, Bytes16, Bytes32, Count, Moment
from quietway_schemas.ids import AgencyId, DeviceId
from quietway_schemas.instants import HOUR

MOST_PARTIES: Final = 12
MOST_MEMBERS: Final = 50
MOST_NAMED: Final = 3
"""So many devices a matter of logistics is told."""
LONGEST_LOGISTICS_MS: Final = 24 * HOUR
HANDOVER_CODE_BYTES: Final = 6
MOST_SUMMARISED: Final = 20
MOST_MESSAGE_BYTES: Final = 560
OBSERVER: Final = "observer"
LEAD: Final = "lead"
USUAL_TIME_BOX_MINUTES: Final = 15
_LONGEST_TIME_BOX_MINUTES: Final = 240
OF_ONE_AGENCY: Final = ("agreement_id", "case_ref", "consent_id", "retain_days")
"""What says on which ground one agency is told: it stands in nothing that several read."""


class CrisisActivate(OfCase):
    """`crisis.activate`: this case is a crisis; who leads, and who is called (C42, C43, C47).

    `parties` are all agencies that are to take part, its sender's among them. `lead` is one of
    them. The criteria are those of the dictionary's version that the content names. `event_id` is
    made of the opener's agency, its device and the nonce, so that nobody else can have opened it.
    """

    type: Literal["crisis.activate"] = "crisis.activate"
    event_id: Bytes16
    opener: AgencyId
    opener_device: DeviceId
    nonce: Bytes16
    criteria: Annotated[
        tuple[Annotated[str, CodeIn("crisis_criterion")], ...], Field(min_length=1), Sorted
    ]
    event_type: Annotated[str, CodeIn("event_type")]
    mode: Annotated[str, CodeIn("communication_mode")]
    verify_state: Annotated[str, CodeIn("verification_state")]
    lead: AgencyId
    parties: Annotated[tuple[AgencyId, ...], Field(min_length=1, max_length=MOST_PARTIES), Sorted]
    timebox_min: Annotated[int, Field(ge=1, le=_LONGEST_TIME_BOX_MINUTES)] = USUAL_TIME_BOX_MINUTES
    alert_id: Bytes16 | None = None
    at: Moment

    @model_validator(mode="after")
    def _check_lead(self) -> Self:
        if self.lead not in self.parties:
            raise ContentError("lead", "is none of the parties")
        return self


class OfEvent(CaseContent):
    """The base of what is said about an event. It identifies nobody."""

    event_id: Bytes16

    @model_validator(mode="after")
    def _check_nobody(self) -> Self:
        if self.identifiability == "identifying":
            raise ContentError("identifiability", "says identifying, although all take part")
        return self


class CrisisAnswer(OfEvent):
    """`crisis.answer`: the device that says it takes part, or does not.

    `not_partners` are the parties that its agency has exchanged no invitation with.
    """

    type: Literal["crisis.answer"] = "crisis.answer"
    answer: Annotated[str, CodeIn("crisis_answer")]
    not_partners: Annotated[tuple[AgencyId, ...], Field(max_length=MOST_PARTIES), Sorted] = ()
    at: Moment


class InHuddle(OfEvent):
    """The base of what is said in a huddle, to all of it in the same words.

    `epoch` counts the statement of members that its author goes by.
    """

    epoch: Count

    @model_validator(mode="after")
    def _check_shared(self) -> Self:
        for name in OF_ONE_AGENCY:
            if getattr(self, name) is not None:
                raise ContentError(name, "is one agency's own, and a huddle is read by several")
        return self


class HuddleMember(ContentPart):
    """One device that takes part, and what its person does there."""

    device: DeviceId
    role: Annotated[str, CodeIn("huddle_role")]


class HuddleParty(ContentPart):
    """The devices of one agency that take part.

    `ground` says on which ground it is told of the case, in the word of the agency `vouched_by`;
    both are absent for the agency that opened the event. Without members it is called, and nobody
    there takes part yet.
    """

    agency: AgencyId
    ground: Annotated[str, CodeIn("disclosure_basis")] | None = None
    vouched_by: AgencyId | None = None
    members: Annotated[tuple[HuddleMember, ...], Field(max_length=MOST_MEMBERS)] = ()

    @model_validator(mode="after")
    def _check_members(self) -> Self:
        devices = [held.device for held in self.members]
        if devices != sorted(set(devices)):
            raise ContentError("members", "is not sorted, or names somebody twice")
        if (self.ground is None) != (self.vouched_by is None):
            raise ContentError("ground", "stands with whoever vouches for it, or not at all")
        return self


class HuddleMembers(InHuddle):
    """`huddle.members`: who takes part from now on, in a chain of statements of one device.

    `prev` names the statement before. The first one of a chain has none; where it goes on for a
    chain whose owner is gone, it names in `follows` the last statement of that one. `owner` is the
    device that says the next statement.
    """

    type: Literal["huddle.members"] = "huddle.members"
    prev: Bytes32 | None = None
    follows: Bytes32 | None = None
    owner: DeviceId
    parties: Annotated[tuple[HuddleParty, ...], Field(min_length=1, max_length=MOST_PARTIES)]
    change: Annotated[str, CodeIn("huddle_change")]
    at: Moment

    @model_validator(mode="after")
    def _check_chain(self) -> Self:
        if (self.epoch == 0) != (self.prev is None):
            raise ContentError("prev", "is absent in the first statement, and only there")
        if self.follows is not None and self.epoch != 0:
            raise ContentError("follows", "stands in a first statement, and only there")
        return self

    @model_validator(mode="after")
    def _check_parties(self) -> Self:
        agencies = [held.agency for held in self.parties]
        if agencies != sorted(set(agencies)):
            raise ContentError("parties", "is not sorted, or names somebody twice")
        devices = [member.device for held in self.parties for member in held.members]
        if len(set(devices)) != len(devices):
            raise ContentError("parties", "names a device twice")
        if len(devices) > MOST_MEMBERS:
            raise ContentError("parties", f"names more than {MOST_MEMBERS} devices")
        if self.owner not in devices:
            raise ContentError("owner", "is no member")
        return self


class HuddleLeft(InHuddle):
    """`huddle.left`: the device that says it takes part no more."""

    type: Literal["huddle.left"] = "huddle.left"
    at: Moment


class HuddleStopped(InHuddle):
    """`huddle.stopped`: whoever vouched for this agency does so no more; no more is told it."""

    type: Literal["huddle.stopped"] = "huddle.stopped"
    agency: AgencyId
    at: Moment


class HuddleMessage(InHuddle):
    """`huddle.message`: a short text to all who take part."""

    type: Literal["huddle.message"] = "huddle.message"
    text: Annotated[str, Text(MOST_MESSAGE_BYTES)]


class HuddleHandover(InHuddle):
    """`huddle.handover`: will you lead; yes; no. It moves nothing by itself (V08)."""

    type: Literal["huddle.handover"] = "huddle.handover"
    offer_id: Bytes16
    step: Annotated[str, CodeIn("handover_step")]
    to: DeviceId
    at: Moment


class HuddleCheckin(InHuddle):
    """`huddle.checkin`: when all meet again, or that they don't and why (V21)."""

    type: Literal["huddle.checkin"] = "huddle.checkin"
    checkin_at: Moment | None = None
    no_checkin_reason: Annotated[str, CodeIn("no_checkin_reason")] | None = None
    at: Moment

    @model_validator(mode="after")
    def _check_either(self) -> Self:
        if (self.checkin_at is None) == (self.no_checkin_reason is None):
            raise ContentError("checkin_at", "is missing; or say that there is none, and why")
        return self


class ActionItem(InHuddle):
    """`action.item`: something to be done, by whom and until when (V20)."""

    type: Literal["action.item"] = "action.item"
    action_id: Bytes16
    code: Annotated[str, CodeIn("urgent_action")]
    owner: AgencyId
    owner_device: DeviceId | None = None
    due_at: Moment
    note: Annotated[str, Text(280)] | None = None
    at: Moment

    @model_validator(mode="after")
    def _check_due(self) -> Self:
        if self.due_at <= self.at:
            raise ContentError("due_at", "is not after at")
        return self


class ActionUpdate(InHuddle):
    """`action.update`: it is done, dropped, or open again."""

    type: Literal["action.update"] = "action.update"
    action_id: Bytes16
    state: Annotated[str, CodeIn("action_state")]
    at: Moment


class DecisionLog(InHuddle):
    """`decision.log`: what was decided, and on which ground (C51)."""

    type: Literal["decision.log"] = "decision.log"
    decision_id: Bytes16
    text: Annotated[str, Text(MOST_MESSAGE_BYTES)]
    rationale: Annotated[str, CodeIn("decision_rationale")]
    at: Moment


class SummaryAction(ContentPart):
    """One action, as a summary tells it."""

    code: Annotated[str, CodeIn("urgent_action")]
    owner: AgencyId
    due_at: Moment
    state: Annotated[str, CodeIn("action_state")]


class HuddleSummary(InHuddle):
    """`huddle.summary`: where the event stands, made of codes; for who joins, and at the end."""

    type: Literal["huddle.summary"] = "huddle.summary"
    event_type: Annotated[str, CodeIn("event_type")]
    mode: Annotated[str, CodeIn("communication_mode")]
    verify_state: Annotated[str, CodeIn("verification_state")]
    lead: AgencyId
    opened_at: Moment
    members: Count
    actions: Annotated[tuple[SummaryAction, ...], Field(max_length=MOST_SUMMARISED)] = ()
    decisions: Annotated[
        tuple[Annotated[str, CodeIn("decision_rationale")], ...],
        Field(max_length=MOST_SUMMARISED),
    ] = ()
    checkin_at: Moment | None = None
    text: Annotated[str, Text(1_120)] | None = None
    final: bool = False
    at: Moment


class Logistics(InHuddle):
    """`logistics`: what is arranged, for three devices at most, and for a day at most (A47).

    It has no field for a place. Who needs one hears it by voice, after both have said the words of
    `handover_code` to each other.
    """

    type: Literal["logistics"] = "logistics"
    kind: Annotated[str, CodeIn("logistics_kind")]
    recipients: Annotated[tuple[DeviceId, ...], Field(min_length=1, max_length=MOST_NAMED), Sorted]
    window_from: Moment
    window_to: Moment
    handover_code: Annotated[bytes, Base64(HANDOVER_CODE_BYTES, HANDOVER_CODE_BYTES)]
    at: Moment
    expires: Moment

    @model_validator(mode="after")
    def _check_span(self) -> Self:
        if self.window_to < self.window_from:
            raise ContentError("window_to", "is before window_from")
        if not self.at < self.expires <= self.at + LONGEST_LOGISTICS_MS:
            raise ContentError("expires", "is not within 24 hours after at")
        return self
