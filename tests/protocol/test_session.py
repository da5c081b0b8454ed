from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_protocol.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from quietway_protocol.events import Acknowledged, EnvelopeArrived, HelloReceived, Welcomed
from quietway_protocol.session import WINDOW, MailboxSession
from quietway_protocol.states import SENDER, TRANSITIONS, Frame, Role, State
from quietway_schemas.envelope import EnvelopeClass, Header
from quietway_schemas.ids import EnvelopeId, MailboxId

HEADER = Header(EnvelopeClass.FLASH, 2, 7, MailboxId(bytes(16)), EnvelopeId(bytes(16)))
SEALED = bytes(EnvelopeClass.FLASH.sealed_bytes)


def _pair(after: int = 0) -> tuple[MailboxSession, MailboxSession]:
    client, relay = MailboxSession(Role.CLIENT), MailboxSession(Role.RELAY)
    hello = relay.feed(client.send_hello(after=after, witness_now=b"n" * 16, witness_was=None))
    assert hello == HelloReceived(after, b"n" * 16, None)
    welcome = relay.send_welcome(latest=9, acknowledged=after, now=1, witness_kept=False)
    assert client.feed(welcome) == Welcomed(9, after, 1, witness_kept=False)
    return client, relay


def test_both_ends_agree_on_window_and_cursor_whatever_is_acknowledged() -> None:
    client, relay = _pair()
    for seq in range(1, WINDOW + 1):
        frame = relay.send_envelope(seq=seq, header=HEADER, sealed=SEALED)
        assert client.feed(frame) == EnvelopeArrived(seq, HEADER, SEALED)
    with pytest.raises(LocalProtocolError):
        relay.send_envelope(seq=99, header=HEADER, sealed=SEALED)
    assert relay.feed(client.send_ack(seqs=[3, 1])) == Acknowledged(None, (1, 3))
    assert (client.room, relay.room) == (2, 2)
    assert relay.feed(client.send_ack(through=60)) == Acknowledged(60, ())
    assert (client.room, relay.room) == (60, 60)
    assert client.last_seq == relay.last_seq == WINDOW


def test_a_65th_unacknowledged_envelope_is_the_relays_breach() -> None:
    client, relay = _pair()
    for seq in range(1, WINDOW + 1):
        client.feed(relay.send_envelope(seq=seq, header=HEADER, sealed=SEALED))
    relay.feed(client.send_ack(through=1))
    late = relay.send_envelope(seq=65, header=HEADER, sealed=SEALED)
    other, _ = _pair()
    for seq in range(1, WINDOW + 1):
        _, sender = _pair()
        other.feed(sender.send_envelope(seq=seq, header=HEADER, sealed=SEALED))
    with pytest.raises(RemoteProtocolError):
        other.feed(late)


def test_what_lies_at_or_before_the_cursor_may_not_be_sent() -> None:
    client, relay = _pair(after=5)
    with pytest.raises(LocalProtocolError):
        relay.send_envelope(seq=5, header=HEADER, sealed=SEALED)
    client.feed(relay.send_envelope(seq=6, header=HEADER, sealed=SEALED))


def test_a_call_out_of_turn_changes_nothing() -> None:
    relay = MailboxSession(Role.RELAY)
    with pytest.raises(LocalProtocolError, match="A relay may not send welcome while fresh"):
        relay.send_welcome(latest=0, acknowledged=0, now=0, witness_kept=True)
    with pytest.raises(LocalProtocolError):
        relay.send_envelope(seq=1, header=HEADER, sealed=SEALED)
    assert (relay.state, relay.room, relay.last_seq) == (State.FRESH, WINDOW, 0)


@given(st.one_of(st.binary(max_size=3000), st.text(max_size=300)))
@settings(max_examples=200, deadline=None)
def test_any_bytes_or_text_are_an_event_or_a_breach_and_nothing_else(frame: str | bytes) -> None:
    for session in (MailboxSession(Role.CLIENT), _pair()[0], _pair()[1]):
        with pytest.raises(RemoteProtocolError):
            session.feed(frame)
        assert session.state is State.BROKEN


def test_after_a_breach_only_the_closing_is_said() -> None:
    _, relay = _pair()
    with pytest.raises(RemoteProtocolError):
        relay.feed("{}")
    with pytest.raises(LocalProtocolError):
        relay.send_envelope(seq=1, header=HEADER, sealed=SEALED)
    relay.send_closing(problem="malformed_json", detail="why")
    assert relay.state is State.CLOSED
    with pytest.raises(ProtocolError):
        relay.feed('{"frame":"ack","through":1}')


def test_the_table_names_every_state_and_frame() -> None:
    assert set(SENDER) == set(Frame) == {frame for _, frame in TRANSITIONS}
    reached = {State.FRESH, State.BROKEN} | set(TRANSITIONS.values())
    assert reached == set(State)
    assert not [state for state, _ in TRANSITIONS if state is State.CLOSED]
