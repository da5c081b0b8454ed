"""What the desk itself refuses, before the SDK is asked.

    DeskError
    ├── UsageRefused    something is missing or contradicts itself on the command line
    └── NotFounded      the relay did not let the agency in; the same command goes on from there

Errors are sentences that say what to do next.

Spec: docs/reference/desk.md, "Exit codes".
"""

from __future__ import annotations


class DeskError(Exception):
    """The root of what the desk refuses on its own."""


class UsageRefused(DeskError):
    """The command line asks for something that cannot be done as it stands."""


class NotFounded(DeskError):
    """The agency is not founded yet, and the sentence says how to go on."""
