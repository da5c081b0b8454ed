"""F4 and F6: one operation on the disk fails or tears, or a sync fails, and then the power is cut.

The relay runs on the disk of C: whichever operation is the n-th since its start fails, by itself,
with an error of the medium or for want of space; a write may also come to half. What was answered
with 2xx must be there after the cut; everything else must have ended in 503, 507, or with the
process. The controls are a disk that claims to sync, and a relay that swallows the disk's errors.
"""

from __future__ import annotations

import errno
import re
from collections import Counter
from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.careless import MODULE
from tests.faults.counts import FIRST_SEED, trials
from tests.faults.handover import ACCEPTED, CUT_OFF, OPTIONS, Handover
from tests.faults.relay_kills import is_damaged
from tests.faults.shim import EVERYTHING, FAILS, SILENT, SYNC, TEARS, ShimDisk
from tests.relay_process import PRODUCT, RelayProcess, hold_port, wait_until

from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SURFACED: Final = {ACCEPTED, CUT_OFF, "storage_failed", "storage_full", "overloaded"}
ENDED: Final = {0, 1, 2}
_ERRORS: Final = (errno.EIO, errno.ENOSPC)
_SYNCS_UNDER_WAY: Final = 12


class Bench:
    """A relay on a disk of C, and an agency that hands over to it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.disk = stack.enter_context(ShimDisk(folder))
        self.relay = RelayProcess(self.disk.folder, options=OPTIONS)
        with self.relay:
            self.handover = Handover.at(self.relay, FIRST_SEED)
            self.relay.stop()
        self.relay.environment = self.disk.environment
        stack.callback(self.relay.kill)
        stack.enter_context(hold_port(self.relay.port))
        self.disk.begin()

    def start(self) -> bool:
        """Start; tell whether the relay came to serve."""
        self.relay.begin()
        wait_until(lambda: self.relay.has_spoken)
        return bool(self.relay.url)

    def work(self) -> int:
        """Hand over, read and acknowledge, and end politely; give the exit status."""
        if not self.start():
            return self.relay.wait()
        agency, handover = self.handover.agency, self.handover
        handover.submit()
        handover.submit(
            agency.record(), agency.record(EnvelopeClass.CASE), agency.record(), agency.record()
        )
        handover.take()
        handover.submit(kind="crisis")
        handover.submit(agency.record(EnvelopeClass.CASE))
        return self.relay.stop()

    def look(self, module: str = PRODUCT) -> dict[str, int]:
        """Cut the power, start on a disk that is well again, and count the broken promises."""
        self.disk.page.set(nth=0)
        self.disk.cut_power(self.relay)
        damaged = is_damaged(self.relay, self.folder / "copy")
        self.relay.module = PRODUCT
        assert self.start(), self.relay.output
        self.handover.read()
        self.relay.kill()
        self.relay.module = module
        return self.handover.judge() | ({"damaged": 1} if damaged else {})


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(folder, stack)


def draw_numbers(total: int, draw: Random) -> list[int]:
    """Take all n where there are as many trials, else a sample that is spread over them."""
    wanted = trials("F4")
    if wanted < total:
        step = total / wanted
        return [int(step * (k + draw.random())) + 1 for k in range(wanted)]
    rounds = 1 if wanted <= 1_000 else 20
    return list(range(1, total + 1)) * rounds


@pytest.mark.requirement("A51")
def test_whichever_operation_fails_what_was_accepted_is_there(
    bench: Bench, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    page, draw, ended = bench.disk.page, Random(f"{FIRST_SEED} operations"), Counter[int]()
    page.set(kinds=EVERYTHING, count=0)
    assert bench.work() == 0
    total = page.read("count")
    assert bench.look() == {}
    numbers, met = draw_numbers(total, draw), 0
    for nth in numbers:
        page.fail_at(nth, error=draw.choice(_ERRORS), mode=draw.choice((FAILS, TEARS)))
        ended[bench.work()] += 1
        met += page.read("failed") > 0
        broken = bench.look()
        assert broken == {}, (nth, broken, bench.relay.output)
    answers = Counter(bench.handover.answers)
    report(
        f"{len(numbers)} of {total} operations, {met} failed; exit statuses {dict(ended)}; "
        f"answers {dict(answers)}; lost 0"
    )
    assert set(answers) <= SURFACED
    assert set(ended) <= ENDED
    assert not re.search(r"Traceback", bench.relay.output), bench.relay.output
    assert met > len(numbers) / 2


def test_control_on_a_disk_that_claims_to_sync_what_was_accepted_is_gone(
    bench: Bench, report: Callable[[str], None]
) -> None:
    bench.disk.page.fail_at(1, error=0, mode=SILENT, kinds=SYNC, lasting=1)
    bench.work()
    broken = bench.look()
    report(f"a disk that claims to sync: {broken}")
    assert broken["lost"] > 0


def submit_until_it_ends(bench: Bench, draw: Random) -> int:
    """Let a sync fail while envelopes are handed over; give the process's exit status."""
    assert bench.start(), bench.relay.output
    bench.disk.page.fail_at(1 + draw.randrange(_SYNCS_UNDER_WAY), error=errno.EIO, kinds=SYNC)
    while bench.handover.submit() == ACCEPTED:
        assert not bench.disk.page.read("failed"), "An error of the disk was answered with 2xx."
    return bench.relay.wait()


@pytest.mark.requirement("A51")
def test_a_sync_that_fails_ends_the_process_and_costs_nothing(
    bench: Bench, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    draw = Random(f"{FIRST_SEED} syncs")
    for _ in range(trials("F6")):
        assert submit_until_it_ends(bench, draw) == 1
        assert '"storage_failed"' in bench.relay.output
        assert bench.look() == {}
    answers = Counter(bench.handover.answers)
    report(f"{trials('F6')} failed syncs, each ended the process; answers {dict(answers)}; lost 0")
    assert set(answers) <= SURFACED


def test_control_a_relay_that_swallows_the_error_loses_what_it_answered_for(
    bench: Bench, report: Callable[[str], None]
) -> None:
    bench.relay.module = MODULE
    bench.relay.environment = {**bench.disk.environment, "CARELESS": "swallows errors"}
    with pytest.raises(AssertionError, match="answered with 2xx"):
        submit_until_it_ends(bench, Random(1))
    broken = bench.look(MODULE)
    report(f"a relay that swallows the error of a sync: {broken}")
    assert broken["lost"] > 0
