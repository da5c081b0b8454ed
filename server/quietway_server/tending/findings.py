"""What the doctor finds: one line for each thing that was looked at.

Rules: a line says what was looked at, what was found, and what to do where it is not well. Nothing
named in it is an agency's.

Spec: docs/reference/operating.md, "Doctor".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OK: Final = "OK"
WARN: Final = "WARN"
FAIL: Final = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor.

    Attributes:
        state: `OK`, `WARN` or `FAIL`.
        about: What was looked at.
        found: What was found, and what to do where it is not well.
    """

    state: str
    about: str
    found: str


def ok(about: str, found: str) -> Finding:
    """Find that something is well."""
    return Finding(OK, about, found)


def warn(about: str, found: str) -> Finding:
    """Find that somebody should look at something, and say what to do."""
    return Finding(WARN, about, found)


def fail(about: str, found: str) -> Finding:
    """Find that something is wrong, and say what to do."""
    return Finding(FAIL, about, found)
