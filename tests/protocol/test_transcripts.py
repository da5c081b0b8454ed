"""The transcripts, replayed for both roles: each says its own lines and is fed the other's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quietway_protocol.errors import LocalProtocolError, RemoteProtocolError
from quietway_protocol.session import MailboxSession
from quietway_protocol.states import Role, State
from quietway_schemas import frames
from quietway_schemas.envelope import EnvelopeClass, Header
from quietway_schemas.ids import EnvelopeId, MailboxId

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[2] / "protocol" / "transcripts"
TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))
ROLES = {"C": Role.CLIENT, "R": Role.RELAY}


def _lines(path: Path) -> Iterator[tuple[Role, bool, str | bytes]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            who, _, said = line.partition(" ")
            yield ROLES[who[0]], who.endswith("!"), _frame(said)


def _frame(said: str) -> str | bytes:
    if not said.startswith("envelope "):
        return said
    _, seq, name, suite, epoch = said.split()
    envelope_class = EnvelopeClass[name.upper()]
    header = Header(
        envelope_class, int(suite), int(epoch), MailboxId(bytes(16)), EnvelopeId(bytes(16))
    )
    return frames.EnvelopeFrame(int(seq), header, bytes(envelope_class.sealed_bytes)).pack()


def _say(session: MailboxSession, frame: str | bytes) -> str | bytes:
    """Say a frame through the verb that makes it."""
    if isinstance(frame, bytes):
        envelope = frames.EnvelopeFrame.unpack(frame)
        return session.send_envelope(
            seq=envelope.seq, header=envelope.header, sealed=envelope.sealed
        )
    match frames.decode_control(frame):
        case frames.Hello() as hello:
            return session.send_hello(
                after=hello.after, witness_now=hello.witness_now, witness_was=hello.witness_was
            )
        case frames.Welcome() as welcome:
            return session.send_welcome(
                latest=welcome.latest,
                acknowledged=welcome.acknowledged,
                now=welcome.now,
                witness_kept=welcome.witness == "kept",
            )
        case frames.Ack() as ack:
            return session.send_ack(through=ack.through, seqs=ack.seqs or ())
        case frames.Latest() as latest:
            return session.send_latest(latest.latest)
        case frames.Closing() as closing:
            return session.send_closing(problem=closing.problem, detail=closing.detail)


@pytest.mark.parametrize("role", list(Role), ids=lambda role: str(role.value))
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: str(path.stem))
def test_a_transcript_is_replayed_by_either_role(path: Path, role: Role) -> None:
    session = MailboxSession(role)
    for speaker, is_breach, frame in _lines(path):
        if speaker is not role and is_breach:
            with pytest.raises(RemoteProtocolError):
                session.feed(frame)
            assert session.state is State.BROKEN
        elif speaker is not role:
            session.feed(frame)
        elif is_breach:
            before = session.state
            with pytest.raises(LocalProtocolError):
                _say(session, frame)
            assert session.state is before
            return
        else:
            assert _say(session, frame) == frame


def test_there_are_transcripts_of_sessions_and_of_breaches() -> None:
    assert len(TRANSCRIPTS) >= 6
    assert sum("!" in path.read_text(encoding="utf-8") for path in TRANSCRIPTS) >= 3
