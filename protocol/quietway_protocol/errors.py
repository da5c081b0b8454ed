"""Everything that can go wrong in this package; whose fault it is stands in the class name.

    ProtocolError
    ├── LocalProtocolError      this side called something that its state forbids: a bug here
    ├── RemoteProtocolError     the other side broke the protocol: close the connection
    ├── RequestRefusedError     a request signature is missing, wrong, or by nobody known
    └── ClockSkewError          a request signature is right, but by a clock that is too far off

Errors carry reasons written here and numbers, never anything that the other side sent.

Spec: docs/spec/relay-protocol.md, "Signed requests" and "The mailbox".
"""

from __future__ import annotations


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
