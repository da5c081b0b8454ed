"""What the desk itself refuses, before the SDK is asked.

    DeskError
    └── UsageRefused    something is missing or contradicts itself on the command line

Errors are sentences that say what to do next.

Spec: docs/reference/desk.md, "Exit codes".
"""

from __future__ import annotations


class DeskError(Exception):
    """The root of what the desk refuses on its own."""


class UsageRefused(DeskError):
    """The command line asks for something that cannot be done as it stands."""
