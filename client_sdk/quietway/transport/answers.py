"""Reads what a relay answered, and trusts none of it further than its form.

A problem of the register becomes `RelayRefused` in the register's own words: text that the relay
chose is never shown, since it could say anything. A clock problem becomes `ClockError`. Whatever
is not an answer of a relay (a captive portal, a proxy's page, a redirect) is `RelayUnreachable`.

Spec: docs/spec/relay-protocol.md, "Problems".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from quietway.errors import ClockError, OverQuota, RelayRefused, RelayUnreachable
from quietway_schemas.errors import SchemaError
from quietway_schemas.problems import (
    MAX_PROBLEM_BYTES,
    PROBLEM_MEDIA_TYPE,
    PROBLEMS,
    ProblemBody,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_schemas.instants import Instant

_MS: Final = 1_000
_LONGEST_WAIT_SECONDS: Final = 86_400
_UNKNOWN_PROBLEM: Final = (
    "Upgrade quietway: this relay refuses for a reason that is not known here."
)
_CLOCK_SKEW: Final = "clock_skew"
_OVER_QUOTA: Final = "over_quota"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def date(self) -> Instant:
        """The relay's clock, to the second.

        Raises:
            RelayUnreachable: The answer has no date, so it is not a relay's.
        """
        try:
            moment = parsedate_to_datetime(self.headers.get("date", ""))
            return math.floor(moment.timestamp()) * _MS
        except (ValueError, OverflowError):
            raise RelayUnreachable from None


def check_answer(answer: Answer, *, status: int, media_type: str | None, now: Instant) -> bytes:
    """Return the body of the answer that was hoped for.

    Args:
        answer: What came.
        status: What a relay that did as asked answers.
        media_type: Of the body then, or None where there is none.
        now: This machine's clock, in milliseconds.

    Raises:
        RelayRefused: The relay answered with a problem.
        ClockError: It says that this machine's clock is wrong.
        RelayUnreachable: It is not the answer of a relay.
    """
    raise_problem(answer, now=now)
    if answer.status != status or (media_type is not None and answer.media_type != media_type):
        raise RelayUnreachable
    return answer.body


def raise_problem(answer: Answer, *, now: Instant) -> None:
    """Raise what a problem document says; return where the answer is none."""
    if answer.media_type != PROBLEM_MEDIA_TYPE:
        return
    try:
        problem = ProblemBody.from_body(answer.body, max_bytes=MAX_PROBLEM_BYTES)
    except SchemaError:
        raise RelayUnreachable from None
    if problem.code == _CLOCK_SKEW:
        raise ClockError(now - answer.date)
    raise name_problem(problem.code, index=problem.index, retry_after=_retry_after(answer))


def name_problem(
    code: str, *, index: int | None = None, retry_after: int | None = None
) -> RelayRefused:
    """Make the error for a problem code, in the register's words."""
    if code == _OVER_QUOTA:
        return OverQuota(retry_after, index=index)
    known = PROBLEMS.get(code)
    detail = _UNKNOWN_PROBLEM if known is None else known.what_next
    return RelayRefused(code, detail, index=index, retry_after=retry_after)


def _retry_after(answer: Answer) -> int | None:
    named = answer.headers.get("retry-after", "")
    return min(int(named), _LONGEST_WAIT_SECONDS) if named.isascii() and named.isdigit() else None
