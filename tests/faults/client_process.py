"""A client in a process of its own that kills itself at a named point. Runs as a server of forks.

    python -m tests.faults.client_process

It has imported everything before it forks, so that a life costs no more than what it does. Each
line of its input is an order for one life; the life's notes come out as they happen, and after its
end the status that it ended with. At a point the process gets SIGKILL as soon as the named function
has returned. Nothing of the product is replaced, except by the two controls.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.points import TAKE, die_at, note, watch
from tests.journeys.conftest import PASSPHRASE

from quietway import AsyncClient
from quietway.content import MessageText
from quietway.engine.conversations import Standing
from quietway.events import Received
from quietway.transport.wire import make_tls_context

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.events import Event
    from quietway.ports import Arrival, Mailbox

LIFE_SECONDS: Final = 20
# What a client imports at its first request: here, once and for all lives.
_LATE: Final = (
    "quietway.transport.http",
    "httpcore",
    "anyio._backends._asyncio",
    "anyio.to_thread",
)
_SOCKET: Final = "quietway.transport.stream:StreamedMailbox.open"


@dataclass(frozen=True)
class Order:
    """One life of a client.

    Attributes:
        home: The device's folder.
        point: Where it ends by SIGKILL; empty to live until it has looked once.
        time: At which call about a message it ends there, from 1.
        follows: Whether it follows its events on a socket; otherwise it synchronises once.
        control: Which of `CONTROLS` it is subject to; empty for none.
    """

    home: str
    point: str = ""
    time: int = 1
    follows: bool = False
    control: str = ""


async def acknowledge_first(agent: Agent, mailbox: Mailbox, arrivals: list[Arrival]) -> None:
    """Stand in for `Agent._take`: acknowledge, then record."""
    if arrivals:
        await mailbox.acknowledge([held.seq for held in arrivals])
        now = agent.clock.now()
        await agent.settle(
            *[agent.answers.open(held.envelope, seq=held.seq, now=now) for held in arrivals]
        )


ACKNOWLEDGES_FIRST: Final = "acknowledges first"
RECOGNISES_NOTHING: Final = "recognises nothing"
CONTROLS: Final = {
    ACKNOWLEDGES_FIRST: (TAKE, acknowledge_first),
    RECOGNISES_NOTHING: ("quietway.engine.inbox:judge", lambda _chain, _opened: Standing.NEW),
}


async def live(order: Order) -> None:
    """Open the device, receive, and say what is in the inbox."""
    client = await AsyncClient.open(order.home, passphrase=PASSPHRASE)
    client._agent.listeners.append(_note_told)
    if order.follows:
        async for _ in client.events():
            continue
    report = await client.sync()
    note("problems", [type(problem).__name__ for problem in report.problems])
    note("inbox", [held.content.text for held in await client.inbox() if _is_text(held)])
    await client.aclose()


def _note_told(event: Event) -> None:
    if _is_text(event):
        note("told", event.content.text)


def _is_text(event: object) -> bool:
    return isinstance(event, Received) and isinstance(event.content, MessageText)


def _run(order: Order) -> None:
    signal.alarm(LIFE_SECONDS)
    with pytest.MonkeyPatch.context() as patch:
        if order.control:
            without(patch, *CONTROLS[order.control])
        if order.point:
            die_at(patch, order.point, order.time)
        watch(patch, _SOCKET, lambda _, __: note("connected", _SOCKET))
        asyncio.run(live(order))


def _fork(order: Order) -> int:
    child = os.fork()
    if child == 0:
        try:
            _run(order)
        except BaseException:  # noqa: BLE001, a child must never go on as if it were its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main() -> None:
    """Serve orders until the input ends."""
    for module in _LATE:
        importlib.import_module(module)
    make_tls_context()
    for line in sys.stdin:
        note("ended", os.waitstatus_to_exitcode(_fork(Order(**json.loads(line)))))


if __name__ == "__main__":
    main()
