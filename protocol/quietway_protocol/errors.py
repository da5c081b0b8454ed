"""Everything that can go wrong in this package; whose fault it is stands in the class name.

    ProtocolError
    ├── LocalProtocolError      this side called something that its state forbids: a bug here
    ├── RemoteProtocolError     the other side broke the protocol: close the connection
    ├── RequestRefusedError     a request signature is missing, wrong, or by nobody known
    ├── ClockSkewError          a request signature is right, but by a clock that is too far off
    ├── ManifestRefusedError    a manifest does not hold, or does not follow the one that is held
    ├── CheckpointRefusedError  a checkpoint is malformed, forged, or another log's
    ├── EvidenceRefusedError    a file does not prove that a log showed two faces
    └── DictionaryRefusedError  the agencies have not agreed to a dictionary, or not to this next

Errors carry reasons written here and numbers, never anything that the other side sent.

Spec: docs/spec/relay-protocol.md, "Signed requests" and "The mailbox";
docs/spec/keys.md, "Manifest"; docs/spec/transparency-log.md, "Checkpoints";
docs/spec/dictionary.md, "When it counts".
"""

from __future__ import annotations

from typing import Final

FORGED: Final = "forged"
WEAK_KEY: Final = "weak_key"
ROLLED_BACK: Final = "rolled_back"
UNLINKED: Final = "unlinked"
INCONSISTENT: Final = "inconsistent"
MALFORMED: Final = "malformed"
ANOTHER_LOG: Final = "another_log"
NO_FORK: Final = "no_fork"
_PROBLEMS: Final = {
    FORGED: "refused_signature",
    WEAK_KEY: "refused_signature",
    ROLLED_BACK: "stale_version",
    UNLINKED: "stale_version",
    INCONSISTENT: "invalid_field",
}


class ProtocolError(Exception):
    """The root of this package's errors."""


class LocalProtocolError(ProtocolError):
    """This side tried something that the state of its session does not allow."""


class RemoteProtocolError(ProtocolError):
    """The other side sent something that is malformed, or out of its turn."""


class RequestRefusedError(ProtocolError):
    """A request does not carry exactly one right signature by a known key.

    There is one sentence for every cause, so that nobody learns which part of a forgery was good.
    """

    def __init__(self) -> None:
        super().__init__("The request signature is missing, wrong, or by no known device.")


class ClockSkewError(ProtocolError):
    """The signature is right, but the two clocks are too far apart.

    Attributes:
        skew_ms: How far the signer's clock is ahead of ours, in milliseconds; negative if behind.
    """

    def __init__(self, *, skew_ms: int) -> None:
        super().__init__("The clock that signed the request is more than 2 hours off: set it.")
        self.skew_ms = skew_ms


class ManifestRefusedError(ProtocolError):
    """A manifest is not vouched for as it must be, or does not follow the one that is held.

    Attributes:
        reason: `forged` (somebody else's signature, or too few), `weak_key`, `rolled_back` (an
            older version, or a device that left is back), `unlinked` (it does not name the version
            before), `inconsistent` (it says otherwise than the version before, where it may not).
        field: The field that decided it.
        problem: The registered code that a relay answers with.
    """

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(f"The manifest was refused ({reason}): its field '{field}' decided it.")
        self.reason = reason
        self.field = field
        self.problem = _PROBLEMS[reason]


class CheckpointRefusedError(ProtocolError):
    """A checkpoint does not hold under the log key that is pinned.

    Attributes:
        reason: `malformed` (not in its one form), `another_log` (it names another log or key), or
            `forged` (the signature is not by that key).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The checkpoint was refused ({reason}): do not rely on this log.")
        self.reason = reason


class EvidenceRefusedError(ProtocolError):
    """A file proves nothing.

    Attributes:
        reason: `malformed` (not in its one form), `forged` (a note is not by the key that the file
            names), or `no_fork` (both notes may be of one tree).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The file proves nothing ({reason}): ask for it again, as it was made.")
        self.reason = reason


class DictionaryRefusedError(ProtocolError):
    """A release of the dictionary does not count, or does not follow the one that is held.

    Attributes:
        reason: A code of dictionary.md, "When it counts".
        agency: The agency that decided it, in text form; empty where it was none.
    """

    def __init__(self, reason: str, *, agency: str = "") -> None:
        of = f" (agency {agency})" if agency else ""
        super().__init__(f"The dictionary was refused: {reason}{of}.")
        self.reason = reason
        self.agency = agency
