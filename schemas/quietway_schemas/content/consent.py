"""What a survivor has released, to whom, and until when; and what is done when that ends.

A release is about one case and for one agency. It says all of it each time: an amendment, and the
word that ends a pause, are written whole, so that nobody has to add up what is left. Oral consent
is no consent (V17), a respondent signs for nobody (V18), and nothing is released for longer than 90
days (V19). Whoever wants to stop needs no form: a pause or a revocation may be oral, and may leave
out which release it means, which stops all of the case with that agency. None of these has a field
for free text but the hours at which a survivor may be called; no code word travels.

`rollback.order` asks a holder to purge; `purge.attestation` is the holder's signed word.

Spec: docs/spec/consent.md; schemas/README.md, "Consent".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import AbsoluteOfCase, ContentPart, OfCase, Sorted, Text
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Bytes16, Count, Moment
from quietway_schemas.ids import AgencyId, MessageId
from quietway_schemas.instants import DAY

LONGEST_RELEASE_MS: Final = 90 * DAY
USUAL_RELEASE_MS: Final = 30 * DAY
LONGEST_WINDOW_MS: Final = 14 * DAY
MOST_TARGETS: Final = 128
"""Messages that one order can name; one that names none means everything of the case."""

_Categories = tuple[Annotated[str, CodeIn("data_category")], ...]
_Reason = Annotated[str, CodeIn("consent_reason")]
_Method = Annotated[str, CodeIn("withdrawal_method")]
_Channels = tuple[Annotated[str, CodeIn("survivor_channel")], ...]


def _check_told(told: bool) -> bool:  # noqa: FBT001  # a validator is given the value alone
    if not told:
        raise ValueError("was not told: a release counts only once it was")
    return told


Told = Annotated[bool, AfterValidator(_check_told), Field(json_schema_extra={"const": True})]


class InformedItems(ContentPart):
    """What the survivor was told before signing: all five, each of them true."""

    benefits: Told
    risks: Told
    alternatives: Told
    may_withdraw: Told
    not_condition_of_service: Told


class Release(AbsoluteOfCase):
    """All of a release, as a grant, an amendment and the end of a pause say it.

    `scopes`, `data_categories` and `purposes` name at least one code each. Where `circumstances`
    names any, it covers those alone.
    """

    consent_id: Bytes16
    recipient: AgencyId
    scopes: Annotated[
        tuple[Annotated[str, CodeIn("consent_scope")], ...], Field(min_length=1), Sorted
    ]
    data_categories: Annotated[_Categories, Field(min_length=1), Sorted]
    purposes: Annotated[
        tuple[Annotated[str, CodeIn("purpose_of_use")], ...], Field(min_length=1), Sorted
    ]
    circumstances: Annotated[tuple[Annotated[str, CodeIn("circumstance")], ...], Sorted] = ()
    form: Annotated[str, CodeIn("consent_form")]
    informed_items: InformedItems
    not_before: Moment
    expires: Moment
    signed_by: Annotated[str, CodeIn("consent_signer")]
    language: Annotated[str, CodeIn("language")]
    interpreter_used: bool = False
    witness: bool = False
    effective_at: Moment

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        if not self.not_before < self.expires <= self.not_before + LONGEST_RELEASE_MS:
            raise ContentError("expires", "is not after not_before, by 90 days at most")
        return self


class ConsentGrant(Release):
    """`consent.grant`: a release, given."""

    type: Literal["consent.grant"] = "consent.grant"


class ConsentAmend(Release):
    """`consent.amend`: the same release, as it is from now on."""

    type: Literal["consent.amend"] = "consent.amend"


class ConsentResume(Release):
    """`consent.resume`: a paused or revoked release, given again."""

    type: Literal["consent.resume"] = "consent.resume"


class Withdrawal(AbsoluteOfCase):
    """What a pause and a revocation say.

    `consent_id` names the release; where it is absent, all of the case with that agency stops.
    """

    effective_at: Moment
    method: _Method
    reason_code: _Reason | None = None


class ConsentPause(Withdrawal):
    """`consent.pause`: nothing more, until it is resumed."""

    type: Literal["consent.pause"] = "consent.pause"


class ConsentRevoke(Withdrawal):
    """`consent.revoke`: nothing more."""

    type: Literal["consent.revoke"] = "consent.revoke"


class ConsentLift(AbsoluteOfCase):
    """`consent.lift`: a pause of all of the case is over, and there is no release to resume."""

    type: Literal["consent.lift"] = "consent.lift"
    effective_at: Moment
    method: _Method


class ConsentWindow(AbsoluteOfCase):
    """`consent.window`: for a short time, these categories too."""

    type: Literal["consent.window"] = "consent.window"
    consent_id: Bytes16
    opens: Moment
    closes: Moment
    added_categories: Annotated[_Categories, Field(min_length=1), Sorted]

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        if not self.opens < self.closes <= self.opens + LONGEST_WINDOW_MS:
            raise ContentError("closes", "is not after opens, by 14 days at most")
        return self


class ConsentPreferences(AbsoluteOfCase):
    """`consent.preferences`: how the survivor may be reached, and how not."""

    type: Literal["consent.preferences"] = "consent.preferences"
    safe_channels: Annotated[_Channels, Sorted] = ()
    unsafe_channels: Annotated[_Channels, Sorted] = ()
    safe_hours: Annotated[str, Text(240, 60)] | None = None
    voicemail_ok: bool = False
    text_ok: bool = False
    language: Annotated[str, CodeIn("language")]
    accessible_format: Annotated[str, CodeIn("accessible_format")] | None = None

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        unsafe = set(self.unsafe_channels)
        if unsafe & set(self.safe_channels):
            raise ContentError("unsafe_channels", "names one that is said to be safe, too")
        if (self.voicemail_ok and "voicemail" in unsafe) or (self.text_ok and "text" in unsafe):
            raise ContentError("unsafe_channels", "names one that is said to be all right, too")
        return self


class RollbackOrder(OfCase):
    """`rollback.order`: purge these messages of ours, or all that we said of the case."""

    type: Literal["rollback.order"] = "rollback.order"
    order_id: Bytes16
    due: Moment
    reason_code: Annotated[str, CodeIn("rollback_reason")]
    targets: Annotated[tuple[MessageId, ...], Field(max_length=MOST_TARGETS), Sorted] = ()
    nonce: Bytes16


class PurgeAttestation(OfCase):
    """`purge.attestation`: what became of an order here, and how many messages it was about."""

    type: Literal["purge.attestation"] = "purge.attestation"
    order_id: Bytes16
    done_at: Moment
    method: Annotated[str, CodeIn("purge_method")]
    messages: Count
