"""The relay as it would be if it said everything at once to whoever reads. In its own process.

python -m tests.faults.says_everything serve ...
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server.__main__ import main

if TYPE_CHECKING:
    from quietway_server.api.stream import _Connection

SEND: Final = "quietway_server.api.stream:_Connection._send_envelopes"
_AT_ONCE: Final = 256


async def send_everything(connection: _Connection) -> None:
    """Stand in the place of sending: no window, and no look at whether the peer reads."""
    after = 0
    while not connection._is_over:
        fetched = await connection._relay.mailboxes.fetch(
            connection._device, after=after, limit=_AT_ONCE
        )
        for stored in fetched.envelopes:
            after = stored.seq
            head = b"\x01" + stored.seq.to_bytes(8, "big")
            connection._direct.say(head + stored.header.pack() + stored.sealed)
        if not fetched.envelopes:
            await connection._hints.changed()


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        without(patch, SEND, send_everything)
        without(patch, "quietway_server.direct:Unread.add", lambda *_: None)
        sys.exit(main())
