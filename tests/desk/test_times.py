from __future__ import annotations

from quietway_desk.times import write_instant


def test_an_instant_is_written_with_its_milliseconds_in_utc() -> None:
    assert write_instant(1_795_428_000_007) == "2026-11-23T10:00:00.007Z"
