"""The mailbox without a socket: ask for a page, acknowledge, ask again.

It serves two cases: a short look that ends when the mailbox is empty, and networks that let no
websocket pass. Pages always have the same size, so whoever watches can't count what came. Live, it
asks again every few seconds; what is lost to a socket is time, never mail.

Spec: docs/spec/relay-protocol.md, "Without a socket"; docs/decisions/polling-fallback.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import RelayUnreachable
from quietway.ports import Arrival, Welcome
from quietway.transport.answers import name_problem
from quietway_schemas.errors import SchemaError
from quietway_schemas.frames import (
    MAX_FRAME_BYTES,
    MOST_SEQS,
    PAGE_BYTES,
    Ack,
    Hello,
    MailboxPage,
)
from quietway_schemas.frames import Welcome as WelcomeFrame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from quietway.transport.asking import Asker

PAGE: Final = "application/vnd.quietway.page"
HELLO_TARGET: Final = "/v1/mailbox/hello"
ACK_TARGET: Final = "/v1/mailbox/ack"
POLL_SECONDS: Final = 5.0


class PolledMailbox:
    """A `Mailbox` over requests. Make one with `open`."""

    def __init__(self, asker: Asker, welcome: Welcome, *, after: int, live: bool) -> None:
        self._asker = asker
        self._welcome = welcome
        self._shown = after
        self._live = live
        self._open = True

    @classmethod
    async def open(cls, asker: Asker, hello: Hello, *, live: bool) -> PolledMailbox:
        """Say hello, and start after its cursor."""
        raw = await asker.post(HELLO_TARGET, hello.to_canonical(), status=200)
        try:
            frame = WelcomeFrame.from_body(raw, max_bytes=MAX_FRAME_BYTES)
        except SchemaError:
            raise RelayUnreachable from None
        welcome = Welcome(frame.latest, frame.acknowledged, frame.now, frame.witness == "kept")
        return cls(asker, welcome, after=hello.after, live=live)

    @property
    def welcome(self) -> Welcome:
        """What the relay said at the opening."""
        return self._welcome

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield envelopes in order; live, go on asking when there are no more."""
        while self._open:
            page = await self._fetch()
            for entry in page.entries:
                self._shown = entry.seq
                yield Arrival(entry.seq, entry.header.pack() + entry.sealed)
            if not page.entries and not self._live:
                return
            if not page.entries:
                await self._asker.clock.sleep(POLL_SECONDS)

    async def acknowledge(self, seqs: Sequence[int]) -> None:
        """Tell the relay that these are in the device's own store."""
        ack = make_ack(seqs)
        await self._asker.post(ACK_TARGET, ack.to_canonical(), status=204)

    async def aclose(self) -> None:
        """Stop asking; closing twice is fine."""
        self._open = False

    async def _fetch(self) -> MailboxPage:
        target = f"/v1/mailbox?after={self._shown:016d}"
        raw = await self._asker.get(target, media_type=PAGE, limit_bytes=PAGE_BYTES)
        try:
            page = MailboxPage.unpack(raw)
        except SchemaError:
            raise RelayUnreachable from None
        if page.entries and page.entries[0].seq <= self._shown:
            # A relay that repeats itself would keep us here for ever.
            raise RelayUnreachable
        return page


def make_ack(seqs: Sequence[int]) -> Ack:
    """Make the frame that acknowledges exactly these.

    Raises:
        RelayRefused: None at all, or more than 256: what a relay would say.
    """
    if not 1 <= len(seqs) <= MOST_SEQS:
        raise name_problem("invalid_field")
    return Ack(through=None, seqs=tuple(sorted(set(seqs))))
