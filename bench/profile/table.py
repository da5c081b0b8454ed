"""What `make profile` prints.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.profile.samples import ThreadSamples
    from bench.profile.watching import Watched

ROWS: Final = 12
LEAST_SHARE: Final = 0.01
# What is below nearly everything says nothing.
MOST_SHARE: Final = 0.99


def render(title: str, seen: Watched) -> str:
    """Write the table."""
    return "\n".join(_lines(title, seen)) + "\n"


def _lines(title: str, seen: Watched) -> Iterator[str]:
    envelopes, whole = seen.envelopes, sum(seen.cpu.values())
    yield f"{title}: {envelopes:,} envelopes, {whole * 1e6 / envelopes:,.0f} us of CPU each"
    yield "(user and system time of the relay; sampling slows it down, so no rate is claimed)"
    for thread, cpu in sorted(seen.cpu.items(), key=lambda item: -item[1]):
        samples = seen.threads.get(thread)
        if samples is not None and samples.running and cpu / whole > LEAST_SHARE:
            yield from _thread(samples, cpu * 1e6 / envelopes, cpu / whole)


def _thread(samples: ThreadSamples, each: float, share: float) -> Iterator[str]:
    seen = samples.running + samples.locked + samples.syncing + samples.idle
    yield ""
    yield f"{samples.name}: {each:,.1f} us an envelope, {share:.0%} of the relay's CPU"
    yield (
        f"  of its samples it ran in {samples.running / seen:.0%}, waited for a lock in"
        f" {samples.locked / seen:.0%}, for the disk in {samples.syncing / seen:.0%}, for work in"
        f" {samples.idle / seen:.0%} (deep sleep is not sampled)"
    )
    yield "  by room"
    yield from _rows(samples.rooms, samples.running, each)
    yield "  by function, without what it calls"
    yield from _rows(samples.functions, samples.running, each)
    yield "  by function of ours, with what it calls"
    below = {name: n for name, n in samples.product.items() if n < MOST_SHARE * samples.running}
    yield from _rows(Counter(below), samples.running, each)


def _rows(counted: Counter[str], whole: int, each: float) -> Iterator[str]:
    for name, count in counted.most_common(ROWS):
        share = count / whole
        if share >= LEAST_SHARE:
            yield f"    {share:6.1%}  {share * each:7.1f} us  {name}"
