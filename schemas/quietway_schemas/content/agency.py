"""What the devices of one agency tell each other: never said to another agency, and never shown.

Their names begin with `agency.` (or `access.`: see `access`); from another agency each of them is
refused. What is signed in them (certificates, snapshots) is judged by the keys it names, and never
by who passed it on.

Spec: docs/spec/keys.md, "Messages within an agency" and "A snapshot for a new device".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.access import Rules
from quietway_schemas.content.base import ContentModel, ContentPart, Supersedes, check_seen
from quietway_schemas.directory import MAX_CERTIFICATE_BYTES, MOST_APPROVALS, Approval
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Base64, Bytes16, Bytes32, Count, Moment
from quietway_schemas.ids import AgencyId, DeviceId

WITHIN_PREFIXES: Final = ("access.", "agency.")
MOST_ROWS: Final = 12
MOST_ROW_BYTES: Final = 4_000
"""All keys and values of one message together: whoever shares more shares it in several."""
MOST_REQUEST_BYTES: Final = 480
MOST_OFFER_BYTES: Final = 960
"""What a request and an offer take at their longest; see `quietway_schemas.linking`."""
PART_BYTES: Final = 4_096
MOST_PARTS: Final = 4_096


class SharedRow(ContentPart):
    """One row that all devices of an agency hold alike."""

    kind: Literal[
        "agency_secret",
        "case_alias",
        "consent",
        "data_use",
        "guard_entry",
        "invited",
        "lane_cut",
        "lane_granted",
        "lane_rotated",
        "naming_key",
        "partner",
    ]
    key: Annotated[bytes, Base64(0, 64)]
    value: Annotated[bytes, Base64(1, MOST_ROW_BYTES)]
    at: Moment


class AgencyShared(ContentModel):
    """`agency.shared`: rows as they were last written. Of two the later counts."""

    type: Literal["agency.shared"] = "agency.shared"
    rows: Annotated[tuple[SharedRow, ...], Field(min_length=1, max_length=MOST_ROWS)]

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if sum(len(row.key) + len(row.value) for row in self.rows) > MOST_ROW_BYTES:
            raise ContentError("rows", "hold more than one message can carry")
        return self


class AgencyProposal(ContentModel):
    """`agency.proposal`: a certificate that others may approve, and who did so far.

    `request` and `offer` are what the words were made of that two people compared. They are left
    out where a device that is certified already gets other roles.
    """

    type: Literal["agency.proposal"] = "agency.proposal"
    certificate: Annotated[bytes, Base64(2, MAX_CERTIFICATE_BYTES)]
    approvals: Annotated[tuple[Approval, ...], Field(min_length=1, max_length=MOST_APPROVALS)]
    request: Annotated[bytes, Base64(2, MOST_REQUEST_BYTES)] | None = None
    offer: Annotated[bytes, Base64(2, MOST_OFFER_BYTES)] | None = None

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        keys = [held.key for held in self.approvals]
        if keys != sorted(set(keys)):
            raise ContentError("approvals", "is not sorted, or names something twice")
        if (self.request is None) != (self.offer is None):
            raise ContentError("offer", "stands with its request, or neither does")
        return self


class AgencySnapshotOffer(ContentModel):
    """`agency.snapshot_offer`: what is about to be given to a new device, told to all devices."""

    type: Literal["agency.snapshot_offer"] = "agency.snapshot_offer"
    snapshot_id: Bytes16
    to: DeviceId
    digest: Bytes32
    parts: Annotated[int, Field(ge=1, le=MOST_PARTS)]
    statuses: Count
    referrals: Count


class AgencySnapshotApproval(ContentModel):
    """`agency.snapshot_approval`: an ops key's word that this digest may be taken in."""

    type: Literal["agency.snapshot_approval"] = "agency.snapshot_approval"
    snapshot_id: Bytes16
    digest: Bytes32
    approval: Approval


class AgencySnapshotPart(ContentModel):
    """`agency.snapshot_part`: one piece, sealed to the new device alone. Counted from 0."""

    type: Literal["agency.snapshot_part"] = "agency.snapshot_part"
    snapshot_id: Bytes16
    number: Annotated[int, Field(ge=0, lt=MOST_PARTS)]
    piece: Annotated[bytes, Base64(1, PART_BYTES)]


class AgencyLeaving(ContentModel):
    """`agency.leaving`: the machine of this device is being wiped. Retire it."""

    type: Literal["agency.leaving"] = "agency.leaving"


class AgencyStanding(ContentModel):
    """`agency.standing`: whether this agency shares with a partner now. An absolute object.

    Its name is the hash of its canonical bytes, so the nonce makes each a version of its own.
    `scopes` are what is shared, where that is not everything.
    """

    type: Literal["agency.standing"] = "agency.standing"
    partner: AgencyId
    stance: Literal["granted", "paused", "ended"]
    nonce: Bytes16
    supersedes: Supersedes = ()
    scopes: tuple[Annotated[str, CodeIn("consent_scope")], ...] | None = None
    reason_code: Annotated[str, CodeIn("reason")] | None = None

    @model_validator(mode="after")
    def _check_lists(self) -> Self:
        check_seen(self.supersedes)
        if self.scopes is not None and list(self.scopes) != sorted(set(self.scopes)):
            raise ContentError("scopes", "is not sorted, or names something twice")
        return self


class AgencyOverrideRequest(ContentModel):
    """`agency.override_request`: somebody asks for a second person, who may let a message pass.

    `digest` is a keyed hash of the texts; the key stays on the device that asks, so nothing of
    them can be guessed. `kind` is the content's type.
    """

    type: Literal["agency.override_request"] = "agency.override_request"
    digest: Bytes32
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,23}(\.[a-z][a-z_]{0,23})?$")]
    rules: Annotated[Rules, Field(min_length=1)]
    reason_code: Annotated[str, CodeIn("guard_reason")]


class AgencyOverrideConfirmation(ContentModel):
    """`agency.override_confirmation`: a second person has seen what this digest is of."""

    type: Literal["agency.override_confirmation"] = "agency.override_confirmation"
    digest: Bytes32


class AgencyReview(ContentModel):
    """`agency.review`: a person looked at a device's permissions, and they are as they should be.

    The certificate is named by when it was issued: another one is another line.
    """

    type: Literal["agency.review"] = "agency.review"
    device: DeviceId
    issued: Moment


def is_within(kind: str) -> bool:
    """Say whether a type is for the devices of the sender's own agency alone."""
    return kind.startswith(WITHIN_PREFIXES)
