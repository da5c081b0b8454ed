"""Who stands on which rung: each device once, and nobody's time is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quietway.alerting.rungs import USUAL_DUES, arrange_rungs, put_first
from quietway.engine.inputs import Rung
from quietway_schemas.holds import MOST_PLACES
from quietway_schemas.ids import DeviceId

ME, ANN, BEA, CAI, DEV = (DeviceId(bytes([number]) * 16) for number in range(1, 6))
DEVICES = st.integers(1, 9).map(lambda number: DeviceId(bytes([number]) * 16))
TIERS = st.lists(st.lists(DEVICES, max_size=4), min_size=0, max_size=6)


def test_each_tier_is_called_at_its_time() -> None:
    rungs = arrange_rungs(((ANN,), (BEA,), (CAI,), (DEV,)), me=ME)
    assert rungs == tuple(
        Rung(due, (who,)) for due, who in zip(USUAL_DUES, (ANN, BEA, CAI, DEV), strict=True)
    )


def test_an_empty_tier_gives_its_time_to_the_next() -> None:
    assert arrange_rungs(((), (ME, ANN), (ANN,), (BEA,)), me=ME) == (
        Rung(0, (ANN,)),
        Rung(300, (BEA,)),
    )
    assert arrange_rungs(((ME,), ()), me=ME) == ()


def test_more_than_a_tier_holds_is_called_on_the_next() -> None:
    many = [DeviceId(number.to_bytes(16, "big")) for number in range(100, 100 + MOST_PLACES + 1)]
    assert [len(rung.devices) for rung in arrange_rungs((many,), me=ME)] == [MOST_PLACES, 1]


def test_whom_it_is_handed_to_is_called_alone_and_everybody_else_after() -> None:
    rungs = arrange_rungs(put_first(CAI, ((ANN,), (BEA,), (CAI,), (DEV,))), me=ME)
    assert [rung.devices for rung in rungs] == [(CAI,), (ANN, BEA), (DEV,)]


@given(TIERS)
def test_everybody_but_the_caller_is_called_once_in_order(tiers: list[list[DeviceId]]) -> None:
    rungs = arrange_rungs(tiers, me=ME)
    called = [device for rung in rungs for device in rung.devices]
    assert sorted(called) == sorted({held for tier in tiers for held in tier} - {ME})
    assert [rung.due for rung in rungs] == list(USUAL_DUES[: len(rungs)])
    first = {held: n for n, tier in reversed(list(enumerate(tiers))) for held in tier}
    order = [max(first[held] for held in rung.devices) for rung in rungs]
    assert order == sorted(order)
