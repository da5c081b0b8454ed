"""The one register of the relay's refusals: code, HTTP status, title, and what to do next.

A refusal that is not in this table does not exist. Texts are constant: a problem never repeats
anything of the request, apart from a field's name or a record's place.
`docs/spec/relay-protocol.md` lists the same codes.

Spec: docs/spec/relay-protocol.md, "Problems"; RFC 9457.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import Field

from quietway_schemas.errors import UnknownCodeError
from quietway_schemas.fields import WireModel

PROBLEM_PREFIX: Final = "urn:quietway:problem:"
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
MAX_PROBLEM_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal.

    Attributes:
        code: Its name, for programs.
        status: The HTTP status.
        title: What happened, in one short sentence.
        what_next: What the caller does now, in one sentence.
    """

    code: str
    status: int
    title: str
    what_next: str


_TABLE: Final = (
    Problem(
        "malformed_record",
        400,
        "The body is not made of whole records of the form that this address takes.",
        "Send 1 to 128 envelopes or slips, one ladder, or one claim, as the spec gives its bytes,"
        " and nothing before, between or after.",
    ),
    Problem(
        "malformed_json",
        400,
        "The body is not the JSON that is asked.",
        "Send one object in UTF-8, each key once, without floats or null.",
    ),
    Problem(
        "unknown_field",
        400,
        "The object has a field that is not known.",
        "Leave the field out, or update the relay if it is older than this program.",
    ),
    Problem(
        "invalid_field",
        400,
        "A field is missing or holds what it may not hold.",
        "Correct the named field and send again.",
    ),
    Problem(
        "refused_signature",
        400,
        "The signed object was refused.",
        "Sign the exact payload with the key that may sign it, and send again.",
    ),
    Problem(
        "not_authenticated",
        401,
        "The request is not signed by a device that this relay knows.",
        "Sign the request anew; if this goes on, check that the device is still in its manifest.",
    ),
    Problem(
        "clock_skew",
        401,
        "The signature's time is too far from the relay's.",
        "Set this machine's clock by the Date header of this answer, and send again.",
    ),
    Problem(
        "not_found",
        404,
        "There is nothing here for you.",
        "Synchronise the directory, check the address, and send again.",
    ),
    Problem(
        "method_not_allowed",
        405,
        "This address does not take this method.",
        "Use a method that the Allow header names.",
    ),
    Problem(
        "conflict",
        409,
        "This id was used before with other bytes.",
        "Seal it again under a new id.",
    ),
    Problem(
        "stale_version",
        409,
        "The relay holds a version that this one does not follow.",
        "Fetch the directory, build on the newest version, and send again.",
    ),
    Problem(
        "too_large",
        413,
        "The body is over the limit.",
        "Send it in smaller parts.",
    ),
    Problem(
        "wrong_media_type",
        415,
        "The body has another media type than this address takes.",
        "Send it with the Content-Type that the spec gives.",
    ),
    Problem(
        "range_not_satisfiable",
        416,
        "The blob has no such bytes.",
        "Ask for bytes within the size that the pointer says.",
    ),
    Problem(
        "over_quota",
        429,
        "A quota is used up: of a lane's week, a mailbox's sockets, or a secret's claims.",
        "Wait as long as Retry-After says, and send the same bytes again; of sockets, close one.",
    ),
    Problem(
        "mailbox_full",
        429,
        "The mailbox can't take any more.",
        "Wait as long as Retry-After says; the recipient has to read first.",
    ),
    Problem(
        "internal",
        500,
        "The relay failed.",
        "Send the same bytes again later; if it goes on, tell the relay's operator.",
    ),
    Problem(
        "overloaded",
        503,
        "The relay has too much to do.",
        "Wait as long as Retry-After says, and send the same bytes again.",
    ),
    Problem(
        "storage_failed",
        503,
        "The relay could not write to its disk.",
        "Wait as long as Retry-After says, and send the same bytes again.",
    ),
    Problem(
        "storage_full",
        507,
        "The relay's disk is full.",
        "Wait as long as Retry-After says, and send again; reading and acknowledging still work.",
    ),
)

PROBLEMS: Final = MappingProxyType({problem.code: problem for problem in _TABLE})
"""Every refusal, by its code."""


class ProblemBody(WireModel):
    """A refusal as it travels: `application/problem+json`.

    `index` says which record of a batch was refused, `field` which field of an object.
    """

    type: Annotated[str, Field(pattern=r"^urn:quietway:problem:[a-z_]{1,40}$")]
    title: Annotated[str, Field(max_length=200)]
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(max_length=400)]
    index: Annotated[int, Field(ge=0, le=2**31)] | None = None
    field: Annotated[str, Field(max_length=200)] | None = None

    @classmethod
    def of(cls, code: str, *, index: int | None = None, field: str | None = None) -> Self:
        """Make the body of a refusal from the register.

        Raises:
            UnknownCodeError: No such refusal is registered.
        """
        problem = PROBLEMS.get(code)
        if problem is None:
            raise UnknownCodeError("problems", "code")
        return cls(
            type=PROBLEM_PREFIX + code,
            title=problem.title,
            status=problem.status,
            detail=problem.what_next,
            index=index,
            field=field,
        )

    @property
    def code(self) -> str:
        """The code, without the prefix. A newer relay may send one that is not in our register."""
        return self.type.removeprefix(PROBLEM_PREFIX)
