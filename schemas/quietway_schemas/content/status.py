"""Status indicators: where things stand, as a code with an end, and never in words.

An indicator says that a safety plan is active or a court date is set; it has no field for text,
place, or the date of a hearing. It always expires, so that yesterday's worry does not stand in
front of somebody for years.

Spec: schemas/README.md, "Status indicators".
"""

from typing import Annotated, Final, Literal, Self

from pydantic import model_validator

from quietway_schemas.codebook.lists import CodeIn, check
from quietway_schemas.content.base import CaseContent, ContentModel, Supersedes, check_seen
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Moment
from quietway_schemas.instants import DAY, HOUR, Instant

LONGEST_STATUS_MS: Final = 30 * DAY
USUAL_STATUS_MS: Final = 14 * DAY
ALERT_STATUS_MS: Final = 24 * HOUR

ALERT_CODES: Final = frozenset(
    {
        "checkin_missed",
        "heightened_concern",
        "threat_unverified",
        "threat_corroborated",
        "order_violation_reported",
    }
)
"""Indicators that stand for a day, because they call for action at once."""

RESTRICTED_CODES: Final = frozenset({"shelter_need_met", "relocation_complete"})
"""Indicators that reveal movement: only for advocates and the coordination lead."""


class StatusIndicator(CaseContent):
    """`status.indicator`: one code, its state, and from when until when it stands.

    `supersedes` names the versions that its author's agency showed; a writer of a former version of
    this program leaves it out.
    """

    type: Literal["status.indicator"] = "status.indicator"
    code: Annotated[str, CodeIn("status_indicator")]
    state: Annotated[str, CodeIn("status_state")]
    effective: Moment
    expires: Moment
    confidence: Annotated[str, CodeIn("status_confidence")]
    supersedes: Supersedes | None = None

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        if not self.effective < self.expires <= self.effective + LONGEST_STATUS_MS:
            raise ContentError("expires", "is not after effective, by 30 days at most")
        check_seen(self.supersedes or ())
        return self


def is_alarm(content: ContentModel) -> bool:
    """Say whether a content calls for action at once, so that its way is one of its own."""
    return isinstance(content, StatusIndicator) and content.code in ALERT_CODES


def propose_expiry(code: str, effective: Instant) -> Instant:
    """Propose when an indicator ends: a day for those that call for action at once, else 14 days.

    Raises:
        UnknownCodeError: No such indicator.
    """
    check("status_indicator", code, "code")
    return effective + (ALERT_STATUS_MS if code in ALERT_CODES else USUAL_STATUS_MS)
