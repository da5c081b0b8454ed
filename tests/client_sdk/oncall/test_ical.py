"""A rota as a calendar, read by another parser: the same moments, and nobody is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import vobject
from tests.client_sdk.oncall.rotas import CHICAGO, dev, local, make_rota, written

from quietway.oncall.ical import write_calendar
from quietway.oncall.layout import Stretch, lay_out
from quietway_schemas.instants import DAY

PROGRAMS = {dev(1): "HARBOR-SHELTER", dev(2): "HARBOR-NIGHT"}
ROTA = written(make_rota((0, "Sun 01:30", "Wed 12:00"), (1, "Wed 12:00", "Sun 01:30")))


def write(starts: int, days: int, zone: str = CHICAGO) -> tuple[tuple[Stretch, ...], str]:
    layout = lay_out([ROTA], [], starts, starts + days * DAY)
    return layout, write_calendar(layout, zone=zone, programs=PROGRAMS, now=starts)


def read_events(text: str) -> list[tuple[int, int, str]]:
    calendar = vobject.readOne(text)

    def moment(at: datetime) -> int:
        assert at.tzinfo is not None
        return round(at.astimezone(UTC).timestamp() * 1_000)

    return [
        (moment(held.dtstart.value), moment(held.dtend.value), held.summary.value)
        for held in calendar.vevent_list
    ]


def test_another_parser_reads_the_same_moments_over_both_changes_of_the_clock() -> None:
    for day in ("2026-10-25 12:00", "2027-03-08 12:00"):
        layout, text = write(local(day), 14)
        expected = [
            (held.starts, held.ends, tier) for held in layout for tier in ("primary", "backup")
        ]
        found = read_events(text)
        assert [(starts, ends) for starts, ends, _ in found] == [held[:2] for held in expected]
        assert all(
            said.startswith(f"On call, {tier}: HARBOR-")
            for (_, _, said), (_, _, tier) in zip(found, expected, strict=True)
        )


def test_the_zone_brings_its_own_rules() -> None:
    _, text = write(local("2026-10-25 12:00"), 14)
    assert text.count("BEGIN:VTIMEZONE") == 1
    assert "BEGIN:DAYLIGHT" in text
    assert "BEGIN:STANDARD" in text
    zone = vobject.readOne(text).vtimezone.tzinfo
    for at, hours in ((datetime(2026, 10, 31, 12), -5), (datetime(2026, 11, 2, 12), -6)):  # noqa: DTZ001 - the zone comes next
        assert at.replace(tzinfo=zone).utcoffset() == timedelta(hours=hours)


def test_a_calendar_names_programs_and_devices_and_nothing_else() -> None:
    _, text = write(local("2026-11-23 12:00"), 28)
    unfolded = text.replace("\r\n ", "")
    names = {line.partition(":")[0].partition(";")[0] for line in unfolded.splitlines()}
    events = unfolded[unfolded.index("BEGIN:VEVENT") :]
    assert "case" not in text
    assert {"CLASS", "DTEND", "DTSTAMP", "DTSTART", "SUMMARY", "UID"} <= names
    assert not names & {"ATTENDEE", "ORGANIZER", "LOCATION", "DESCRIPTION", "GEO"}
    assert all(
        line.split(": ", 1)[1].split(" ")[0] in PROGRAMS.values()
        for line in events.splitlines()
        if line.startswith("SUMMARY")
    )
    assert all(len(line.encode()) <= 75 for line in text.splitlines())
    uids = [line for line in unfolded.splitlines() if line.startswith("UID")]
    assert len(uids) == len(set(uids))
