"""F28: the relay is told to end under load, runs out of files, and forks nothing.

Told to end, it stops within ten seconds with status 0, and each submission under way is durable and
answered, or refused, or cut off whole; the account of F1 holds it to that. Without files left it
sheds connections, stays up, and serves again as soon as there are some. The control is a relay that
ends at once, as if SIGTERM were SIGKILL in the middle of its promises: it answers first.
"""

from __future__ import annotations

import asyncio
import re
import resource
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.counts import Campaign, divide, trials
from tests.faults.relay_kills import run_campaign
from tests.faults.verdict import rank
from tests.relay_process import RelayProcess, wait_until
from tests.server.agency import CLIENT, PARTNER, join
from tests.server.conftest import make_code
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import quietway_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

DRAIN_SECONDS: Final = 10.0
FILES: Final = 48
RESTARTING: Final = 1012


class Drain:
    """Ends relays politely, and notes how long each took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def end(self, relay: RelayProcess, _moments: Random) -> None:
        """Send SIGTERM and wait."""
        began = time.monotonic()
        assert relay.stop() == 0
        self.seconds.append(time.monotonic() - began)


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("campaign", divide(trials("F28")), ids=str)
async def test_a_relay_that_is_told_to_end_under_load_keeps_every_promise(
    folder: Path, campaign: Campaign, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    drain = Drain()
    verdict = await run_campaign(folder, campaign, end=drain.end)
    p99 = rank(drain.seconds, 0.99)
    report(f"{verdict.figures()}; drained in {rank(drain.seconds, 0.5):.2f}/{p99:.2f} s (p50/p99)")
    refused = verdict.broken.pop("refused")
    assert verdict.is_clean, f"{campaign}: {verdict.figures()}"
    assert refused <= verdict.kills * 8, verdict.figures()
    assert max(drain.seconds) <= DRAIN_SECONDS, verdict.figures()


async def test_control_a_relay_that_answers_first_and_is_cut_off_breaks_its_promises(
    folder: Path,
) -> None:
    verdict = await run_campaign(
        folder, Campaign(seed=0, kills=5), module="tests.faults.answers_first"
    )
    assert verdict.broken["lost"] > 0, verdict.figures()


async def test_sockets_are_told_that_it_is_worth_to_come_back(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as relay:
        agency = join(relay.url, make_code(relay), 1)
        signed = agency.signature("GET", "/v1/mailbox")
        async with connect(
            f"ws://127.0.0.1:{relay.port}/v1/mailbox",
            additional_headers=signed,
            compression=None,
            proxy=None,
        ) as opened:
            assert await asyncio.to_thread(relay.stop) == 0
            with pytest.raises(ConnectionClosed):
                await opened.recv()
            assert opened.close_code == RESTARTING


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with RelayProcess(tmp_path, options={"drain-seconds": "8"}) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as slow:
            host = f"Host: 127.0.0.1:{relay.port}\r\n".encode()
            slow.sendall(b"POST /v1/envelopes HTTP/1.1\r\n" + host + b"Content-Length: 999\r\n\r\n")
            time.sleep(0.5)
            began = time.monotonic()
            relay._running().send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert relay.stop() == 0
        assert time.monotonic() - began < 8


def _with_few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def test_a_relay_without_files_left_sheds_stays_up_and_recovers(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    relay = RelayProcess(tmp_path, options={"sweep-seconds": "1"}, before=_with_few_files)
    with relay:
        agency = join(relay.url, make_code(relay), 2)
        capability = agency.capability_for(PARTNER)
        assert agency.submit(capability, agency.record()).status_code == 201
        crowd = [socket.create_connection(("127.0.0.1", relay.port)) for _ in range(3 * FILES)]
        sweeps = relay.output.count('"swept"') + relay.output.count("sweep_failed")
        wait_until(
            lambda: relay.output.count('"swept"') + relay.output.count("sweep_failed") > sweeps + 1
        )
        assert relay._running().poll() is None, relay.output
        for each in crowd:
            each.close()
        wait_until(lambda: _answers(relay))
        assert agency.submit(capability, agency.record()).status_code == 201
        page = agency.get("/v1/mailbox")
        assert page.status_code == 200
        report(f"{len(crowd)} connections on {FILES} files: up, and served again")
        assert relay.stop() == 0


def _answers(relay: RelayProcess) -> bool:
    try:
        return CLIENT.get(relay.url + "/healthz", timeout=2).status_code == 200
    except Exception:  # noqa: BLE001, whatever it was, it is asked again
        return False


def test_the_relay_starts_no_other_process() -> None:
    sources = Path(str(quietway_server.__file__)).parent.rglob("*.py")
    starts = re.compile(
        r"\b(subprocess|multiprocessing|ProcessPoolExecutor|os\.fork|posix_spawn)\b"
    )
    assert [path.name for path in sources if starts.search(path.read_text("utf-8"))] == []
