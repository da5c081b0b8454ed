"""What one device may send in a week, by kind; and how its sendings are kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.own.lane_world import DAYS
from tests.controls import without

from quietway import OverQuota
from quietway.content import CaseRef
from quietway.spacing import LONGEST_ALTOGETHER_MS, shuffle
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.lanes import derive_capability, hash_capability
from quietway_schemas.instants import SECOND, iso_week

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Sent

CASE = CaseRef(b"one case of ours")


async def _found(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    for _ in range(2):
        for client in (shelter, hospital):
            await client.sync()
    return shelter, hospital


async def _alarm(hospital: AsyncClient, code: str = "threat_unverified") -> Sent:
    return await hospital.status.set(code, to="HARBOR", case_ref=CASE)


def _spent(agencies: Agencies, sender: AsyncClient, to: AsyncClient) -> dict[str, int]:
    """Count what went through the lane that an agency gave this device, by kind."""
    granted = sender._agent.lanes.granted(to.agency_id)
    assert granted is not None
    week = iso_week(agencies.clock.now())
    return {
        kind: agencies.relay._spent.get(
            hash_capability(derive_capability(granted.lane, week, kind)), 0
        )
        for kind in ("normal", "crisis")
    }


async def test_an_alarm_goes_through_the_crisis_lane_and_all_else_through_the_normal_one(
    agencies: Agencies,
) -> None:
    shelter, hospital = await _found(agencies)
    before = _spent(agencies, hospital, shelter)
    await hospital.messages.send("Are you there?", to="HARBOR")
    await _alarm(hospital, "safety_plan_active")
    normal = _spent(agencies, hospital, shelter)
    assert normal["normal"] > before["normal"]
    assert normal["crisis"] == before["crisis"] == 0
    assert (await _alarm(hospital)).state == "stored_at_relay"
    after = _spent(agencies, hospital, shelter)
    assert after == {**normal, "crisis": 1}


async def test_where_the_crisis_lane_is_spent_the_same_bytes_go_through_the_normal_one_at_once(
    agencies: Agencies,
) -> None:
    shelter, hospital = await _found(agencies)
    agencies.relay.lane_envelopes["crisis"] = 1
    for code in ("threat_unverified", "checkin_missed"):
        assert (await _alarm(hospital, code)).state == "stored_at_relay"
    assert _spent(agencies, hospital, shelter)["crisis"] == 1
    await shelter.sync()
    assert {line.code for line in await shelter.status.board()} == {
        "threat_unverified",
        "checkin_missed",
    }


async def test_a_spent_normal_lane_holds_up_routine_and_no_alarm(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital = await _found(agencies)
    # The conversation is known there already, so that nothing goes beside the alarm.
    await _alarm(hospital, "safety_plan_active")
    agencies.relay.lane_envelopes["normal"] = _spent(agencies, hospital, shelter)["normal"]
    held_up = await hospital.messages.send("Are you there?", to="HARBOR")
    assert held_up.state == "sealed"
    assert isinstance(held_up.problem, OverQuota)
    assert held_up.problem.code == "over_quota"
    assert held_up.problem.retry_after == 60
    assert (await _alarm(hospital)).state == "stored_at_relay"
    assert [entry.reason for entry in await hospital.outbox()] == ["", "over_quota", ""]
    # Control: as routine it would wait too.
    with monkeypatch.context() as cut:
        without(cut, "quietway.engine.outbox:_is_urgent", lambda _: False)
        assert isinstance((await _alarm(hospital, "checkin_missed")).problem, OverQuota)
    # In the next week it goes out by itself, and arrives once.
    agencies.clock.advance(2 * DAYS)
    agencies.relay.lane_envelopes["normal"] = 20_000
    await hospital.sync()
    await shelter.sync()
    assert [entry.reason for entry in await hospital.outbox()] == [""] * 4
    texts = [getattr(said.content, "text", "") for said in await shelter.inbox()]
    assert texts.count("Are you there?") == 1


async def test_control_where_a_spent_crisis_lane_gives_way_to_nothing_an_alarm_waits(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, hospital = await _found(agencies)
    agencies.relay.lane_envelopes["crisis"] = 0

    async def the_first_way_only(
        lane: list[bytes], give: Callable[[bytes], Awaitable[object]]
    ) -> object:
        return await give(lane[0])

    without(monkeypatch, "quietway.lanes:_go_by", the_first_way_only)
    assert isinstance((await _alarm(hospital)).problem, OverQuota)


async def test_what_still_fits_into_the_quota_goes_and_the_rest_waits(agencies: Agencies) -> None:
    shelter, hospital = await _found(agencies)
    agencies.relay.offline = True
    for number in range(4):
        await hospital.messages.send(f"Number {number}.", to="HARBOR")
    agencies.relay.offline = False
    await hospital.sync()
    spent = _spent(agencies, hospital, shelter)["normal"]
    agencies.relay.offline = True
    for number in range(4, 8):
        await hospital.messages.send(f"Number {number}.", to="HARBOR")
    agencies.relay.offline = False
    # Each is the first of its conversation, and introduces its audience.
    agencies.relay.lane_envelopes["normal"] = spent + 4
    await hospital.sync()
    states = [entry.state for entry in await hospital.outbox()]
    assert states.count("stored_at_relay") == 6
    assert states.count("sealed") == 2


async def test_agencies_are_written_to_in_no_order_with_pauses_and_an_alarm_waits_for_nobody(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    for client in (shelter, hospital, police, shelter):
        await client.sync()
    rests = agencies.clock.rests
    rests.clear()
    await shelter.messages.send("One.", to="MERCY")
    assert rests == []
    for _ in range(12):
        agencies.relay.offline = True
        await shelter.messages.send("To both.", to=["MERCY", "CITYPD"])
        agencies.relay.offline = False
        before = len(rests)
        await shelter.sync()
        assert 0 < sum(rests[before:]) <= LONGEST_ALTOGETHER_MS / SECOND
    assert len({round(rest, 3) for rest in rests}) > 3
    rests.clear()
    await shelter.status.set("threat_unverified", to="MERCY", case_ref=CASE)
    assert rests == []


def test_an_order_that_is_drawn_holds_everything_once_in_each_order() -> None:
    entropy = SeededEntropy(7)
    orders = {tuple(shuffle("abc", entropy)) for _ in range(200)}
    assert len(orders) == 6
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
