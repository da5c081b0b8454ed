"""Ladders and claims in the step: what is asked of the relay, and what each answer changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.engine.test_outbox import ME, MINE, START, THEIRS, THEM, begin, entry_of
from tests.client_sdk.engine.world import text_content

from quietway.engine.effects import ClaimHold, PlaceHold, Seal, Submit, TellStored
from quietway.engine.inputs import (
    Accepted,
    Addressed,
    Addressee,
    Compose,
    Flush,
    Rejected,
    Rung,
    Sealed,
    SealedCopy,
    Shown,
    Unsealed,
    Welcomed,
)
from quietway.engine.state import Progress, State
from quietway.engine.step import step
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.frames import ERA_NUMBERS
from quietway_schemas.ids import ConversationId, DeviceId
from quietway_schemas.instants import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.engine.effects import Effect

BACKUP, LAST, COLLEAGUE = (DeviceId(bytes([number]) * 16) for number in (21, 22, 31))
RUNGS = (Rung(0, (THEIRS,)), Rung(300, (BACKUP,)), Rung(600, (LAST,)))
HOLD, SECRET = b"h" * 16, b"s" * 32
NAME = (1).to_bytes(16, "big")


def compose(**more: object) -> State:
    said = {
        "now": START,
        "local_id": NAME,
        "conversation": ConversationId(b"c" * 16),
        "to": (THEM,),
        "kind": "alert.minimal",
        "class_": EnvelopeClass.FLASH,
        "content": text_content("stands for an alert"),
    }
    return step(begin(), Compose(**(said | more)))[0]  # type: ignore[arg-type]  # by name


def address(state: State, *devices: Addressee) -> State:
    everyone = (Addressee(ME, MINE), *devices)
    return step(state, Addressed(START, NAME, everyone, (), 1, bytes(32)))[0]


def seal(
    state: State, *devices: DeviceId, now: int = START, mark: bytes = b""
) -> tuple[State, tuple[Effect, ...]]:
    epoch = EnvelopeClass.FLASH.epoch_of(now)
    copies = tuple(
        SealedCopy(held, epoch, held.value + mark, b"w" * 32, held.value * 2) for held in devices
    )
    left = tuple(Unsealed(held.device, "unreachable") for held in entry_of(state).deliveries)
    return step(state, Sealed(now, NAME, copies, left))


def raised() -> State:
    return address(
        compose(hold_id=HOLD, rungs=RUNGS),
        *(Addressee(THEM, device) for device in (THEIRS, BACKUP, LAST)),
    )


def ladders(effects: Sequence[Effect]) -> list[PlaceHold]:
    return [effect for effect in effects if isinstance(effect, PlaceHold)]


def dues(ladder: PlaceHold) -> list[tuple[int, list[DeviceId]]]:
    return [(due, [parcel.device for parcel, _ in places]) for due, places in ladder.tiers]


def test_an_alert_is_one_ladder_and_no_submission_and_introduces_nobody() -> None:
    state, effects = seal(raised(), THEIRS, BACKUP, LAST)
    assert len(state.outbox) == 1
    assert not any(isinstance(effect, Submit) for effect in effects)
    (ladder,) = ladders(effects)
    assert (ladder.agency, ladder.hold_id) == (THEM, HOLD)
    assert dues(ladder) == [(0, [THEIRS]), (300, [BACKUP]), (600, [LAST])]
    # Until it is answered, the same bytes again.
    again, effects = step(state, Flush(START + MINUTE))
    assert ladders(effects) == [ladder]
    state, effects = step(again, Accepted(START, ladder.parcels))
    assert entry_of(state).settled
    assert [type(effect) for effect in effects] == [TellStored]
    assert step(state, Flush(START + MINUTE))[1] == ()


def test_who_cannot_be_sealed_to_gives_their_time_to_the_next_and_is_called_later() -> None:
    state, effects = seal(raised(), BACKUP)
    (ladder,) = ladders(effects)
    assert dues(ladder) == [(0, [BACKUP])]
    state, told = step(state, Accepted(START, ladder.parcels))
    assert [type(effect) for effect in told] == [TellStored]
    # The primary's time is now, the last one's in ten minutes: by themselves, and told once.
    _, effects = step(state, Flush(START))
    assert [held.devices for held in effects if isinstance(held, Seal)] == [((THEM, THEIRS),)]
    state, effects = step(state, Flush(START + 600 * SECOND))
    assert {held for ask in effects if isinstance(ask, Seal) for _, held in ask.devices} == {
        THEIRS,
        LAST,
    }
    state, effects = seal(state, THEIRS, LAST, now=START + 600 * SECOND)
    assert ladders(effects) == []
    (submit,) = (effect for effect in effects if isinstance(effect, Submit))
    assert submit.urgent
    state, told = step(state, Accepted(START, submit.parcels))
    assert told == ()
    assert entry_of(state).settled


def test_a_refusal_puts_an_alert_off_for_a_minute_at_most() -> None:
    state, effects = seal(raised(), THEIRS, BACKUP, LAST)
    for _ in range(9):
        (ladder,) = ladders(effects)
        state, _ = step(state, Rejected(START, ladder.parcels, "over_quota"))
        state, effects = step(state, Flush(START + MINUTE))
    assert len(ladders(effects)) == 1


def test_in_a_new_epoch_it_is_sealed_anew_under_the_same_id() -> None:
    state, effects = seal(raised(), THEIRS, BACKUP, LAST)
    (former,) = ladders(effects)
    state, effects = step(state, Flush(START + DAY))
    assert ladders(effects) == []
    state, effects = seal(state, THEIRS, BACKUP, LAST, now=START + DAY, mark=b"anew")
    (ladder,) = ladders(effects)
    assert ladder.hold_id == former.hold_id
    # An answer to the former bytes says nothing of these.
    late, _ = step(state, Accepted(START + DAY, former.parcels))
    assert not any(held.progress is Progress.STORED for held in entry_of(late).deliveries)
    state, _ = step(state, Accepted(START + DAY, ladder.parcels))
    assert entry_of(state).settled


def test_a_relay_that_was_put_back_gets_the_ladder_again() -> None:
    state, effects = seal(raised(), THEIRS, BACKUP, LAST)
    state, _ = step(state, Accepted(START, ladders(effects)[0].parcels))
    welcome = Welcomed(START, 0, witness_kept=True, latest=ERA_NUMBERS)
    state, _ = step(state, welcome)
    assert not entry_of(state).placed
    _, effects = seal(state, THEIRS, BACKUP, LAST, mark=b"anew")
    (ladder,) = ladders(effects)
    assert dues(ladder) == [(0, [THEIRS]), (300, [BACKUP]), (600, [LAST])]


def test_a_claim_shows_the_copies_of_its_own_agency_and_no_others() -> None:
    state = address(
        compose(kind="alert.claimed", to=(ME, THEM), shown=(Shown(HOLD, SECRET),)),
        Addressee(ME, COLLEAGUE),
        Addressee(THEM, THEIRS),
    )
    state, effects = seal(state, COLLEAGUE, THEIRS)
    (shown,) = (effect for effect in effects if isinstance(effect, ClaimHold))
    assert (shown.shown.hold_id, shown.shown.secret) == (HOLD, SECRET)
    assert [parcel.device for parcel in shown.parcels] == [COLLEAGUE]
    submits = [effect for effect in effects if isinstance(effect, Submit)]
    assert effects.index(shown) < effects.index(submits[0])
    assert shown.parcels == next(held.parcels for held in submits if held.agency == ME)
    for submit in submits:
        state, _ = step(state, Accepted(START, submit.parcels))
    # The secret is let go of with the last copy.
    assert entry_of(state).settled
    assert entry_of(state).shown == ()
    assert SECRET not in repr(shown).encode()
