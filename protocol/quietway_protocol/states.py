"""The states of a mailbox session, and the only ways from one to the next, as a table.

    FRESH --hello--> GREETED --welcome--> OPEN --envelope, ack--> OPEN
    FRESH --latest--> LISTENING --latest--> LISTENING
    any of them --a breach by the other side--> BROKEN
    any of them, and BROKEN --closing--> CLOSED

Both ends run the same table: what one sends, the other receives, and both move alike. A frame that
has no row here is a breach of the protocol by whoever sent it. Which role may send a frame stands
in `SENDER`.

Spec: docs/spec/relay-protocol.md, "Websocket".
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(Enum):
    """Which end of the connection this is."""

    CLIENT = "client"
    RELAY = "relay"


class State(Enum):
    """Where a session stands."""

    FRESH = "fresh"
    GREETED = "greeted"
    OPEN = "open"
    LISTENING = "listening"
    BROKEN = "broken"
    CLOSED = "closed"


class Frame(Enum):
    """The kinds of frames."""

    HELLO = "hello"
    WELCOME = "welcome"
    ENVELOPE = "envelope"
    ACK = "ack"
    LATEST = "latest"
    CLOSING = "closing"


SENDER: Final[Mapping[Frame, Role]] = MappingProxyType(
    {
        Frame.HELLO: Role.CLIENT,
        Frame.WELCOME: Role.RELAY,
        Frame.ENVELOPE: Role.RELAY,
        Frame.ACK: Role.CLIENT,
        Frame.LATEST: Role.RELAY,
        Frame.CLOSING: Role.RELAY,
    }
)

TRANSITIONS: Final[Mapping[tuple[State, Frame], State]] = MappingProxyType(
    {
        (State.FRESH, Frame.HELLO): State.GREETED,
        (State.FRESH, Frame.LATEST): State.LISTENING,
        (State.FRESH, Frame.CLOSING): State.CLOSED,
        (State.GREETED, Frame.WELCOME): State.OPEN,
        (State.GREETED, Frame.CLOSING): State.CLOSED,
        (State.OPEN, Frame.ENVELOPE): State.OPEN,
        (State.OPEN, Frame.ACK): State.OPEN,
        (State.OPEN, Frame.CLOSING): State.CLOSED,
        (State.LISTENING, Frame.LATEST): State.LISTENING,
        (State.LISTENING, Frame.CLOSING): State.CLOSED,
        (State.BROKEN, Frame.CLOSING): State.CLOSED,
    }
)
