"""F17: a client is killed at each of six points between opening a message and acknowledging it.

The points stand in `points.POINTS`. The controls are a client that acknowledges first, which loses
what it had not yet written down, and one that recognises nothing, which tells of a message twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.client_kills import ForkServer, Pair, run_campaign
from tests.faults.client_process import ACKNOWLEDGES_FIRST, RECOGNISES_NOTHING, Order
from tests.faults.counts import Campaign, divide, trials
from tests.faults.points import POINTS
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with RelayProcess(tmp_path_factory.mktemp("relay")) as running:
        yield running


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


@pytest.fixture
def pair(relay: RelayProcess, forks: ForkServer, folder: Path) -> Iterator[Pair]:
    made = Pair(relay, forks, folder)
    with made.sender:
        yield made


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("campaign", divide(trials("F17") // len(POINTS)), ids=str)
@pytest.mark.parametrize("point", POINTS)
def test_a_client_killed_while_receiving_shows_each_message_once(
    pair: Pair, point: str, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    figures = run_campaign(pair, point, campaign)
    report(figures)
    assert not any(pair.broken.values()), f"{campaign}: {figures}"


def test_control_a_client_that_acknowledges_first_loses_what_it_had_not_written_down(
    pair: Pair, report: Callable[[str], None]
) -> None:
    lost = set()
    for point in POINTS:
        before = pair.missing
        pair.live(Order(pair.home, point, control=ACKNOWLEDGES_FIRST), messages=1)
        pair.look()
        lost |= {point} if pair.missing > before else set()
    report(f"acknowledging first loses what is killed at: {', '.join(sorted(lost))}")
    assert lost == {name for name, point in POINTS.items() if not point.on_disk}


def test_control_a_client_that_recognises_nothing_tells_of_a_message_twice(pair: Pair) -> None:
    pair.live(Order(pair.home, "told", control=RECOGNISES_NOTHING), messages=1)
    pair.look(control=RECOGNISES_NOTHING)
    assert pair.broken["told_twice"] == 1
