"""What is taken in of another device's word, and what comes of it.

Spec: docs/spec/keys.md, "Messages within an agency".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quietway.agent import Agent
    from quietway.engine.codec import Fields
    from quietway.events import Event
    from quietway.ports import Delete, Put
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Told:
    """What a device told that is no message of anybody's.

    Attributes:
        agency: Whose device it is: this one's own, but for a lane that a partner gave.
        device: Which.
        at: When it was sent, by its clock.
        content: What.
        kept: The row that it came in, with what was signed; None where nobody asks for it.
    """

    agency: AgencyId
    device: DeviceId
    at: Instant
    content: ContentModel = field(repr=False)
    kept: Fields | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """What comes of it.

    Attributes:
        writes: Rows for the commit that takes it in.
        after: What this process remembers, or does, once they are on the disk.
        events: What the program is told then.
    """

    writes: tuple[Put | Delete, ...] = ()
    after: tuple[Callable[[], Awaitable[None]], ...] = ()
    events: tuple[Event, ...] = ()


if TYPE_CHECKING:
    Taker: TypeAlias = Callable[[Agent, Told], Awaitable[Taken]]
    """Acts on one type of content that is shown as a message too."""
