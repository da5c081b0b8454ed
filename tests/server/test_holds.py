"""What the relay does with ladders, on clocks that the test holds: each tier once, in its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.server.on_call import (
    AGENCY,
    BACKUP,
    CAPABILITY,
    DEVICES,
    LADDER_MAILBOXES,
    LEADER,
    NORMAL,
    PRIMARY,
    START,
    SUPERVISOR,
    open_on_call,
)

from quietway_schemas.instants import DAY, HOUR, MINUTE, SECOND
from quietway_server.errors import RefusedError
from quietway_server.services.ladders import close_mailboxes
from quietway_server.store.memory import MemoryStore
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.ladders import Sealed
    from tests.server.on_call import OnCall

    from quietway_server.ports import Store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "r.db")
    yield made
    made.close()


@pytest.mark.requirement("C44", "C48")
async def test_the_lead_on_call_is_alerted_at_once_and_the_others_each_in_their_time(
    store: Store,
) -> None:
    """C44: ordered steps, timed, on ids that say nothing. C48: the primary, then the backup."""
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        told = [on_call.arrived(sealed)]
        for seconds in (119.9, 0.1, 179, 1, 300):
            await on_call.wait(seconds)
            told.append(on_call.arrived(sealed))
        assert told == [[0], [0], [0, 1], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
        assert on_call.waiting(BACKUP) == sealed.names[1]
        await on_call.wait(3600)
        assert on_call.arrived(sealed) == [0, 1, 2, 3]


async def test_all_that_became_due_while_nobody_looked_goes_with_the_first_look(
    store: Store,
) -> None:
    async with open_on_call(store) as on_call:
        ladders = [await on_call.place() for _ in range(3)]
        await on_call.wait(DAY / SECOND)
        assert [on_call.arrived(sealed) for sealed in ladders] == [[0, 1, 2, 3]] * 3


async def test_a_look_says_when_the_next_tier_is_due(store: Store) -> None:
    async with open_on_call(store) as on_call:
        await on_call.place()
        on_call.clocks.pass_seconds(119.5)
        assert await on_call.relay.escalator.look() == pytest.approx(0.5)


async def test_the_same_bytes_again_are_answered_alike_and_do_nothing(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        holds = on_call.relay.holds
        # Also through a lane that is closed by now: who has all the bytes has sent them.
        for capability in (CAPABILITY, NORMAL, b"x" * 32):
            assert await holds.place(capability, sealed.hold, sealed.body) == 4
        await on_call.wait(600)
        assert await holds.place(CAPABILITY, sealed.hold, sealed.body) == 4
        assert on_call.arrived(sealed) == [0, 1, 2, 3]
        other = on_call.sealer.ladder({0: (PRIMARY,)})
        with pytest.raises(RefusedError, match="conflict"):
            await holds.place(CAPABILITY, sealed.hold, other.body)
        with pytest.raises(RefusedError, match="not_found"):
            await holds.place(b"x" * 32, sealed.hold, other.body)
        assert on_call.arrived(other) == []


async def test_an_alert_that_came_before_is_not_sent_again_and_other_bytes_are_a_conflict(
    store: Store,
) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        held = sealed.ladder.places[1].record
        ingest = on_call.relay.ingest
        assert await ingest.submit(CAPABILITY, [held], body_bytes=0) == 1
        assert on_call.waiting(BACKUP) == []
        forged = on_call.sealer.record(BACKUP)
        object.__setattr__(forged, "header", held.header)
        with pytest.raises(RefusedError, match="conflict"):
            await ingest.submit(CAPABILITY, [forged], body_bytes=0)
        await on_call.wait(120)
        assert on_call.arrived(sealed) == [0, 1]


@pytest.mark.parametrize(
    ("capability", "mailbox"), [(b"x" * 32, BACKUP), (CAPABILITY, b"?" * 16)], ids=["lane", "box"]
)
async def test_no_such_lane_and_no_such_mailbox_look_alike_and_nothing_is_kept(
    store: Store, capability: bytes, mailbox: bytes
) -> None:
    async with open_on_call(store) as on_call:
        tiers = {0: (PRIMARY,), 60: (BACKUP, mailbox) if mailbox != BACKUP else (BACKUP,)}
        with pytest.raises(RefusedError, match="not_found"):
            await on_call.place(tiers, capability=capability)
        with store.reading() as transaction:
            assert transaction.due_holds(limit=9) == []
        assert on_call.waiting(PRIMARY) == []


async def test_every_place_counts_against_the_lane_when_it_is_accepted(store: Store) -> None:
    async with open_on_call(store, lane_crisis_envelopes="6") as on_call:
        await on_call.place()
        with pytest.raises(RefusedError, match="over_quota"):
            await on_call.place()
        await on_call.place(capability=NORMAL)
        await on_call.place({0: (PRIMARY,), 1: (BACKUP,)})


async def test_what_is_held_takes_its_place_and_a_full_mailbox_keeps_no_alert_back(
    store: Store,
) -> None:
    async with open_on_call(store, mailbox_envelopes="2") as on_call:
        sealed = await on_call.place()
        filler = [on_call.sealer.record(BACKUP) for _ in range(2)]
        await on_call.relay.ingest.submit(NORMAL, filler[:1], body_bytes=0)
        with pytest.raises(RefusedError, match="mailbox_full"):
            await on_call.relay.ingest.submit(NORMAL, filler[1:], body_bytes=0)
        with pytest.raises(RefusedError, match="mailbox_full"):
            await on_call.place(capability=NORMAL)
        # Somebody fills it all the same, past its limit: a claim may.
        assert await on_call.claim(sealed, sealed.secrets[0], BACKUP, LEADER)
        other = await on_call.place({60: (SUPERVISOR,)})
        await on_call.wait(60)
        assert len(on_call.waiting(BACKUP)) == 3
        assert other.names[0][0] in on_call.waiting(SUPERVISOR)


async def _claim_first(on_call: OnCall) -> tuple[Sealed, list[list[bytes]]]:
    sealed = await on_call.place()
    assert await on_call.claim(sealed, sealed.secrets[0])
    return sealed, [on_call.waiting(mailbox) for mailbox in LADDER_MAILBOXES]


async def test_a_claim_stands_before_the_alert_in_each_mailbox_and_nothing_is_deleted(
    store: Store,
) -> None:
    async with open_on_call(store) as on_call:
        sealed, waiting = await _claim_first(on_call)
        assert [len(names) for names in waiting] == [2, 2, 2, 2]
        alerts = [names[0] for names in sealed.names]
        assert [names.index(alert) for names, alert in zip(waiting, alerts, strict=True)] == [
            0, 1, 1, 1,
        ]  # fmt: skip
        await on_call.wait(HOUR / SECOND)
        assert [on_call.waiting(mailbox) for mailbox in LADDER_MAILBOXES] == waiting


async def test_a_later_claim_brings_its_words_and_a_repeated_one_nothing(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        first = on_call.sealer.claim(sealed.secrets[0], PRIMARY, LEADER).pack()
        later = on_call.sealer.claim(sealed.secrets[3], LEADER).pack()
        answers = [
            await on_call.relay.holds.claim(sealed.hold, body)
            for body in (first, later, first, later)
        ]
        assert answers == [True, False, True, False]
        assert len(on_call.waiting(LEADER)) == 3


async def test_words_for_whom_the_ladder_does_not_address_are_left_out(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place({0: (PRIMARY,), 60: (BACKUP,)})
        claim = on_call.sealer.claim(sealed.secrets[1], PRIMARY, LEADER, b"?" * 16)
        assert await on_call.relay.holds.claim(sealed.hold, claim.pack())
        assert len(on_call.waiting(PRIMARY)) == 2
        assert on_call.waiting(LEADER) == []
        # It has not come before either: the same envelope may still be sent through a lane.
        await on_call.relay.ingest.submit(NORMAL, [claim.records[1]], body_bytes=0)
        assert len(on_call.waiting(LEADER)) == 1


async def test_a_claim_whose_envelope_id_came_before_changes_nothing(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        claim = on_call.sealer.claim(sealed.secrets[0], PRIMARY, BACKUP)
        object.__setattr__(claim.records[1], "header", sealed.ladder.places[1].record.header)
        with pytest.raises(RefusedError, match="conflict") as refused:
            await on_call.relay.holds.claim(sealed.hold, claim.pack())
        assert refused.value.index == 1
        assert on_call.arrived(sealed) == [0]
        assert len(on_call.waiting(PRIMARY)) == 1


async def _count_claims(store: Store, sealed_secret: int | None) -> tuple[str, list[int]]:
    """Claim a ladder with a place's secret, or a foreign one; give the answer and what arrived."""
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        secret = b"?" * 32 if sealed_secret is None else sealed.secrets[sealed_secret]
        try:
            answer = str(await on_call.claim(sealed, secret))
        except RefusedError as refused:
            answer = refused.code
        return answer, on_call.arrived(sealed)


async def test_without_a_secret_of_the_ladder_nothing_stops_it(store: Store) -> None:
    assert await _count_claims(store, None) == ("not_found", [0])


async def test_control_without_the_hash_anybody_could_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_on_call(MemoryStore()) as on_call:
        sealed = await on_call.place()
        known = sealed.ladder.places[0].cancel_hash
        without(monkeypatch, "quietway_server.services.holds:hash_tagged", lambda *_: known)
        assert await on_call.claim(sealed, b"?" * 32)


async def test_unknown_over_wrong_and_removed_are_refused_alike(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed, other = await on_call.place(), on_call.sealer.ladder({0: (PRIMARY,)})
        on_call.certify(BACKUP, SUPERVISOR, LEADER)
        refusals = []
        for ladder, secret in (
            (sealed, b"?" * 32),
            (sealed, sealed.secrets[0]),
            (other, other.secrets[0]),
        ):
            with pytest.raises(RefusedError) as refused:
                await on_call.claim(ladder, secret)
            refusals.append((refused.value.code, refused.value.index, refused.value.field))
        await on_call.wait(4 * DAY / SECOND)
        with pytest.raises(RefusedError) as refused:
            await on_call.claim(sealed, sealed.secrets[1])
        refusals.append((refused.value.code, refused.value.index, refused.value.field))
        assert set(refusals) == {("not_found", None, None)}


@pytest.mark.requirement("C48")
async def test_when_the_primarys_device_is_removed_the_backup_is_alerted_at_once(
    store: Store,
) -> None:
    """C48: primary and backup; whoever can't be called any more is passed over."""
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        on_call.certify(BACKUP, SUPERVISOR, LEADER)
        assert on_call.waiting(BACKUP) == sealed.names[1]
        assert on_call.waiting(SUPERVISOR) == []
        await on_call.wait(300)
        assert on_call.waiting(SUPERVISOR) == sealed.names[2]


async def test_tiers_that_a_removal_empties_are_passed_and_nothing_held_for_them_is_left(
    store: Store,
) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        on_call.certify(PRIMARY, LEADER)
        assert on_call.waiting(LEADER) == sealed.names[3]
        with store.writing() as transaction:
            assert not any(transaction.take_alerts(sealed.hold, tier) for tier in range(4))


async def test_an_agency_that_is_removed_takes_its_ladders_places_with_it(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        with store.writing() as transaction:
            closing = transaction.find_closing(AGENCY, ())
            transaction.remove_agency(AGENCY)
            assert close_mailboxes(transaction, closing, now=START) == []
            held = transaction.find_hold(sealed.hold)
            assert held is not None
            assert not held.mailboxes
        await on_call.wait(4 * DAY / SECOND)
        with store.reading() as transaction:
            assert transaction.due_holds(limit=9) == []


@pytest.mark.requirement("A30")
async def test_what_is_held_stays_when_its_sender_withdraws_and_can_be_withdrawn_once_it_went(
    store: Store,
) -> None:
    """A30: what is undelivered can be taken back; a held alert can't: a life may hang on it."""
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        slips = [on_call.sealer.slips[names[0]] for names in sealed.names]
        withdraw = on_call.relay.withdrawals.withdraw
        assert await withdraw(slips) == [True, False, False, False]
        await on_call.wait(120)
        assert on_call.waiting(BACKUP) == sealed.names[1]
        assert await withdraw(slips) == [False, True, False, False]
        await on_call.wait(600)
        assert on_call.waiting(SUPERVISOR) == sealed.names[2]
        assert on_call.waiting(LEADER) == sealed.names[3]


async def test_a_clock_that_is_put_back_delays_nothing_while_the_relay_runs(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        await on_call.wait(0)
        on_call.clocks.wall -= 365 * DAY
        await on_call.wait(119)
        assert on_call.arrived(sealed) == [0]
        await on_call.wait(1)
        assert on_call.arrived(sealed) == [0, 1]


async def test_control_by_the_wall_clock_alone_a_ladder_would_be_lost_for_a_year(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_server.core.holds:Ages.elapsed", lambda *_, **__: 0)
    async with open_on_call(MemoryStore()) as on_call:
        sealed = await on_call.place()
        on_call.clocks.wall -= 365 * DAY
        await on_call.wait(3600)
        assert on_call.arrived(sealed) == [0]


async def test_an_age_is_written_down_each_minute(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        for _ in range(3):
            await on_call.wait(59)
        with store.reading() as transaction:
            held = transaction.find_hold(sealed.hold)
        assert held is not None
        assert held.age_ms >= 118 * SECOND


async def test_a_ladder_is_forgotten_after_96_hours_and_not_while_something_is_held(
    store: Store,
) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
        await on_call.wait(96 * HOUR / SECOND - 1)
        with store.reading() as transaction:
            assert transaction.find_hold(sealed.hold) is not None
        await on_call.wait(1)
        with store.reading() as transaction:
            assert transaction.find_hold(sealed.hold) is None
        late = await on_call.place()
        await on_call.wait(200 * HOUR / SECOND)
        assert on_call.waiting(LEADER)[-1:] == late.names[3]
        with store.reading() as transaction:
            assert transaction.find_hold(late.hold) is None


async def test_a_released_alert_is_dropped_by_the_time_of_its_acceptance(store: Store) -> None:
    async with open_on_call(store) as on_call:
        sealed = await on_call.place({0: (PRIMARY,), 14_400: (LEADER,)})
        await on_call.wait(4 * HOUR / SECOND)
        assert on_call.arrived(sealed) == [0, 1]
        on_call.clocks.wall = START + 96 * HOUR + MINUTE
        await on_call.relay.sweeper.sweep()
        assert on_call.waiting(PRIMARY) == on_call.waiting(LEADER) == []


async def test_devices_that_are_not_on_call_are_told_nothing(store: Store) -> None:
    async with open_on_call(store) as on_call:
        await on_call.place({0: (PRIMARY,), 60: (BACKUP,)})
        await on_call.wait(60)
        assert on_call.waiting(SUPERVISOR) == on_call.waiting(LEADER) == []
        assert set(DEVICES) == set(LADDER_MAILBOXES)
