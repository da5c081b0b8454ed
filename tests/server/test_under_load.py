"""What is bounded under load, piece by piece: capacity and its shares, places, turns, memory.

Each with its control. How it holds together is shown by tests/faults and gallery row 55.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without

from quietway_server.api.places import BODIES_BYTES, CLAIM_REQUESTS, GRACE_SECONDS, Places
from quietway_server.core.capacity import Capacity, Urgent
from quietway_server.core.quota import HOLDS_BODY_BYTES
from quietway_server.direct import Unread
from quietway_server.errors import RefusedError
from quietway_server.services import verifying
from quietway_server.services.verifying import Turns
from quietway_server.services.writer import GROUP_JOBS, QUEUED_JOBS, Writer
from quietway_server.settings import read_settings
from quietway_server.store.memory import MemoryStore

if TYPE_CHECKING:
    from quietway_server.direct import DirectSocket
    from quietway_server.ports import Transaction

MIB: Final = 1024 * 1024


def _urgent(lane: int, agency: int = 0) -> Urgent:
    return Urgent(lane.to_bytes(32, "big"), agency.to_bytes(16, "big"))


def test_of_a_reserve_one_lane_has_an_eighth_and_one_agency_a_quarter() -> None:
    capacity = Capacity(0, reserved=64)
    of_one_lane = sum(capacity.take_reserved(_urgent(1)) for _ in range(99))
    of_its_agency = sum(capacity.take_reserved(_urgent(2 + n)) for n in range(99))
    of_others = sum(capacity.take_reserved(_urgent(200 + n, 1 + n)) for n in range(99))
    assert (of_one_lane, of_its_agency, of_others) == (8, 8, 48)
    assert not capacity.take()


def test_what_is_given_back_can_be_taken_again() -> None:
    capacity = Capacity(2, reserved=8)
    for _ in range(5):
        assert capacity.take(2)
        assert not capacity.take()
        assert capacity.take_reserved(_urgent(1))
        assert not capacity.take_reserved(_urgent(1))
        capacity.give_back(None, 2)
        capacity.give_back(_urgent(1))
    assert capacity.taken == 0


def test_control_without_shares_one_lane_takes_the_whole_reserve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def is_within(capacity: Capacity, _: Urgent, amount: int) -> bool:
        return capacity._taken_urgently + amount <= capacity._reserved

    without(monkeypatch, "quietway_server.core.capacity:Capacity._is_within", is_within)
    capacity = Capacity(0, reserved=64)
    assert sum(capacity.take_reserved(_urgent(1)) for _ in range(99)) == 64


async def _hold_bodies(*, urgent: Urgent | None) -> int:
    """Begin bodies of a MiB until one is refused; tell how many MiB were held."""
    held = 0
    taking = Places(read_settings({}, {}))
    with contextlib.ExitStack() as waiting:
        for _ in range(100):
            place = taking.take(urgent)
            waiting.enter_context(place.waiting())
            try:
                place.hold(MIB)
            except RefusedError:
                break
            held += 1
    return held


async def test_where_bodies_fill_the_room_a_claim_has_its_own() -> None:
    taking = Places(read_settings({}, {}))
    taking.take(None).hold(BODIES_BYTES)
    for _ in range(2):
        claims = [taking.take(None, is_claim=True) for _ in range(CLAIM_REQUESTS)]
        for claim in claims:
            claim.hold(HOLDS_BODY_BYTES)
        with pytest.raises(RefusedError):
            taking.take(None, is_claim=True).hold(1)
        for claim in claims:
            claim.leave()
    with pytest.raises(RefusedError):
        taking.take(None).hold(1)


async def test_bodies_in_memory_are_bounded_and_alarms_have_room_beside() -> None:
    assert await _hold_bodies(urgent=None) == BODIES_BYTES // MIB == 64
    # An eighth of the reserve, and then what is for everybody.
    assert await _hold_bodies(urgent=_urgent(1)) == 2 + 64


async def test_the_body_that_is_on_its_way_longest_gives_way() -> None:
    taking = Places(read_settings({}, {}))
    slow, other = taking.take(None), taking.take(None)
    with slow.waiting(), other.waiting():
        slow.hold(BODIES_BYTES - MIB)
        with pytest.raises(RefusedError):
            other.hold(2 * MIB)
        await asyncio.sleep(GRACE_SECONDS)
        other.hold(2 * MIB)
        assert not slow._is_taken
        assert other._is_taken
        with pytest.raises(RefusedError):
            other.hold(BODIES_BYTES)
    other.leave()
    assert (taking.taken, taking._bytes.taken) == (0, 0)


async def _ask_for_turns(count: int) -> tuple[int, float]:
    """Let many ask at once; tell how many were let in by and by, and within what time."""
    loop, turns = asyncio.get_running_loop(), Turns()
    begun, granted = loop.time(), 0

    async def ask(name: str) -> None:
        nonlocal granted
        if not turns.take_now():
            await turns.wait(name)
        granted += 1

    asking = [asyncio.ensure_future(ask(f"device {number}")) for number in range(count)]
    await asyncio.sleep(0.2)
    seconds, came = loop.time() - begun, granted
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return came, seconds


async def test_signatures_are_checked_at_a_pace_that_leaves_room_for_alarms() -> None:
    came, seconds = await _ask_for_turns(3000)
    assert came <= verifying.BURST + verifying.PER_SECOND * seconds + 1
    assert came >= verifying.BURST


async def test_control_without_the_pace_a_herd_is_checked_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_now = "quietway_server.services.verifying:Turns.take_now"
    without(monkeypatch, take_now, lambda _: True)
    came, _ = await _ask_for_turns(3000)
    assert came == 3000


async def test_of_one_signer_only_a_few_wait() -> None:
    turns = Turns()
    while turns.take_now():
        pass
    waiting = [asyncio.ensure_future(turns.wait("one")) for _ in range(40)]
    waiting.append(asyncio.ensure_future(turns.wait("another")))
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(each, RefusedError) for each in done) == 40 - verifying.OF_A_SIGNER
    assert done[-1] is None


async def _write_in_order(*, urgent: Urgent | None) -> int:
    """Hand in an alarm behind everything the queue takes; tell how many came before it."""
    store = MemoryStore()
    writer = Writer(store, on_failure=lambda: None)
    order: list[str] = []

    def write(name: str) -> None:
        def work(_: Transaction) -> None:
            order.append(name)

        asking.append(asyncio.ensure_future(writer.write(work)))

    asking: list[asyncio.Future[None]] = []
    for _ in range(QUEUED_JOBS):
        write("other")
    await asyncio.sleep(0)
    with pytest.raises(RefusedError, match="overloaded"):
        await writer.write(lambda _: None)
    try:
        await writer.write(lambda _: order.append("alarm"), urgent=urgent)
        # What makes room is not kept out either.
        await writer.write(lambda _: None, frees=True)
        return order.index("alarm")
    finally:
        await asyncio.gather(*asking)
        await asyncio.to_thread(writer.close)


async def test_an_alarm_is_written_before_what_waits_and_when_the_queue_is_full() -> None:
    assert await _write_in_order(urgent=_urgent(1)) <= GROUP_JOBS


async def test_control_an_alarm_that_is_not_urgent_is_refused_by_a_full_queue() -> None:
    with pytest.raises(RefusedError, match="overloaded"):
        await _write_in_order(urgent=None)


class _Transport:
    def __init__(self) -> None:
        self.is_cut_off = False

    def get_write_buffer_size(self) -> int:
        return 300

    def abort(self) -> None:
        self.is_cut_off = True


class _Peer:
    def __init__(self) -> None:
        self.transport = _Transport()


def _let_fall_behind(count: int) -> list[bool]:
    unread, peers = Unread(1000), [_Peer() for _ in range(count)]
    for peer in peers:
        unread.add(peer)  # type: ignore[arg-type]  # what is asked of a socket
    return [peer.transport.is_cut_off for peer in peers]


def test_of_those_who_do_not_read_the_slowest_is_cut_off() -> None:
    assert _let_fall_behind(5) == [True, True, False, False, False]


def test_control_without_the_bound_everybody_s_backlog_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def add(unread: Unread, socket: DirectSocket) -> None:
        unread._held[socket] = socket.transport.get_write_buffer_size()

    without(monkeypatch, "quietway_server.direct:Unread.add", add)
    assert not any(_let_fall_behind(5))
