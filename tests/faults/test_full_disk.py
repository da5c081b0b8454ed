"""F5: the disk fills up while a relay serves, and later there is room again.

It takes an ext4 of its own where this is root, else the disk of C. While it is full, what needs
room is refused with 507, reading and acknowledging work, and alarms are taken from the reserve.
When there is room again the relay accepts within seconds, without a restart. The controls are a
relay that swallows the error, and one that knows no alarms.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.careless import MODULE
from tests.faults.counts import FIRST_SEED, trials
from tests.faults.disks import open_disk
from tests.faults.handover import ACCEPTED, OPTIONS, Handover
from tests.faults.shim import ShimDisk
from tests.relay_process import PRODUCT, RelayProcess, hold_port, wait_until

from quietway_schemas.envelope import EnvelopeClass
from quietway_server.store.reserve import RESERVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.disks import Disk

RECOVERS_SECONDS: Final = 5.0
MOST_BEFORE_FULL: Final = 300
ALARMS: Final = 5


class FullDisk:
    """A relay on a disk that is filled and freed, and an agency that hands over to it."""

    def __init__(self, disk: Disk, stack: ExitStack) -> None:
        self.disk = stack.enter_context(disk)
        self.relay = RelayProcess(disk.folder, options=OPTIONS)
        stack.callback(self.relay.kill)
        with self.relay:
            self.handover = Handover.at(self.relay, FIRST_SEED)
            self.relay.stop()
        stack.enter_context(hold_port(self.relay.port))
        self.disk.begin()

    def start(self, careless: str = "") -> None:
        """Start the relay, or a control."""
        self.relay.module = MODULE if careless else PRODUCT
        self.relay.environment = {**self.disk.environment, "CARELESS": careless}
        self.relay.start()

    def submit_until_full(self) -> str:
        """Hand over what needs room until it is refused; give the refusal."""
        for _ in range(MOST_BEFORE_FULL):
            answer = self.handover.submit(self.handover.agency.record(EnvelopeClass.CASE))
            if answer != ACCEPTED:
                return answer
        raise AssertionError("The disk never was full.")

    def suffer(self) -> float:
        """Fill the disk, work on it, and free it; tell how long it took to recover."""
        self.disk.fill()
        assert self.submit_until_full() == "storage_full"
        for _ in range(ALARMS):
            assert self.handover.submit(kind="crisis") == ACCEPTED, self.relay.output
        self.handover.take()
        assert self.handover.answers[-1] == ACCEPTED
        self.disk.free()
        began = time.monotonic()
        wait_until(lambda: self.handover.submit() == ACCEPTED)
        took = time.monotonic() - began
        reserve = self.relay.database.with_name("relay.db-reserve")
        wait_until(lambda: reserve.stat().st_size == RESERVE_BYTES)
        return took

    def look(self) -> dict[str, int]:
        """Cut the power, start the product, and count the broken promises."""
        self.disk.cut_power(self.relay)
        self.start()
        self.handover.read()
        return self.handover.judge()


@pytest.fixture
def full_disk(folder: Path) -> Iterator[FullDisk]:
    with ExitStack() as stack:
        yield FullDisk(open_disk(folder), stack)


@pytest.fixture
def disk_of_c(folder: Path) -> Iterator[FullDisk]:
    with ExitStack() as stack:
        yield FullDisk(ShimDisk(folder), stack)


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("which", ["full_disk", "disk_of_c"])
def test_a_full_disk_takes_alarms_and_acknowledgements_and_the_relay_recovers_by_itself(
    request: pytest.FixtureRequest, which: str, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    full_disk: FullDisk = request.getfixturevalue(which)
    full_disk.start()
    pid = full_disk.relay.pid
    seconds = [full_disk.suffer() for _ in range(trials("F5"))]
    assert full_disk.relay.pid == pid
    broken = full_disk.look()
    report(
        f"{full_disk.disk.means}: full {len(seconds)} times, {ALARMS} alarms taken each time; "
        f"accepted again after {max(seconds):.2f} s at most; broken: {broken or 'nothing'}"
    )
    assert broken == {}
    assert max(seconds) <= RECOVERS_SECONDS


def test_control_a_relay_that_swallows_the_error_loses_what_it_answered_for(
    full_disk: FullDisk,
) -> None:
    full_disk.start("swallows errors")
    full_disk.disk.fill()
    with pytest.raises(AssertionError, match="never was full"):
        full_disk.submit_until_full()
    full_disk.disk.free()
    assert full_disk.look()["lost"] > 0


def test_control_a_relay_that_knows_no_alarms_refuses_them_on_a_full_disk(
    full_disk: FullDisk,
) -> None:
    full_disk.start("knows no alarms")
    full_disk.disk.fill()
    assert full_disk.submit_until_full() == "storage_full"
    assert full_disk.handover.submit(kind="crisis") == "storage_full"
    full_disk.disk.free()


def test_alarms_may_not_take_the_half_that_is_kept_for_acknowledging(
    full_disk: FullDisk, report: Callable[[str], None]
) -> None:
    full_disk.start()
    full_disk.disk.fill()
    full_disk.submit_until_full()
    agency, taken = full_disk.handover.agency, 0
    while True:
        alarms = [agency.record() for _ in range(64)]
        if full_disk.handover.submit(*alarms, kind="crisis") != ACCEPTED:
            break
        taken += len(alarms)
    reserve = full_disk.relay.database.with_name("relay.db-reserve")
    assert reserve.stat().st_size == RESERVE_BYTES // 2
    full_disk.handover.take()
    assert full_disk.handover.answers[-1] == ACCEPTED
    report(f"{full_disk.disk.means}: {taken} alarms taken from the reserve")
    assert taken > ALARMS * 64
    full_disk.disk.free()
