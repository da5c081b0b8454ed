"""The inbox, step by step: recorded once, given up once, and acknowledged in any case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.engine.world import START, read_envelope, text_content
from tests.controls import without

from quietway.engine.effects import (
    Acknowledge,
    RecordNotice,
    RecordReceived,
    Reopen,
    TellDropped,
    TellGap,
    TellReceived,
)
from quietway.engine.inbox import MOST_ATTEMPTS, MOST_KEPT
from quietway.engine.inputs import (
    Connecting,
    EnvelopeOpened,
    EnvelopeRefused,
    OlderCopyAccepted,
    RetryKept,
    Started,
    Welcomed,
)
from quietway.engine.state import Kept, State
from quietway.engine.step import step
from quietway.sealing import (
    FORGED,
    FORKED,
    NOT_ADDRESSED,
    PENDING,
    STRANGER,
    UNDECRYPTABLE,
    UNKNOWN_SIGNER,
    Opened,
    digest_audience,
    hash_core,
)
from quietway_schemas.content.audience import AudienceList
from quietway_schemas.content.registry import encode_content
from quietway_schemas.envelope import ZERO_DIGEST, Core, EnvelopeClass, Header
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import DAY

ME, THEM = DeviceId(b"m" * 16), DeviceId(b"t" * 16)
SOMEBODY = DeviceId(b"s" * 16)
BOTH = tuple(sorted([ME, THEM]))
REASONS = [FORGED, NOT_ADDRESSED, "suite_refused", "expired", "bad_time", "bad_content"]


def begin() -> State:
    return State(agency=AgencyId(b"a" * 16), device=ME, incarnation=b"i" * 8)


def say(
    text: str | AudienceList,
    *,
    seq: int,
    prev: bytes = ZERO_DIGEST,
    sender: DeviceId = THEM,
    audience: tuple[DeviceId, ...] = BOTH,
    incarnation: bytes = b"1" * 8,
    number: int = 0,
) -> Opened:
    listing = isinstance(text, AudienceList)
    class_ = EnvelopeClass.CASE if listing else EnvelopeClass.FLASH
    core = Core(
        agency=AgencyId(b"b" * 16),
        device=sender,
        incarnation=incarnation,
        manifest_version=1,
        conversation=ConversationId(b"c" * 16),
        audience_digest=digest_audience(audience),
        seq=seq,
        prev=prev,
        created=START,
        expires=START + class_.life_ms,
        content=encode_content(text) if isinstance(text, AudienceList) else text_content(text),
    )
    header = Header(
        class_,
        2,
        class_.epoch_of(START),
        MailboxId(b"x" * 16),
        EnvelopeId((number or seq + 1).to_bytes(16, "big")),
    )
    return read_envelope(header.pack() + core.pack())


def say_chain(count: int) -> list[Opened]:
    chain: list[Opened] = []
    for seq in range(count):
        prev = chain[-1].core_hash if chain else ZERO_DIGEST
        chain.append(say(f"number {seq}", seq=seq, prev=prev))
    return chain


def receive(state: State, opened: Opened, seq: int = 1) -> tuple[State, tuple[object, ...]]:
    return step(state, EnvelopeOpened(START, seq, opened))


def refuse(state: State, reason: str, seq: int, name: int = 1) -> tuple[State, tuple[object, ...]]:
    envelope_id = EnvelopeId(name.to_bytes(16, "big"))
    return step(state, EnvelopeRefused(START, seq, envelope_id, b"sealed", reason))


def test_a_message_is_recorded_told_and_acknowledged() -> None:
    first = say("hello", seq=0)
    state, effects = receive(begin(), first)
    assert effects == (RecordReceived(START, first), TellReceived(first), Acknowledge(1))
    assert state.reading.cursor == 1


def test_a_second_copy_is_acknowledged_and_nothing_else() -> None:
    first = say("hello", seq=0)
    state, _ = receive(begin(), first)
    again, effects = receive(state, replace(first), 2)
    assert effects == (Acknowledge(2),)
    assert again.chains == state.chains


def test_a_second_story_at_one_place_is_kept_as_evidence_and_not_shown() -> None:
    state, _ = receive(begin(), say("hello", seq=0))
    other = say("something else", seq=0, number=9)
    state, effects = receive(state, other, 2)
    assert effects == (
        RecordReceived(START, other, evidence=True),
        RecordNotice(START, FORKED),
        TellDropped(START, FORKED),
        Acknowledge(2),
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_message_that_quotes_another_story_is_forked(order: tuple[int, int]) -> None:
    pair = [say("one", seq=0), say("two", seq=1, prev=b"z" * 32)]
    state = begin()
    dropped: list[object] = []
    for place in order:
        state, effects = receive(state, pair[place], place + 1)
        dropped += [effect for effect in effects if isinstance(effect, TellDropped)]
    assert dropped == [TellDropped(START, FORKED)]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 5))
def test_gaps_show_in_any_order_and_close_when_filled(order: list[int], missing: int) -> None:
    chain = say_chain(6)
    state, told = begin(), 0
    arrived: set[int] = set()
    for place in order:
        if place == missing:
            continue
        state, effects = receive(state, chain[place], place + 1)
        gap = any(isinstance(effect, TellGap) for effect in effects)
        assert gap == (place > 0 and place - 1 not in arrived)
        arrived.add(place)
        told += sum(isinstance(effect, TellReceived) for effect in effects)
    assert told == 5
    (held,) = state.chains.values()
    assert all(end - start for start, end in held.seen)
    state, _ = receive(state, chain[missing], 9)
    (held,) = state.chains.values()
    assert held.seen == ((0, 6),)


def test_a_sender_that_was_restarted_links_its_new_chain_to_the_old_one() -> None:
    first = say("before", seq=0)
    second = say("after", seq=0, prev=first.core_hash, incarnation=b"2" * 8, number=2)
    state, _ = receive(begin(), first)
    state, effects = receive(state, second, 2)
    assert not any(isinstance(effect, TellGap) for effect in effects)
    _alone, effects = receive(begin(), second)
    assert any(isinstance(effect, TellGap) for effect in effects)


def test_an_audience_list_is_learned_and_not_shown() -> None:
    listing = say(AudienceList(devices=BOTH), seq=0)
    state, effects = receive(begin(), listing)
    assert effects == (Acknowledge(1),)
    assert state.audiences == {listing.core.audience_digest: BOTH}
    state, effects = receive(state, say("hello", seq=1, prev=listing.core_hash), 2)
    assert any(isinstance(effect, TellReceived) for effect in effects)


@pytest.mark.parametrize(
    ("named", "digested"),
    [
        (BOTH, tuple(sorted([THEM, SOMEBODY]))),
        (tuple(sorted([THEM, SOMEBODY])), tuple(sorted([THEM, SOMEBODY]))),
        (tuple(sorted([ME, SOMEBODY])), tuple(sorted([ME, SOMEBODY]))),
    ],
    ids=["another digest", "without me", "without its sender"],
)
def test_an_audience_list_that_does_not_hold_is_refused(
    named: tuple[DeviceId, ...], digested: tuple[DeviceId, ...]
) -> None:
    listing = say(AudienceList(devices=named), seq=0, audience=digested)
    _, effects = receive(begin(), listing)
    assert effects == (
        RecordNotice(START, NOT_ADDRESSED),
        TellDropped(START, NOT_ADDRESSED),
        Acknowledge(1),
    )


def test_a_message_to_an_audience_without_me_is_refused_once_that_is_known() -> None:
    others = tuple(sorted([THEM, SOMEBODY]))
    state, _ = receive(begin(), say(AudienceList(devices=others), seq=0, audience=others))
    _, effects = receive(state, say("not for you", seq=1, audience=others), 2)
    assert TellDropped(START, NOT_ADDRESSED) in effects


def test_what_seems_to_come_from_this_very_device_is_refused() -> None:
    _, effects = receive(begin(), say("an echo", seq=0, sender=ME))
    assert TellDropped(START, NOT_ADDRESSED) in effects


@pytest.mark.parametrize("reason", REASONS)
def test_every_refusal_looks_alike_to_the_relay(reason: str) -> None:
    state, effects = refuse(begin(), reason, 7)
    assert [effect for effect in effects if isinstance(effect, Acknowledge)] == [Acknowledge(7)]
    assert state.kept == {}
    for kept in (PENDING, STRANGER, UNDECRYPTABLE):
        _, effects = refuse(begin(), kept, 7)
        assert effects == (Acknowledge(7),)


def test_a_pending_envelope_is_given_up_after_the_whole_directory_was_read() -> None:
    state, _ = refuse(begin(), PENDING, 1)
    _, effects = step(state, RetryKept(START))
    assert effects == (Reopen(b"sealed"),)
    state, effects = refuse(state, PENDING, 0)
    assert effects == (RecordNotice(START, UNKNOWN_SIGNER), TellDropped(START, UNKNOWN_SIGNER))
    assert state.kept == {}


def test_a_strangers_envelope_waits_for_as_long_as_a_key_opens_it() -> None:
    state, _ = refuse(begin(), STRANGER, 1)
    for _ in range(3 * MOST_ATTEMPTS):
        state, effects = refuse(state, STRANGER, 0)
        assert effects == ()
    for _ in range(MOST_ATTEMPTS - 1):
        state, effects = refuse(state, UNDECRYPTABLE, 0)
    assert TellDropped(START, UNDECRYPTABLE) in effects
    assert state.kept == {}


def test_a_pending_envelope_that_opens_later_is_shown_then() -> None:
    state, _ = refuse(begin(), PENDING, 1)
    state, effects = receive(state, say("at last", seq=0), 0)
    assert state.kept == {}
    assert [type(effect) for effect in effects] == [RecordReceived, TellReceived]


def test_an_undecryptable_envelope_is_tried_five_times_and_then_given_up() -> None:
    state, _ = refuse(begin(), UNDECRYPTABLE, 1)
    for attempt in range(2, MOST_ATTEMPTS):
        state, effects = refuse(state, UNDECRYPTABLE, 0)
        assert effects == ()
        assert state.kept[(1).to_bytes(16, "big")].attempts == attempt
    state, effects = refuse(state, UNDECRYPTABLE, 0)
    assert TellDropped(START, UNDECRYPTABLE) in effects
    assert state.kept == {}


def test_a_flood_of_what_cannot_be_opened_is_bounded() -> None:
    kept = {number.to_bytes(16, "big"): Kept(b"", PENDING) for number in range(MOST_KEPT)}
    state = replace(begin(), kept=kept)
    state, effects = refuse(state, UNDECRYPTABLE, 5, name=MOST_KEPT + 7)
    assert len(state.kept) == MOST_KEPT
    assert Acknowledge(5) in effects


def test_places_are_forgotten_when_opening_would_refuse_a_copy_anyway() -> None:
    state, _ = receive(begin(), say("hello", seq=0))
    # Opening the store forgets nothing: nobody has compared its clock yet.
    assert step(state, Started(START + 10 * DAY, b"n" * 8))[0].chains == state.chains
    state, _ = step(state, Welcomed(START + 10 * DAY, 0, witness_kept=True))
    (chain,) = state.chains.values()
    assert (dict(chain.places), chain.seen) == ({}, ((0, 1),))
    _, effects = receive(state, say("hello", seq=0), 2)
    assert effects == (Acknowledge(2),)
    second = say("two", seq=1, prev=hash_core(say("hello", seq=0).core.pack()))
    _, effects = receive(state, second, 3)
    assert any(isinstance(effect, TellReceived) for effect in effects)


def connect(state: State, drawn: int) -> State:
    return step(state, Connecting(START, bytes([drawn]) * 16))[0]


def welcome(state: State, *, acknowledged: int = 0, kept: bool = True) -> State:
    return step(state, Welcomed(START, acknowledged, kept))[0]


def test_a_new_witness_is_drawn_only_when_the_relay_has_the_former_one() -> None:
    state = connect(begin(), 1)
    assert (state.reading.witness_now, state.reading.witness_was) == (b"\1" * 16, b"")
    # No answer came: nobody knows which one the relay holds.
    assert connect(state, 2).reading == state.reading
    state = connect(welcome(state), 3)
    assert (state.reading.witness_now, state.reading.witness_was) == (b"\3" * 16, b"\1" * 16)


def test_another_copy_of_the_store_shows_by_witness_or_by_number() -> None:
    state = connect(begin(), 1)
    assert not welcome(state).reading.copied
    assert welcome(state, kept=False).reading.copied
    assert welcome(state, acknowledged=3).reading.copied


def test_an_accepted_older_copy_is_not_told_again_at_its_next_hello() -> None:
    state = welcome(connect(begin(), 1), kept=False)
    state, _ = step(state, OlderCopyAccepted(START))
    state = welcome(connect(state, 2), acknowledged=9, kept=False)
    assert not state.reading.copied
    assert state.reading.cursor == 9
    assert welcome(connect(state, 3), kept=False).reading.copied


def test_control_without_the_audience_check_a_message_for_others_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.engine.inbox:is_addressed", lambda _state, _opened: True)
    others = tuple(sorted([THEM, SOMEBODY]))
    state, _ = receive(begin(), say(AudienceList(devices=others), seq=0, audience=others))
    _, effects = receive(state, say("not for you", seq=0, audience=others, incarnation=b"2" * 8), 2)
    assert any(isinstance(effect, TellReceived) for effect in effects)
