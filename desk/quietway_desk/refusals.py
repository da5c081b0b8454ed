"""What the desk itself refuses, before the SDK is asked.

    DeskError
    ├── UsageRefused    something is missing or contradicts itself on the command line
    ├── NotConfirmed    what was typed is not what was asked for; nothing was changed
    ├── WordsDiffer     the words of two screens are not the same; nothing was approved
    ├── NotListed       the agency has nothing of that name; the sentence says what lists them
    ├── NotJoined       this computer has asked to be let in, and is no device yet
    ├── NotAuditor      the access log is read on an auditor's device
    ├── NotDone         the relay is out of reach, and what was asked for takes it
    └── NotFounded      the relay did not let the agency in; the same command goes on from there

Errors are sentences that say what to do next.

Spec: docs/reference/desk.md, "Exit codes".
"""

from __future__ import annotations


class DeskError(Exception):
    """The root of what the desk refuses on its own."""


class UsageRefused(DeskError):
    """The command line asks for something that cannot be done as it stands."""


class NotConfirmed(DeskError):
    """Somebody typed something else than what would have meant yes."""

    def __init__(self) -> None:
        super().__init__("That is not what was asked for. Nothing was changed.")


class WordsDiffer(DeskError):
    """The words that were read out are not the words of what this side has."""

    def __init__(self) -> None:
        super().__init__(
            "Stop: these are not the words. Either one was misheard, or somebody changed a message "
            "on its way. Nothing was approved. Carry the request over once more, by another way, "
            "and say the words aloud."
        )


class NotListed(DeskError):
    """The agency has nothing of that name."""

    def __init__(self, what: str, listed_by: str) -> None:
        super().__init__(f"{what} is not there. See what is: {listed_by}")


class NotJoined(DeskError):
    """There is a request here, and no device yet."""

    def __init__(self) -> None:
        super().__init__(
            "This computer has asked to be let in, and is no device yet. With the ops holder's "
            "answer: quietway device join FILE. To show the request once more: quietway device "
            "request"
        )


class NotAuditor(DeskError):
    """The access log is for auditors, and this device's certificate does not say so."""

    def __init__(self) -> None:
        super().__init__(
            "The access log is read on a device with the role auditor, and this one has not that "
            "role. Read it there, or ask an ops holder: quietway device roles DEVICE --role auditor"
        )


class NotDone(DeskError):
    """What was asked for takes the relay, which is out of reach. Nothing waits to be done."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: the relay cannot be reached. This does not happen by itself later: check the "
            "network, then run the same command again."
        )


class NotFounded(DeskError):
    """The agency is not founded yet, and the sentence says how to go on."""
