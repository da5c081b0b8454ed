"""A relay, who calls and who is called, each in a process of its own. Runs as a server of forks.

    python -m tests.faults.crisis_process

It has imported everything before it forks, so that a life costs no more than what it does. Each
line of its input is an order for one life, and many live at once; their notes come out as they
happen, each under the number of its order, and after each end the status. Whoever wants a life to
end sends SIGKILL to it. Nothing of the product is replaced, except by the controls.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import select
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from tests.faults.crisis_controls import CONTROLS
from tests.journeys.conftest import PASSPHRASE

from quietway import AsyncClient
from quietway.events import AlertClaimed, AlertRaised, AlertUnanswered
from quietway.founding import Ports
from quietway.transport.wire import make_tls_context
from quietway_server.__main__ import main as run_relay

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from quietway.events import Event

CODE: Final = "needs_lead_now"
_LOOK_SECONDS: Final = 0.01
# What is imported at the first request or start: here, once and for all lives.
_LATE: Final = (
    "quietway.transport.http",
    "httpcore",
    "anyio._backends._asyncio",
    "anyio.to_thread",
    "quietway_server.serving",
    "quietway_server.api.app",
    "quietway_server.store.sqlite",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop",
)


@dataclass(frozen=True)
class Order:
    """One life.

    Attributes:
        number: What its notes are told by.
        what: `relay`, `sender` or `device`.
        home: The folder.
        port: The relay's.
        case: The case that the sender calls for, by its own reference.
        ladder: After how many seconds each tier is called.
        reacts: After how many seconds a person claims what they are called for; None for never.
        controls: Which of `CONTROLS` it is subject to.
    """

    number: int
    what: str
    home: str
    port: int
    case: str = ""
    ladder: tuple[int, ...] = ()
    reacts: float | None = None
    controls: tuple[str, ...] = ()


class _Life:
    def __init__(self, order: Order) -> None:
        self.order = order
        self._claiming: set[bytes] = set()
        self._beside: set[asyncio.Task[object]] = set()

    def note(self, kind: str, value: object = "") -> None:
        """Tell whoever watches, at once: a moment later this process may be no more."""
        line = json.dumps({"number": self.order.number, "kind": kind, "value": value})
        os.write(1, line.encode() + b"\n")

    async def live(self) -> None:
        """Open the device and follow what happens; call, or claim, as a person would."""
        port = Ports().connect(f"http://127.0.0.1:{self.order.port}")
        client = await AsyncClient.open(self.order.home, passphrase=PASSPHRASE, relay_port=port)
        self.note("open")
        work = self._call if self.order.what == "sender" else self._look
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(client))
            group.create_task(work(client))

    async def _follow(self, client: AsyncClient) -> None:
        async for event in client.events():
            self._hear(client, event)

    async def _call(self, client: AsyncClient) -> None:
        """Call, unless that was done in a former life; say what is known of the answer."""
        if not await self._tell_holders(client):
            sent = await client.alerts.send(self.order.case, CODE, ladder=self.order.ladder)
            self.note("called", sent.sent.state)

    async def _look(self, client: AsyncClient) -> None:
        """Claim what was called for in a former life."""
        await self._tell_holders(client)
        for alert in await client.alerts.list():
            self.note("raised")
            self._claim(client, alert.alert_id)

    def _hear(self, client: AsyncClient, event: Event) -> None:
        match event:
            case AlertRaised():
                self.note("raised")
                self._claim(client, event.alert_id)
            case AlertClaimed():
                self._begin(self._tell_holders(client))
            case AlertUnanswered():
                self.note("alarm", event.why)
            case _:
                pass

    async def _tell_holders(self, client: AsyncClient) -> int:
        """Say who has each alert, as it is seen here; give how many there are."""
        known = await client.alerts.list(open_only=False)
        for alert in known:
            if alert.holder is not None:
                self.note("holder", str(alert.holder.device))
        return len(known)

    def _begin(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _claim(self, client: AsyncClient, alert: bytes) -> None:
        if self.order.reacts is not None and alert not in self._claiming:
            self._claiming.add(alert)
            self._begin(self._react(client, alert, self.order.reacts))

    async def _react(self, client: AsyncClient, alert: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await client.alerts.claim(alert)
        self.note("claimed")
        await self._tell_holders(client)


def _run(order: Order) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in order.controls:
            CONTROLS[name](patch)
        if order.what == "relay":
            log = os.open(f"{order.home}/relay.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            run_relay(["serve", f"--database={order.home}/relay.db", f"--port={order.port}"])
        else:
            asyncio.run(_Life(order).live())


def _fork(order: Order) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _run(order)
    except BaseException:  # noqa: BLE001, a child must never go on as if it were its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _say(number: int, kind: str, value: object) -> None:
    os.write(1, json.dumps({"number": number, "kind": kind, "value": value}).encode() + b"\n")


def _reap(lives: dict[int, int]) -> None:
    while lives:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        _say(lives.pop(child), "ended", os.waitstatus_to_exitcode(status))


def main() -> None:
    """Serve orders until the input ends, and let nobody outlive that."""
    for module in _LATE:
        importlib.import_module(module)
    make_tls_context()
    lives: dict[int, int] = {}
    left = b""
    _say(0, "ready", "")
    while True:
        _reap(lives)
        if not select.select([0], [], [], _LOOK_SECONDS)[0]:
            continue
        read = os.read(0, 65_536)
        if not read:
            break
        *lines, left = (left + read).split(b"\n")
        for line in lines:
            order = json.loads(line)
            made = Order(**{**order, "ladder": tuple(order["ladder"])})
            child = _fork(made)
            lives[child] = made.number
            _say(made.number, "begun", child)
    for child in lives:
        os.kill(child, 9)


if __name__ == "__main__":
    main()
