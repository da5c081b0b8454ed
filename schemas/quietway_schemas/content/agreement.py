"""Agreements between agencies: what flows to whom, for what, how long it is kept, and who signed.

The terms are written once as canonical JSON, and those exact bytes are what each party's ops key
signs; signatures stand beside them and can be added one by one. A model that exists is well-formed:
whether an agreement is in force is for `quietway.policy` to prove. What no cell of the matrix names
does not flow.

Spec: docs/spec/agreements.md.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import ContentModel, ContentPart, Sorted
from quietway_schemas.dictionary import AgencyApproval, Name
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Base64, Bytes32, Days, Moment, Version, WireModel
from quietway_schemas.ids import AgencyId

MAX_TERMS_BYTES: Final = 4_000
MAX_AGREEMENT_BYTES: Final = 16_384
MOST_PARTIES: Final = 12
MOST_CELLS: Final = 16
MOST_APPROVALS: Final = 24
MOST_APPROVALS_SAID: Final = 4
"""Of one message; whoever holds more says the terms again with the others."""


class AgreementCell(ContentPart):
    """One cell of the matrix: these categories, to these agencies, for these purposes.

    `roles` are those who may receive it there; where it is empty, all who work on cases.
    `identifying` says whether it may name a person, for which it takes a release besides.
    """

    categories: Annotated[
        tuple[Annotated[str, CodeIn("data_category")], ...], Field(min_length=1), Sorted
    ]
    recipients: Annotated[
        tuple[AgencyId, ...], Field(min_length=1, max_length=MOST_PARTIES), Sorted
    ]
    roles: Annotated[tuple[Annotated[str, CodeIn("role")], ...], Sorted] = ()
    purposes: Annotated[
        tuple[Annotated[str, CodeIn("purpose_of_use")], ...], Field(min_length=1), Sorted
    ]
    retention_days: Days
    identifying: bool


class AgreementTerms(WireModel):
    """What is agreed, as it was written.

    `previous` is the hash of the version before. `lay_text_hash` is that of the words that people
    signed.
    """

    name: Name
    version: Version
    previous: Bytes32 | None = None
    parties: Annotated[tuple[AgencyId, ...], Field(min_length=2, max_length=MOST_PARTIES), Sorted]
    matrix: Annotated[tuple[AgreementCell, ...], Field(min_length=1, max_length=MOST_CELLS)]
    effective: Moment
    review_by: Moment
    expires: Moment
    lay_text_hash: Bytes32

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if not self.effective < self.review_by <= self.expires:
            raise ContentError("review_by", "is not after effective, or after the end")
        if (self.version == 1) != (self.previous is None):
            raise ContentError("previous", "stands in each version but the first")
        return self

    @model_validator(mode="after")
    def _check_recipients(self) -> Self:
        if any(set(cell.recipients) - set(self.parties) for cell in self.matrix):
            raise ContentError("matrix", "names a recipient that is no party")
        return self


def read_terms(payload: bytes) -> AgreementTerms:
    """Read what was signed.

    Raises:
        JsonError: Not canonical JSON.
        ContentError: A field is missing, unknown or wrong.
    """
    return AgreementTerms.from_canonical(payload, max_bytes=MAX_TERMS_BYTES)


Payload = Annotated[bytes, Base64(2, MAX_TERMS_BYTES)]


def check_approvals(approvals: Sequence[AgencyApproval]) -> None:
    """Demand that approvals stand sorted by agency, then key, each once.

    Raises:
        ContentError: They do not.
    """
    named = [(held.agency, held.key) for held in approvals]
    if named != sorted(set(named)):
        raise ContentError("approvals", "is not sorted, or names something twice")


class SignedAgreement(WireModel):
    """The signed file: the terms as they were written, and who has signed them so far."""

    payload: Payload
    approvals: Annotated[tuple[AgencyApproval, ...], Field(max_length=MOST_APPROVALS)]

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        check_approvals(self.approvals)
        _ = self.terms
        return self

    @cached_property
    def terms(self) -> AgreementTerms:
        """What the payload says."""
        return read_terms(self.payload)

    def with_approval(self, approval: AgencyApproval) -> "SignedAgreement":
        """Give the same terms with one approval more; one by the same key is replaced."""
        place = (approval.agency, approval.key)
        others = [held for held in self.approvals if (held.agency, held.key) != place]
        approvals = sorted((*others, approval), key=lambda held: (held.agency, held.key))
        return SignedAgreement(payload=self.payload, approvals=tuple(approvals))

    @classmethod
    def read(cls, raw: bytes) -> "SignedAgreement":
        """Read the file.

        Raises:
            SchemaError: It is not one.
        """
        return cls.from_canonical(raw, max_bytes=MAX_AGREEMENT_BYTES)


class AgreementShared(ContentModel):
    """`agreement.shared`: the terms, and signatures that its sender holds for them."""

    type: Literal["agreement.shared"] = "agreement.shared"
    payload: Payload
    approvals: Annotated[tuple[AgencyApproval, ...], Field(max_length=MOST_APPROVALS_SAID)] = ()

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        check_approvals(self.approvals)
        _ = self.terms
        return self

    @cached_property
    def terms(self) -> AgreementTerms:
        """What the payload says."""
        return read_terms(self.payload)


class AgreementEnded(ContentModel):
    """`agreement.ended`: a party leaves, which ends it for all. `agreement` is the terms' hash."""

    type: Literal["agreement.ended"] = "agreement.ended"
    agreement: Bytes32
    at: Moment
    approval: AgencyApproval
