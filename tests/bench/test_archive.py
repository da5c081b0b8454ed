"""The archive of a year, in small: it is opened in a process that never made it, and weighed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.archive import Archive
from bench.archive_relay import put_aside, take_up
from bench.place import Place

from quietway.testing.clock import FakeClock
from quietway.testing.relay import InMemoryRelay

if TYPE_CHECKING:
    from pathlib import Path


def test_a_device_is_weighed_with_what_waits_for_it(tmp_path: Path) -> None:
    with Place(seconds=0.2, build=tmp_path) as place:
        waited = Archive(cases=20, arrivals=3).run(place)
    assert waited.steps > 0
    # An interpreter with the client weighs some tens of MiB; neither is a part of the other.
    assert 20 < waited.resident_mib < 400
    assert 0 <= waited.relay_mib < waited.resident_mib


def test_a_relay_that_was_put_aside_is_taken_up_with_its_time_and_its_codes(tmp_path: Path) -> None:
    relay = InMemoryRelay(FakeClock())
    code = relay.enrolment_code()
    put_aside(relay, tmp_path / "relay")
    taken_up = take_up(tmp_path / "relay")
    assert taken_up.clock.now() == relay.clock.now()
    assert taken_up.enrolment_code() == relay.enrolment_code() != code
    assert taken_up.books.page(0) == relay.books.page(0)
