"""The in-memory relay's one way to say no: a code of the register, with the register's own words.

It never invents a code and never repeats anything of what was refused.

Spec: docs/spec/relay-protocol.md, "Problems".
"""

from __future__ import annotations

from typing import Final

from quietway.errors import OverQuota, RelayRefused
from quietway_schemas.problems import PROBLEMS

_OVER_QUOTA: Final = "over_quota"
_RETRY_AFTER_SECONDS: Final = 60
_WORTH_A_RETRY: Final = frozenset({429, 503, 507})


def make_refusal(code: str, *, index: int | None = None) -> RelayRefused:
    """Make the error that a client sees when the relay answers with a problem.

    Args:
        code: From `quietway_schemas.problems`.
        index: Which record of a batch was to blame, or None.
    """
    problem = PROBLEMS[code]
    retry_after = _RETRY_AFTER_SECONDS if problem.status in _WORTH_A_RETRY else None
    if code == _OVER_QUOTA:
        return OverQuota(retry_after, index=index)
    return RelayRefused(code, problem.what_next, index=index, retry_after=retry_after)
