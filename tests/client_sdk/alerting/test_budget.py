"""Row 57, the arithmetic: who is flooded with false alarms is still paged for the true one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from quietway.alerting.budget import DIGEST_EVERY_MS, MOST_PAGES, WINDOW_MS, Budget
from quietway_schemas.instants import DAY, MINUTE, SECOND

START = 1_795_428_000_000


def spend(times: list[int], budget: Budget | None = None) -> tuple[Budget, list[str]]:
    held, paged = budget or Budget(), []
    for at in times:
        held, paging = held.spend(START + at)
        paged.append(paging)
    return held, paged


def test_six_alerts_page_in_half_an_hour_and_the_others_come_in_one_digest() -> None:
    held, paged = spend([number * SECOND for number in range(500)])
    assert paged[:MOST_PAGES] == ["page"] * MOST_PAGES
    # The first that is too many is told at once, with nothing else; the others wait for the next.
    assert paged[MOST_PAGES] == "digest"
    assert set(paged[MOST_PAGES + 1 :]) == {"wait"}
    assert held.waiting == 500 - MOST_PAGES - 1
    assert not held.is_digest_due(START + DIGEST_EVERY_MS)
    assert held.is_digest_due(START + MOST_PAGES * SECOND + DIGEST_EVERY_MS)
    assert held.page_digest(START + WINDOW_MS)[0].waiting == 0


def test_after_the_window_an_alert_pages_by_itself_again() -> None:
    held, _ = spend([0] * 10)
    assert spend([WINDOW_MS - 1], held)[1] != ["page"]
    assert spend([WINDOW_MS], held)[1] == ["page"]


def test_a_clock_that_was_put_back_silences_nobody() -> None:
    held, _ = spend([DAY] * 10)
    assert spend([0], held)[1] == ["page"]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 90 * MINUTE), max_size=60).map(sorted))
def test_each_alert_pages_or_is_counted_and_none_is_dropped(times: list[int]) -> None:
    held, paged = spend(times)
    told = waiting = 0
    for paging in paged:
        waiting += paging != "page"
        told += paging == "page"
        if paging == "digest":
            told, waiting = told + waiting, 0
    assert told + held.waiting == len(times)
    # And no more often than promised: six in each window, and a digest in each quarter of an hour.
    pages = [at for at, paging in zip(times, paged, strict=True) if paging == "page"]
    assert all(sum(at <= one < at + WINDOW_MS for one in pages) <= MOST_PAGES for at in pages)
    digests = [at for at, paging in zip(times, paged, strict=True) if paging == "digest"]
    assert all(b - a >= DIGEST_EVERY_MS for a, b in pairwise(digests))
