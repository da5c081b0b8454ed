"""The outbox, step by step: what it asks for, and what it does with each answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.client_sdk.engine.world import START, text_content

from quietway.engine.effects import Address, RecordSent, Seal, Submit, TellStored
from quietway.engine.inputs import (
    Accepted,
    Addressed,
    Addressee,
    Compose,
    Flush,
    Forgotten,
    Parcel,
    Rejected,
    Sealed,
    SealedCopy,
    Unsealed,
)
from quietway.engine.outbox import AUDIENCE_KIND, SHOWN_STORED
from quietway.engine.state import Entry, Progress, State
from quietway.engine.step import step
from quietway_schemas.envelope import ZERO_DIGEST, Core, EnvelopeClass
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId
from quietway_schemas.instants import DAY, HOUR, MINUTE

ME, THEM, OTHERS = (AgencyId(bytes([number]) * 16) for number in (1, 2, 3))
MINE, THEIRS, ANOTHER = (DeviceId(bytes([number]) * 16) for number in (11, 12, 13))
EVERYONE = (Addressee(ME, MINE), Addressee(THEM, THEIRS), Addressee(OTHERS, ANOTHER))


def begin() -> State:
    return State(agency=ME, device=MINE, incarnation=b"i" * 8)


def compose(state: State, number: int = 1, *, now: int = START) -> State:
    told = Compose(
        now=now,
        local_id=number.to_bytes(16, "big"),
        conversation=ConversationId(b"c" * 16),
        to=(THEM, OTHERS),
        kind="message.text",
        class_=EnvelopeClass.FLASH,
        content=text_content(f"number {number}"),
    )
    return step(state, told)[0]


def address(
    state: State,
    number: int = 1,
    *,
    devices: tuple[Addressee, ...] = EVERYONE,
    absent: tuple[AgencyId, ...] = (),
    now: int = START,
) -> tuple[State, tuple[object, ...]]:
    entropy = (900 + number).to_bytes(16, "big") + (800 + number).to_bytes(16, "big")
    return step(state, Addressed(now, number.to_bytes(16, "big"), devices, absent, 4, entropy))


def seal_all(state: State, *, now: int = START) -> tuple[State, list[Submit]]:
    """Seal every copy of everything that waits."""
    submits: list[Submit] = []
    for entry in sorted(state.outbox.values(), key=lambda held: held.order):
        epoch = entry.class_.epoch_of(now)
        waiting = [held for held in entry.deliveries if held.progress is Progress.WAITING]
        copies = tuple(
            SealedCopy(
                held.device, epoch, entry.local_id + held.device.value + bytes([epoch % 256])
            )
            for held in waiting
        )
        state, effects = step(state, Sealed(now, entry.local_id, copies))
        submits += [effect for effect in effects if isinstance(effect, Submit)]
    return state, submits


def entry_of(state: State, number: int = 1) -> Entry:
    return state.outbox[number.to_bytes(16, "big")]


def test_composing_twice_under_one_name_changes_nothing() -> None:
    once = compose(begin())
    assert compose(once) is once
    assert not entry_of(once).core


def test_a_message_gets_its_time_and_place_when_it_is_first_sent() -> None:
    state = compose(begin())
    later = START + DAY
    _, effects = step(state, Flush(later))
    waiting = entry_of(state)
    asked = Address(waiting.local_id, (THEM, OTHERS), waiting.class_, waiting.content)
    assert effects == (asked,)
    state, effects = address(state, now=later)
    core = Core.unpack(entry_of(state).core)
    assert (core.created, core.expires) == (later, later + EnvelopeClass.FLASH.life_ms)
    assert (core.seq, core.manifest_version) == (1, 4)
    assert [type(effect) for effect in effects] == [Seal, RecordSent, Seal]


def test_a_new_audience_is_introduced_before_the_first_message_and_not_again() -> None:
    state, _ = address(compose(begin()))
    listing = next(held for held in state.outbox.values() if held.kind == AUDIENCE_KIND)
    core = Core.unpack(listing.core)
    assert (core.seq, core.prev) == (0, ZERO_DIGEST)
    assert listing.order < entry_of(state).order
    assert state.audiences[core.audience_digest] == tuple(sorted([MINE, THEIRS, ANOTHER]))
    state, _ = address(compose(state, 2), 2)
    assert sum(held.kind == AUDIENCE_KIND for held in state.outbox.values()) == 1
    assert Core.unpack(entry_of(state, 2).core).seq == 2


def test_each_agency_gets_its_copies_in_a_submission_of_its_own() -> None:
    _state, submits = seal_all(address(compose(begin()))[0])
    assert [(held.agency, len(held.parcels)) for held in submits] == [
        (THEM, 1),
        (OTHERS, 1),
        (THEM, 1),
        (OTHERS, 1),
    ]
    assert MINE not in {parcel.device for held in submits for parcel in held.parcels}


def test_a_device_without_a_key_waits_and_the_others_go() -> None:
    state, _ = address(compose(begin()))
    entry = entry_of(state)
    copy = SealedCopy(THEIRS, entry.class_.epoch_of(START), b"record")
    state, effects = step(
        state, Sealed(START, entry.local_id, (copy,), (Unsealed(ANOTHER, "unreachable"),))
    )
    (submit,) = (effect for effect in effects if isinstance(effect, Submit))
    assert [parcel.device for parcel in submit.parcels] == [THEIRS]
    state, _ = step(state, Accepted(START, submit.parcels))
    waiting = [held for held in entry_of(state).deliveries if held.progress is Progress.WAITING]
    assert [(held.device, held.reason) for held in waiting] == [(ANOTHER, "unreachable")]
    assert not entry_of(state).settled
    _, effects = step(state, Flush(START + MINUTE))
    asked = [effect for effect in effects if isinstance(effect, Seal)]
    assert (THEM, THEIRS) not in asked[-1].devices


def test_an_agency_without_any_device_is_left_behind_and_tried_again() -> None:
    state, _ = address(compose(begin()), devices=EVERYONE[:2], absent=(OTHERS,))
    assert entry_of(state).to == (THEM,)
    (left,) = (held for held in state.outbox.values() if held.reason == "unreachable")
    assert (left.to, left.core, left.content) == ((OTHERS,), b"", entry_of(state).content)
    _, effects = step(state, Flush(START))
    assert Address(left.local_id, (OTHERS,), left.class_, left.content) in effects


def test_nobody_to_write_to_leaves_the_message_where_it_is() -> None:
    state, effects = address(compose(begin()), devices=EVERYONE[:1], absent=(THEM, OTHERS))
    assert effects == ()
    assert entry_of(state).reason == "unreachable"


def test_the_same_bytes_are_handed_over_again_until_their_epoch_ends() -> None:
    state, submits = seal_all(address(compose(begin()))[0])
    again = [effect for effect in step(state, Flush(START + HOUR))[1] if isinstance(effect, Submit)]
    assert again == submits
    core = entry_of(state).core
    state, effects = step(state, Flush(START + DAY))
    resealed = [effect for effect in effects if isinstance(effect, Seal)]
    assert [effect.core for effect in resealed] == [core]
    assert entry_of(state).core == core


def test_an_answer_to_bytes_that_were_sealed_anew_says_nothing_of_the_new_ones() -> None:
    state, submits = seal_all(address(compose(begin()))[0])
    state, _ = step(state, Flush(START + DAY))
    state, _ = seal_all(state, now=START + DAY)
    before = entry_of(state)
    for submit in submits[2:]:
        state, _ = step(state, Accepted(START + DAY, submit.parcels))
    assert entry_of(state) == before


def test_an_accepted_message_is_told_once_and_lets_go_of_its_bytes() -> None:
    state, submits = seal_all(address(compose(begin()))[0])
    told: list[object] = []
    for submit in [*submits, *submits]:
        state, effects = step(state, Accepted(START, submit.parcels))
        told += effects
    assert told == [TellStored(START, entry_of(state).local_id)]
    assert entry_of(state).settled
    assert entry_of(state).content == b""
    assert all(not held.record for held in entry_of(state).deliveries)
    # The list of who reads along is kept for a relay that is put back from an older copy.
    assert all(held.settled for held in state.outbox.values())


@pytest.mark.parametrize("code", ["over_quota", "mailbox_full", "storage_full", "not_found"])
def test_a_refused_batch_is_put_off_with_the_same_bytes(code: str) -> None:
    state, submits = seal_all(address(compose(begin()))[0])
    state, _ = step(state, Rejected(START, submits[2].parcels, code, None, 0))
    held = next(held for held in entry_of(state).deliveries if held.device == THEIRS)
    assert (held.progress, held.reason, held.refusals) == (Progress.SEALED, code, 1)
    assert held.record == submits[2].parcels[0].record
    soon = [effect for effect in step(state, Flush(START))[1] if isinstance(effect, Submit)]
    assert submits[2] not in soon
    later = [effect for effect in step(state, Flush(START + HOUR))[1] if isinstance(effect, Submit)]
    assert submits[2] in later


def test_what_the_relay_asks_to_wait_is_waited() -> None:
    state, submits = seal_all(address(compose(begin()))[0])
    state, _ = step(state, Rejected(START, submits[2].parcels, "overloaded", None, 5 * HOUR))
    held = next(held for held in entry_of(state).deliveries if held.device == THEIRS)
    assert held.not_before == START + 5 * HOUR


def test_only_the_blamed_record_is_sealed_anew() -> None:
    state, submits = seal_all(address(compose(begin()))[0])
    batch = submits[0].parcels + submits[2].parcels
    state, _ = step(state, Rejected(START, batch, "conflict", 1, 0))
    listing = next(held for held in state.outbox.values() if held.kind == AUDIENCE_KIND)
    assert {held.progress for held in listing.deliveries} == {Progress.SEALED}
    blamed = next(held for held in entry_of(state).deliveries if held.device == THEIRS)
    assert (blamed.progress, blamed.record) == (Progress.WAITING, b"")


def test_what_was_not_sent_in_time_is_given_up_and_forgotten_later() -> None:
    state, _ = seal_all(address(compose(begin()))[0])
    state = compose(state, 2)
    late = START + EnvelopeClass.FLASH.life_ms
    state, _ = step(state, Flush(late))
    for number in (1, 2):
        assert entry_of(state, number).expired
        assert entry_of(state, number).content == b""
    assert {held.progress for held in entry_of(state).deliveries} == {Progress.EXPIRED}
    state, _ = step(state, Flush(late + 31 * DAY))
    assert all(held.kind == AUDIENCE_KIND for held in state.outbox.values())


def test_an_audience_that_somebody_never_got_is_introduced_again() -> None:
    state, _ = seal_all(address(compose(begin()))[0])
    late = START + EnvelopeClass.CASE.life_ms
    state, _ = step(state, Flush(late))
    state, _ = address(compose(state, 2, now=late), 2, now=late)
    live = [
        held for held in state.outbox.values() if held.kind == AUDIENCE_KIND and not held.expired
    ]
    assert len(live) == 1


def store_many(state: State, first: int, last: int) -> State:
    """Say messages, each of which the relay then has on disk."""
    for number in range(first, last + 1):
        state, _ = address(compose(state, number), number)
        state = store_one(state, number)
    return state


def store_one(state: State, number: int) -> State:
    entry = entry_of(state, number)
    stored = tuple(replace(held, progress=Progress.STORED) for held in entry.deliveries)
    almost = (replace(stored[0], progress=Progress.SEALED, record=b"r"), *stored[1:])
    state = replace(
        state, outbox={**state.outbox, entry.local_id: replace(entry, deliveries=almost)}
    )
    return step(state, Accepted(START, (Parcel(entry.local_id, almost[0].device, b"r"),)))[0]


def test_only_the_newest_messages_stay_in_the_outbox_after_they_went_out() -> None:
    state = store_many(begin(), 1, SHOWN_STORED + 5)
    messages = [held for held in state.outbox.values() if held.kind != AUDIENCE_KIND]
    assert len(messages) == SHOWN_STORED
    assert max(int.from_bytes(held.local_id, "big") for held in messages) == SHOWN_STORED + 5


def test_a_message_stays_while_what_was_split_off_it_waits() -> None:
    """By it the rest is found: what a person takes back later must not go out after all."""
    ours = tuple(held for held in EVERYONE if held.agency != OTHERS)
    state, _ = address(compose(begin()), devices=ours, absent=(OTHERS,))
    (rest,) = [held for held in state.outbox.values() if held.to == (OTHERS,)]
    state = store_many(store_one(state, 1), 2, SHOWN_STORED + 5)
    assert entry_of(state).settled
    assert rest.local_id in state.outbox
    state = store_many(step(state, Forgotten(START, frozenset({rest.local_id})))[0], 900, 900)
    assert (1).to_bytes(16, "big") not in state.outbox
