"""F12: the other side stops without a word (SIGSTOP); each notices by its pings, and resumes.

In `make test` pings come twenty times as fast as in the product, because only the waiting differs;
where nothing else runs, the product's own settings are measured. The controls never ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults import quick_pings
from tests.faults.counts import IS_ALONE, trials
from tests.journeys.conftest import PASSPHRASE, QUICK, enroll
from tests.relay_process import (
    PRODUCT,
    RelayProcess,
    product_environment,
    wait_until,
)
from tests.server.agency import PARTNER, Agency, join
from tests.server.conftest import make_code

from quietway import AsyncClient
from quietway.content import MessageText
from quietway.errors import RelayUnreachable
from quietway.events import Received
from quietway.transport import stream
from quietway.transport.stream import StreamedMailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTICED_SECONDS: Final = 25.0
QUICK_PINGS: Final = "tests.faults.quick_pings"
# What the quick settings take at most, with room for a machine that is busy.
PATIENCE_SECONDS: Final = NOTICED_SECONDS + 3 if IS_ALONE else 12.0
_LONG_ENOUGH: Final = 5.0


def _is_open(pid: int, *, here: int, there: int) -> bool:
    """Tell whether the system still knows an open connection of these ports."""
    ends = (f":{here:04X}", f":{there:04X}", "01")
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return any((row[1][8:], row[2][8:], row[3]) == ends for row in rows)


@contextlib.contextmanager
def _device(agency: Agency) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Give a device in a process of its own, on its socket, and the port of that."""
    headers = json.dumps(agency.signature("GET", "/v1/mailbox"))
    hello = json.dumps(agency.hello(now=agency.draw(16)))
    command = [sys.executable, "-m", "tests.faults.holder", agency.url, headers, hello]
    with subprocess.Popen(
        command, env=product_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.kill()


def _stop_a_device(folder: Path, *, pings: str, module: str) -> tuple[float, int]:
    """Stop a device; tell when the relay let go of its socket, and what it finds afterwards.

    Returns:
        Seconds until the socket was gone (infinite: it stayed), and how many of the envelopes
        that were sent meanwhile are there for it.
    """
    relay = RelayProcess(folder, environment={"PINGS": pings})
    relay.module = module
    with relay:
        agency = join(relay.url, make_code(relay), 500)
        with _device(agency) as (device, port):
            device.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            for _ in range(3):
                answer = agency.submit(agency.capability_for(PARTNER), agency.record())
                assert answer.status_code == 201
            noticed = float("inf")
            patience = PATIENCE_SECONDS if pings == "on" else _LONG_ENOUGH
            with contextlib.suppress(AssertionError):
                wait_until(
                    lambda: not _is_open(relay.pid, here=relay.port, there=port), seconds=patience
                )
                noticed = time.monotonic() - stopped
            device.send_signal(signal.SIGCONT)
        page = agency.get("/v1/mailbox?after=0")
        return noticed, int.from_bytes(page.content[16:18], "big")


@pytest.mark.parametrize("trial", range(trials("F12")))
def test_a_relay_notices_a_device_that_stopped_and_keeps_what_is_for_it(
    folder: Path, trial: int, report: Callable[[str], None]
) -> None:
    noticed, there = _stop_a_device(folder, pings="on", module=PRODUCT if IS_ALONE else QUICK_PINGS)
    report(f"trial {trial}: noticed after {noticed:.1f} s, {there} of 3 there")
    assert there == 3
    assert noticed <= PATIENCE_SECONDS


def test_control_a_relay_that_never_asks_keeps_a_dead_socket(folder: Path) -> None:
    noticed, there = _stop_a_device(folder, pings="off", module=QUICK_PINGS)
    assert (noticed, there) == (float("inf"), 3)


async def _found(relay: RelayProcess, folder: Path, program: str) -> AsyncClient:
    return await AsyncClient.found(
        home=folder / program,
        passphrase=PASSPHRASE,
        relay=relay.url,
        enrolment_code=enroll(relay),
        agency_code=program.partition("-")[0],
        program=program,
        parameters=QUICK,
    )


async def _follow(client: AsyncClient, told: list[str]) -> None:
    async with contextlib.aclosing(client.events()) as events:
        async for event in events:
            if isinstance(event, Received) and isinstance(event.content, MessageText):
                told += [event.content.text]


async def _stop_the_relay(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, pings: float | None
) -> tuple[float, list[str]]:
    """Stop the relay; tell when the client gave it up, and what it was told in the end."""
    given_up: list[float] = []
    is_live = asyncio.Event()
    one_address, receive = stream._OneAddress, StreamedMailbox._receive

    async def receive_noting(mailbox: StreamedMailbox) -> object:
        is_live.set()
        try:
            return await receive(mailbox)
        except RelayUnreachable:
            given_up.append(time.monotonic())
            raise

    def connect(address: str, **options: object) -> object:
        if pings is None or not IS_ALONE:
            options |= {"ping_interval": pings, "ping_timeout": quick_pings.SILENCE_SECONDS}
        return one_address(address, **options)  # type: ignore[arg-type]  # as it was called

    async def come_true(condition: Callable[[], bool], seconds: float) -> bool:
        for _ in range(int(seconds / 0.05)):
            if condition():
                return True
            await asyncio.sleep(0.05)
        return False

    without(monkeypatch, "quietway.transport.stream:_OneAddress", connect)
    without(monkeypatch, "quietway.transport.stream:StreamedMailbox._receive", receive_noting)
    with RelayProcess(folder) as relay:
        writer = await _found(relay, folder, "HARBOR-SHELTER")
        reader = await _found(relay, folder, "MERCY-SOCIALWORK")
        async with writer, reader:
            await reader.partners.add(await writer.partners.invite("Mercy"))
            await writer.partners.add(await reader.partners.invite("Harbor"))
            for client in (writer, reader):
                await client.sync()
            told: list[str] = []
            following = asyncio.ensure_future(_follow(reader, told))
            await asyncio.wait_for(is_live.wait(), 30)
            await writer.messages.send("before", to="MERCY-SOCIALWORK")
            assert await come_true(lambda: told == ["before"], 30)
            given_up.clear()
            os.kill(relay.pid, signal.SIGSTOP)
            stopped = time.monotonic()
            patience = PATIENCE_SECONDS if pings else _LONG_ENOUGH
            came = await come_true(lambda: bool(given_up), patience)
            noticed = given_up[0] - stopped if came else float("inf")
            os.kill(relay.pid, signal.SIGCONT)
            await writer.messages.send("after", to="MERCY-SOCIALWORK")
            await come_true(lambda: len(told) == 2, 60)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    return noticed, told


@pytest.mark.parametrize("trial", range(trials("F12")))
async def test_a_client_notices_a_relay_that_stopped_and_resumes_without_loss(
    folder: Path, monkeypatch: pytest.MonkeyPatch, trial: int, report: Callable[[str], None]
) -> None:
    noticed, told = await _stop_the_relay(folder, monkeypatch, pings=quick_pings.PING_SECONDS)
    report(f"trial {trial}: given up after {noticed:.1f} s, told {told}")
    assert told == ["before", "after"]
    assert noticed <= PATIENCE_SECONDS


async def test_control_a_client_that_never_asks_waits_for_a_relay_that_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed, told = await _stop_the_relay(folder, monkeypatch, pings=None)
    assert (noticed, told) == (float("inf"), ["before", "after"])
