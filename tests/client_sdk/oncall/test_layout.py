"""Who is on call when: local times, changes of the clock, cycles, crossing rotas, overrides."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.client_sdk.oncall.rotas import CHICAGO, crew, dev, local, make_rota, written
from tests.controls import without

from quietway.errors import ContentRefused
from quietway.oncall.book import OnCallBook, RotaVersion
from quietway.oncall.changes import Swap
from quietway.oncall.gaps import find_gaps
from quietway.oncall.layout import find_at, lay_out
from quietway.oncall.local import to_instant
from quietway.oncall.rota import Crew, Rota, Shift, read_rota
from quietway.oncall.tiers import list_devices, unite
from quietway_schemas.content.oncall import AgencyOnCallChange
from quietway_schemas.instants import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from quietway_schemas.content.oncall import AgencyRota
    from quietway_schemas.ids import DeviceId

DAY_AND_NIGHT = make_rota(
    *(
        shift
        for day, after in itertools.pairwise(
            ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon")
        )
        for shift in ((0, f"{day} 08:00", f"{day} 20:00"), (1, f"{day} 20:00", f"{after} 08:00"))
    )
)
# Clocks go forward in Chicago on 14 March 2027 at 02:00, and back on 1 November 2026 at 02:00.
SPRING, AUTUMN = "2027-03-14", "2026-11-01"


def primary_at(rota: AgencyRota, at: int) -> DeviceId | None:
    tier = find_at([rota], [], at)[0]
    return tier[0] if tier else None


@pytest.mark.requirement("C48")
def test_whoever_the_shift_names_is_on_call_at_local_times() -> None:
    """C48: an on-call schedule with primary and backup."""
    rota = written(DAY_AND_NIGHT)
    for text, expected in (
        ("2026-11-23 07:59", 2),
        ("2026-11-23 08:00", 1),
        ("2026-11-23 19:59", 1),
        ("2026-11-23 20:00", 2),
        # In summer the same local times are other moments.
        ("2026-07-06 08:00", 1),
        ("2026-07-06 20:00", 2),
    ):
        assert primary_at(rota, local(text)) == dev(expected), text
        backup = find_at([rota], [], local(text))[1]
        assert backup == (dev(3 - expected),)


def test_a_time_that_the_clock_jumps_over_is_the_moment_of_the_jump() -> None:
    jump = local(f"{SPRING} 03:00")
    zone = ZoneInfo(CHICAGO)
    for minute in (120, 121, 150, 179):
        assert to_instant(date(2027, 3, 14), minute, zone) == jump
    assert to_instant(date(2027, 3, 14), 180, zone) == jump
    assert to_instant(date(2027, 3, 14), 119, zone) == jump - MINUTE


def test_a_time_that_comes_twice_is_the_first() -> None:
    zone = ZoneInfo(CHICAGO)
    first, second = (local(f"{AUTUMN} 01:30", fold=fold) for fold in (0, 1))
    assert second == first + HOUR
    assert to_instant(date(2026, 11, 1), 90, zone) == first
    # What meets at that time meets once: the night shift is an hour longer.
    assert to_instant(date(2026, 11, 1), 120, zone) == second + 30 * MINUTE


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
@pytest.mark.parametrize("clock", ["01:30", "02:00", "02:30", "03:00"])
def test_a_change_of_the_clock_makes_neither_a_gap_nor_an_overlap(day: str, clock: str) -> None:
    rota = written(
        make_rota((0, f"Sun {clock}", f"Wed {clock}"), (1, f"Wed {clock}", f"Sun {clock}"))
    )
    noon = local(f"{day} 12:00")
    layout = lay_out([rota], [], noon - DAY, noon)
    assert [held.tiers[0] for held in layout] == [(dev(2),), (dev(1),)]
    assert layout[0].ends == layout[1].starts


def test_a_change_of_the_clock_would_tear_a_gap_if_its_ends_were_read_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_plainly(day: date, minutes: int, zone: ZoneInfo) -> int:
        # As whoever adds minutes to the midnight of the day: wrong by an hour after the jump.
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        return round(midnight.timestamp() * 1_000) + minutes * MINUTE

    without(monkeypatch, "quietway.oncall.layout:to_instant", read_plainly)
    rota = written(DAY_AND_NIGHT)
    assert primary_at(rota, local("2027-03-14 20:30")) == dev(1)
    monkeypatch.undo()
    assert primary_at(rota, local("2027-03-14 20:30")) == dev(2)


@given(
    at=st.integers(local("2026-01-01 00:00"), local("2028-01-01 00:00")),
    zone=st.sampled_from(["America/Chicago", "Europe/Lisbon", "Australia/Lord_Howe", "UTC"]),
)
def test_a_rota_without_a_gap_has_none_anywhere(at: int, zone: str) -> None:
    rota = written(Rota(zone, DAY_AND_NIGHT.crews, DAY_AND_NIGHT.shifts))
    layout = lay_out([rota], [], at, at + 9 * DAY)
    assert (layout[0].starts, layout[-1].ends) == (at, at + 9 * DAY)
    assert all(before.ends == after.starts for before, after in itertools.pairwise(layout))
    assert all(held.tiers[0] for held in layout)
    assert find_gaps(layout, lambda _: None) == ()


def test_a_cycle_of_weeks_goes_on_from_its_first_monday() -> None:
    shifts = (
        Shift(0, "Mon 09:00", "Mon 09:00", week=1),
        Shift(1, "Mon 09:00", "Mon 09:00", week=2),
    )
    rota = written(Rota(CHICAGO, (crew(1, 2), crew(2, 1)), shifts, 2, date(2026, 11, 23)))
    for weeks in range(-6, 7):
        at = local("2026-11-23 09:00") + weeks * 7 * DAY + HOUR
        assert primary_at(rota, at) == dev(1 if weeks % 2 == 0 else 2)
    assert primary_at(rota, local("2026-11-23 08:59")) == dev(2)


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (lambda: make_rota(crews=(Crew(dev(1), ()), crew(2, 1))), "backup"),
        (lambda: make_rota(crews=(Crew(dev(1), (dev(1), dev(2))),)), "crews"),
        (lambda: make_rota(crews=(Crew(dev(1), (dev(2),), (dev(1),)),)), "crews"),
        (lambda: make_rota((0, "Mon 09:00", "Mon 17:00"), (1, "Mon 16:59", "Mon 18:00")), "shifts"),
        (lambda: make_rota((0, "Mon 01:00", "Mon 02:00"), (1, "Sun 20:00", "Mon 01:01")), "shifts"),
        (lambda: make_rota((5, "Mon 09:00", "Mon 17:00")), "shifts"),
        (lambda: make_rota((0, "Montag 9 Uhr", "Mon 17:00")), "shifts"),
        (lambda: make_rota(zone="Mars/Olympus"), "time_zone"),
        (lambda: make_rota(crews=(Crew(dev(1), ()),)), "crews"),
    ],
)
def test_v06_one_primary_one_backup_or_more_and_nobody_twice(made: Any, field: str) -> None:
    with pytest.raises(ContentRefused) as refused:
        written(made())
    assert field in str(refused.value)


def test_a_rota_comes_back_as_it_was_written() -> None:
    rota = Rota(
        CHICAGO,
        (Crew(dev(3), (dev(1), dev(2)), (dev(4),), (dev(5),)), crew(1, 3)),
        (Shift(0, "Mon 09:00", "Sun 21:30", 1), Shift(1, "Sun 21:30", "Mon 09:00", 2)),
        2,
        date(2026, 11, 23),
    )
    assert read_rota(written(rota)) == rota


def test_of_rotas_that_cross_all_count_and_one_primary_is_called_first() -> None:
    one = written(make_rota(crews=(crew(1, 2),)), 1)
    other = written(make_rota(crews=(crew(3, 2, 4),)), 2)
    tiers = find_at([one, other], [], local("2026-11-23 12:00"))
    # The one that names more people is the more protective, and gives the primary.
    assert tiers[0] == (dev(3),)
    assert set(tiers[1]) == {dev(1), dev(2), dev(4)}


def test_a_rota_that_would_win_over_the_other_would_drop_somebody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.oncall.layout:unite", lambda versions: versions[0])
    one, other = (
        written(make_rota(crews=(crew(1, 2),)), 1),
        written(make_rota(crews=(crew(3, 4),)), 2),
    )
    assert len(list_devices(find_at([one, other], [], local("2026-11-23 12:00")))) == 2


@given(st.permutations(range(4)), st.data())
def test_what_counts_does_not_depend_on_the_order_in_which_it_came(
    order: list[int], data: st.DataObject
) -> None:
    first = written(make_rota(crews=(crew(1, 2),)), 1)
    name = RotaVersion.of(first).name
    versions = [
        first,
        written(make_rota(crews=(crew(3, 2),)), 2),
        written(make_rota(crews=(crew(4, 5, 6),)), 3, supersedes=(name,)),
        written(make_rota(crews=(crew(5, 1),)), 4, supersedes=(name,)),
    ]
    straight, shuffled = OnCallBook(), OnCallBook()
    for each in versions:
        straight.learn_rota(each)
    for place in [*order, data.draw(st.integers(0, 3))]:
        shuffled.learn_rota(versions[place])
    at = local("2026-11-23 12:00")
    assert shuffled.known == straight.known
    assert shuffled.lay_out(at, at + 1) == straight.lay_out(at, at + 1)
    assert len(straight.versions) == 3


def test_uniting_keeps_everybody_once() -> None:
    tiers = unite([((dev(1),), (dev(2),), (), (dev(4),)), ((dev(2),), (dev(3),), (dev(1),), ())])
    assert tiers == ((dev(1),), (dev(2), dev(3)), (), (dev(4),))


def test_an_override_counts_for_its_time_and_keeps_who_is_replaced_among_the_backups() -> None:
    rota, noon = written(make_rota()), local("2026-11-23 12:00")
    put = Swap(noon, noon + HOUR, dev(9), None, 0)
    assert find_at([rota], [put], noon) == ((dev(9),), (dev(1), dev(2)), (), ())
    assert find_at([rota], [put], noon + HOUR) == find_at([rota], [], noon + HOUR)
    ill = Swap(noon, noon + HOUR, dev(2), dev(1), 0)
    assert find_at([rota], [ill], noon) == ((dev(2),), (), (), ())
    gaps = find_gaps(lay_out([rota], [ill], noon, noon + DAY), lambda _: None)
    assert [(gap.tier, gap.starts, gap.ends, gap.why) for gap in gaps] == [
        ("backup", noon, noon + HOUR, "nobody")
    ]


def test_a_swap_takes_both_words_and_is_the_same_in_any_order() -> None:
    rota, noon = written(make_rota(crews=(crew(1, 2, 3),))), local("2026-11-23 12:00")
    offer = AgencyOnCallChange(
        change_id=b"c" * 16,
        kind="offer",
        off=dev(1),
        on=dev(9),
        starts=noon,
        ends=noon + HOUR,
        back_starts=noon + DAY,
        back_ends=noon + DAY + HOUR,
    )
    accept = AgencyOnCallChange(change_id=b"c" * 16, kind="accept")
    said = [(offer, dev(1), noon), (accept, dev(9), noon + 5)]
    book = OnCallBook()
    for words, expected in (
        (said[:1], 1),
        (said[1:], 1),
        (said, 9),
        (said[::-1], 9),
        # Neither counts from anybody else.
        ([said[0], (accept, dev(2), noon)], 1),
        ([(offer, dev(2), noon), said[1]], 1),
        ([*said, (accept.model_copy(update={"kind": "withdraw"}), dev(2), noon)], 1),
    ):
        book = OnCallBook()
        book.learn_rota(rota)
        for word in words:
            book.learn_change(*word)
        assert book.lay_out(noon, noon + 1)[0].tiers[0] == (dev(expected),), words
    book.forget(noon)
    assert book.said
    book.forget(noon + 4 * DAY)
    assert not book.said


def test_a_swap_would_count_by_one_word_if_nobody_asked_for_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.oncall.changes:_find_state", lambda *_: "counts")
    book, noon = OnCallBook(), local("2026-11-23 12:00")
    book.learn_rota(written(make_rota()))
    offer = AgencyOnCallChange(
        change_id=b"c" * 16, kind="offer", off=dev(1), on=dev(9), starts=noon, ends=noon + HOUR
    )
    book.learn_change(offer, dev(1), noon)
    assert book.lay_out(noon, noon + 1)[0].tiers[0] == (dev(9),)


def test_gaps_are_found_to_the_minute_with_their_reason() -> None:
    rota = written(make_rota((0, "Mon 09:00", "Wed 17:01"), (1, "Wed 17:02", "Mon 08:30")))
    now = local("2026-11-23 12:00")
    layout = lay_out([rota], [], now, now + 14 * DAY)
    gaps = find_gaps(layout, lambda _: None)
    minute = [gap for gap in gaps if gap.starts == local("2026-11-25 17:01")]
    assert [(gap.tier, gap.ends - gap.starts) for gap in minute] == [
        ("primary", MINUTE),
        ("backup", MINUTE),
    ]
    assert len(gaps) == 8
    # Whoever is on call without a device that can be reached is a gap, too.
    unfit = find_gaps(layout, lambda device: "device_left" if device == dev(2) else None)
    assert {gap.why for gap in unfit if gap.devices == (dev(2),)} == {"device_left"}
    assert any(gap.tier == "backup" and gap.starts == now for gap in unfit)
