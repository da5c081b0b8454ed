"""What a session tells its owner after it was fed a frame: a closed set of plain values.

Rules: events hold what was received, already checked; they are never sent anywhere.

Spec: docs/spec/relay-protocol.md, "Websocket".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from quietway_schemas.envelope import Header


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """The client asks for everything after a sequence number (relay side)."""

    after: int
    witness_now: bytes
    witness_was: bytes | None


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The relay answered the hello (client side). `now` is the relay's clock in milliseconds."""

    latest: int
    acknowledged: int
    now: int
    witness_kept: bool


@dataclass(frozen=True, slots=True)
class EnvelopeArrived:
    """One envelope (client side): its number in the mailbox, its header, and its sealed bytes."""

    seq: int
    header: Header
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The client is done with envelopes (relay side): all `through` a number, or exactly `seqs`."""

    through: int | None
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Latest:
    """The mailbox has come to this number (the client's side of a listen-only socket)."""

    latest: int


@dataclass(frozen=True, slots=True)
class PeerClosing:
    """The relay says why it is about to close (client side). `problem` is a registered code."""

    problem: str
    detail: str


Event: TypeAlias = HelloReceived | Welcomed | EnvelopeArrived | Acknowledged | Latest | PeerClosing
