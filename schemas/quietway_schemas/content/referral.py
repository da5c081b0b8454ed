"""Referrals: the standard packet that asks for a service, and the answers that close the loop.

A packet names a service, a purpose and a contact at the agency. It has no field for the survivor's
name, address or whereabouts: by default the receiving agency reaches the survivor through a contact
at the victim service provider. The answers are all codes; only the packet has free text, short and
bounded. `referral_ref` is the sender's random id (what FHIR calls the placer's), `filler_ref` the
receiver's own.

Spec: schemas/README.md, "Referrals".
"""

import datetime as dt
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import model_validator

from quietway_schemas.codebook.lists import CodeIn, entries
from quietway_schemas.content.base import CaseContent, ContentPart, Text
from quietway_schemas.content.referral_states import STATES_OF_TYPE, STATES_WITH_REASON
from quietway_schemas.directory import AgencyCode, ProgramCode
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Moment
from quietway_schemas.ids import ReferralRef

MOST_PURPOSE_CHARACTERS: Final = 280
_EPISODE_ORDER: Final = ("intake", "referral", "service_start", "closure")

StaffText = Annotated[str, Text(120)]
ContactText = Annotated[str, Text(240)]


class Referring(ContentPart):
    """Who refers: the agency, its program, the staff member, how to reach them, and when it was."""

    agency: AgencyCode
    program: ProgramCode
    staff: StaffText
    contact: ContactText
    at: Moment

    @model_validator(mode="after")
    def _check_program(self) -> Self:
        if self.program.partition("-")[0] != self.agency:
            raise ContentError("referring.program", "does not begin with the agency's code")
        return self


class Receiving(ContentPart):
    """Who is asked: the program, the channel it prefers, and what it says of eligibility."""

    program: ProgramCode
    preferred_channel: Annotated[str, CodeIn("channel_tier")]
    eligibility_note: Annotated[str, Text(560)]


class VspContact(ContentPart):
    """The contact at the victim service provider who connects the survivor."""

    staff: StaffText
    contact: ContactText


class Episode(ContentPart):
    """The dates of an episode of service, in this order where they are known."""

    intake: dt.date | None = None
    referral: dt.date | None = None
    service_start: dt.date | None = None
    closure: dt.date | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        known = [day for name in _EPISODE_ORDER if (day := getattr(self, name)) is not None]
        if not known:
            raise ContentError("episode", "is empty: leave it out")
        if any(before > after for before, after in pairwise(known)):
            raise ContentError("episode", "runs backwards: intake, referral, start, closure")
        return self


class ReferralPacket(CaseContent):
    """`referral.packet`: please provide this service."""

    type: Literal["referral.packet"] = "referral.packet"
    referral_ref: ReferralRef
    referring: Referring
    receiving: Receiving
    service_type: Annotated[str, CodeIn("service_type")]
    purpose_code: Annotated[str, CodeIn("purpose_code")]
    purpose_text: Annotated[str, Text(1_120, MOST_PURPOSE_CHARACTERS)]
    info_basis: Annotated[str, CodeIn("info_basis")]
    time_sensitivity: Annotated[str, CodeIn("time_sensitivity")]
    pathway: Annotated[str, CodeIn("pathway")]
    referred_by: Annotated[str, CodeIn("referred_by")]
    survivor_choice: Annotated[str, CodeIn("survivor_choice")]
    identity_mode: Annotated[str, CodeIn("identity_mode")]
    feedback_due: Moment
    entry_point: Annotated[str, CodeIn("entry_point")] | None = None
    stated_goal: Annotated[str, CodeIn("stated_goal")] | None = None
    vsp_contact: VspContact | None = None
    episode: Episode | None = None
    client_present: Annotated[str, CodeIn("client_present")] | None = None
    joint_call: Moment | None = None

    @model_validator(mode="after")
    def _check_linkage(self) -> Self:
        named = (self.client_present, self.joint_call)
        if self.pathway != "warm_linkage" and named != (None, None):
            raise ContentError("joint_call", "or client_present stands without a warm linkage")
        if self.joint_call is not None and self.joint_call <= self.referring.at:
            raise ContentError("joint_call", "is not after the time of the referral")
        return self

    @model_validator(mode="after")
    def _check_identity(self) -> Self:
        if (self.identity_mode == "vsp_contact") != (self.vsp_contact is not None):
            raise ContentError("vsp_contact", "stands with its identity mode, and only there")
        if (self.identity_mode == "identifying") != (self.identifiability == "identifying"):
            raise ContentError("identifiability", "and identity mode do not say the same")
        if self.pathway == "deidentified_vsp_contact" and self.identity_mode != "vsp_contact":
            raise ContentError("identity_mode", "is not the one that this pathway is for")
        return self

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        if self.feedback_due <= self.referring.at:
            raise ContentError("feedback_due", "is not after the time of the referral")
        if self.case_ref is not None and self.case_ref.value == self.referral_ref.value:
            raise ContentError("referral_ref", "is made from the case: draw a new one")
        return self


class ReferralAnswer(CaseContent):
    """What all answers have in common: which referral, its state now, why, what next, and when."""

    referral_ref: ReferralRef
    state: Annotated[str, CodeIn("referral_state")]
    at: Moment
    reason_code: Annotated[str, CodeIn("reason")] | None = None
    reason_side: Annotated[str, CodeIn("reason_side")] | None = None
    next_steps: Annotated[str, CodeIn("next_steps")] | None = None
    filler_ref: ReferralRef | None = None
    episode: Episode | None = None

    @model_validator(mode="after")
    def _check_state(self) -> Self:
        if self.state not in STATES_OF_TYPE[self.type]:
            raise ContentError("state", f"is not one that {self.type} brings")
        if self.state in STATES_WITH_REASON and self.reason_code is None:
            raise ContentError("reason_code", "is missing: this state needs a reason")
        return self

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        side = None if self.reason_code is None else entries("reason")[self.reason_code].side
        if self.reason_side != side:
            raise ContentError("reason_side", "is not the side of the reason's code")
        if self.filler_ref == self.referral_ref:
            raise ContentError("filler_ref", "is the sender's reference: draw a new one")
        return self


class ReferralAck(ReferralAnswer):
    """`referral.ack`: we have it, and a person has seen it."""

    type: Literal["referral.ack"] = "referral.ack"


class ReferralOutcome(ReferralAnswer):
    """`referral.outcome`: what we decided."""

    type: Literal["referral.outcome"] = "referral.outcome"


class ReferralFeedback(ReferralAnswer):
    """`referral.feedback`: how it went on."""

    type: Literal["referral.feedback"] = "referral.feedback"


class ReferralCancel(ReferralAnswer):
    """`referral.cancel`: please stop, or: it is cancelled."""

    type: Literal["referral.cancel"] = "referral.cancel"


class ReferralReopen(ReferralAnswer):
    """`referral.reopen`: what was closed is asked for again."""

    type: Literal["referral.reopen"] = "referral.reopen"
