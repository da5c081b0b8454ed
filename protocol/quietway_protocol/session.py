"""One mailbox session, as either end runs it: frames in, events out; verbs in, frames out.

Theory of operation: both ends own a `MailboxSession` and feed it every frame they receive. It
checks the frame's form, whether the other side may send it now (the table in `states`), and the two
rules that span frames: numbers of envelopes grow, and at most 64 envelopes are unacknowledged. What
this side wants to say goes through a `send_*` verb, which obeys the same rules and gives back the
text or bytes to put on the wire. A breach by the other side raises `RemoteProtocolError` and leaves
only the closing to be said; a call out of turn raises `LocalProtocolError` and changes nothing.

Spec: docs/spec/relay-protocol.md, "Websocket".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from quietway_protocol.errors import LocalProtocolError, RemoteProtocolError
from quietway_protocol.events import (
    Acknowledged,
    EnvelopeArrived,
    HelloReceived,
    Latest,
    PeerClosing,
    Welcomed,
)
from quietway_protocol.states import SENDER, TRANSITIONS, Frame, Role, State
from quietway_schemas import frames
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_protocol.events import Event
    from quietway_schemas.envelope import Header

WINDOW: Final = 64


class MailboxSession:
    """One session over one connection.

    Args:
        role: Which end this is.
    """

    def __init__(self, role: Role) -> None:
        self._role = role
        self._state = State.FRESH
        self._last_seq = 0
        self._unacknowledged: set[int] = set()

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def room(self) -> int:
        """How many more envelopes may be sent before one is acknowledged."""
        return WINDOW - len(self._unacknowledged)

    @property
    def last_seq(self) -> int:
        """The number of the last envelope that crossed, or the `after` of the hello: the cursor."""
        return self._last_seq

    def feed(self, frame: str | bytes) -> Event:
        """Take in one received frame: text for control, bytes for an envelope.

        Raises:
            RemoteProtocolError: It is malformed, or it is not the other side's turn to send it.
        """
        try:
            return self._feed_binary(frame) if isinstance(frame, bytes) else self._feed_text(frame)
        except SchemaError:
            self._state = State.BROKEN
            raise RemoteProtocolError("A frame has none of the forms of this protocol.") from None
        except RemoteProtocolError:
            self._state = State.BROKEN
            raise

    def send_hello(self, *, after: int, witness_now: bytes, witness_was: bytes | None) -> str:
        """Ask for everything after a number (client)."""
        hello = frames.Hello(after=after, witness_now=witness_now, witness_was=witness_was)
        self._send(Frame.HELLO)
        self._last_seq = after
        return frames.encode_control(hello)

    def send_welcome(self, *, latest: int, acknowledged: int, now: int, witness_kept: bool) -> str:
        """Answer the hello (relay). `now` in milliseconds."""
        witness = "kept" if witness_kept else "changed"
        welcome = frames.Welcome.model_validate(
            {"latest": latest, "acknowledged": acknowledged, "now": now, "witness": witness}
        )
        self._send(Frame.WELCOME)
        return frames.encode_control(welcome)

    def send_envelope(self, *, seq: int, header: Header, sealed: bytes) -> bytes:
        """Send one envelope (relay): numbers must grow, and there must be room in the window."""
        envelope = frames.EnvelopeFrame(seq, header, sealed)
        if self.room <= 0:
            raise LocalProtocolError("64 envelopes are unacknowledged: wait for the client.")
        if seq <= self._last_seq:
            raise LocalProtocolError("Envelopes are sent in the order of their numbers.")
        self._send(Frame.ENVELOPE)
        self._note_envelope(seq)
        return envelope.pack()

    def send_ack(self, *, through: int | None = None, seqs: Sequence[int] = ()) -> str:
        """Acknowledge all envelopes through a number, or exactly 1 to 256 of them (client)."""
        ack = frames.Ack(through=through, seqs=tuple(sorted(set(seqs))) or None)
        self._send(Frame.ACK)
        self._note_ack(through, seqs)
        return frames.encode_control(ack)

    def send_latest(self, latest: int) -> str:
        """Tell a listening device how far its mailbox has come (relay)."""
        self._send(Frame.LATEST)
        return frames.encode_control(frames.Latest(latest=latest))

    def send_closing(self, *, problem: str, detail: str) -> str:
        """Say why this side closes (relay)."""
        closing = frames.Closing(problem=problem, detail=detail)
        self._send(Frame.CLOSING)
        return frames.encode_control(closing)

    def _send(self, frame: Frame) -> None:
        following = TRANSITIONS.get((self._state, frame))
        if SENDER[frame] is not self._role or following is None:
            raise LocalProtocolError(
                f"A {self._role.value} may not send {frame.value} while {self._state.value}."
            )
        self._state = following

    def _receive(self, frame: Frame) -> None:
        following = TRANSITIONS.get((self._state, frame))
        if SENDER[frame] is self._role or following is None:
            raise RemoteProtocolError(f"The frame {frame.value} came out of its turn.")
        self._state = following

    def _feed_binary(self, raw: bytes) -> Event:
        envelope = frames.EnvelopeFrame.unpack(raw)
        self._receive(Frame.ENVELOPE)
        if envelope.seq <= self._last_seq:
            raise RemoteProtocolError("An envelope came out of order.")
        if self.room <= 0:
            raise RemoteProtocolError("More than 64 envelopes came unacknowledged.")
        self._note_envelope(envelope.seq)
        return EnvelopeArrived(envelope.seq, envelope.header, envelope.sealed)

    def _feed_text(self, text: str) -> Event:
        match frames.decode_control(text):
            case frames.Hello() as hello:
                self._receive(Frame.HELLO)
                self._last_seq = hello.after
                return HelloReceived(hello.after, hello.witness_now, hello.witness_was)
            case frames.Welcome() as welcome:
                self._receive(Frame.WELCOME)
                kept = welcome.witness == "kept"
                return Welcomed(welcome.latest, welcome.acknowledged, welcome.now, kept)
            case frames.Ack() as ack:
                self._receive(Frame.ACK)
                self._note_ack(ack.through, ack.seqs or ())
                return Acknowledged(ack.through, ack.seqs or ())
            case frames.Latest() as latest:
                self._receive(Frame.LATEST)
                return Latest(latest.latest)
            case frames.Closing() as closing:
                self._receive(Frame.CLOSING)
                return PeerClosing(closing.problem, closing.detail)
            case unknown:
                assert_never(unknown)

    def _note_envelope(self, seq: int) -> None:
        self._last_seq = seq
        self._unacknowledged.add(seq)

    def _note_ack(self, through: int | None, seqs: Sequence[int]) -> None:
        if through is not None:
            self._unacknowledged = {seq for seq in self._unacknowledged if seq > through}
        self._unacknowledged.difference_update(seqs)
