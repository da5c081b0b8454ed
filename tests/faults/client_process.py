"""A client in a process of its own that kills itself at a named point. Runs as a server of forks.

    python -m tests.faults.client_process

It has imported everything before it forks, so that a life costs no more than what it does. Each
line of its input is an order for one life; the life's notes come out as they happen, and after its
end the status that it ended with. At a point the process gets SIGKILL as soon as the named function
has returned. Nothing of the product is replaced, except by the control, which acknowledges first.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.controls import without
from tests.journeys.conftest import PASSPHRASE

from quietway import AsyncClient
from quietway.content import MessageText
from quietway.engine.effects import RecordReceived, TellReceived
from quietway.engine.inputs import EnvelopeOpened
from quietway.events import Received
from quietway.ports import Put
from quietway.records import MESSAGE
from quietway.transport.wire import make_tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.agent import Agent
    from quietway.events import Event
    from quietway.ports import Arrival, Mailbox

LIFE_SECONDS: Final = 60
_TAKE: Final = "quietway.agent:Agent._take"
_SOCKET: Final = "quietway.transport.stream:StreamedMailbox.open"


@dataclass(frozen=True)
class Point:
    """A step between opening a message and acknowledging it.

    Attributes:
        function: The function that ends with this step.
        concerns: Whether a call of it, by its arguments and its result, is about a message.
        on_disk: Whether the message is in the store by then.
    """

    function: str
    concerns: Callable[[Any, Any], bool]
    on_disk: bool


def _writes_a_message(arguments: Any, _: object) -> bool:
    return any(isinstance(write, Put) and write.kind == MESSAGE for write in arguments[1])


POINTS: Final = {
    # It is opened and verified, in memory only.
    "opened": Point(
        "quietway.answers:Answers.open",
        lambda _, result: isinstance(result, EnvelopeOpened),
        on_disk=False,
    ),
    # The engine has taken it in and said what to write.
    "stepped": Point(
        "quietway.settling:Settler._think",
        lambda _, result: any(isinstance(record, RecordReceived) for record in result[1]),
        on_disk=False,
    ),
    # Its row is in the transaction, which is not committed.
    "written": Point("quietway.store.sqlcipher:_write", _writes_a_message, on_disk=False),
    # It is committed, and nobody has been told.
    "committed": Point(
        "quietway.store.sqlcipher:SqlCipherStore.commit", _writes_a_message, on_disk=True
    ),
    # The program was told, the relay was not.
    "told": Point(
        "quietway.settling:Settler._tell",
        lambda arguments, _: any(isinstance(deed, TellReceived) for deed in arguments[1]),
        on_disk=True,
    ),
    # The acknowledgement has left: by polling it was answered too, on a socket nobody knows.
    "acknowledged": Point(_TAKE, lambda arguments, _: bool(arguments[2]), on_disk=True),
}


@dataclass(frozen=True)
class Order:
    """One life of a client.

    Attributes:
        home: The device's folder.
        point: Where it ends by SIGKILL; empty to live until it has looked once.
        time: At which call about a message it ends there, from 1.
        follows: Whether it follows its events on a socket; otherwise it synchronises once.
        acknowledges_first: The control: acknowledge what came, and only then write it down.
    """

    home: str
    point: str = ""
    time: int = 1
    follows: bool = False
    acknowledges_first: bool = False


def note(kind: str, value: object) -> None:
    """Tell whoever gave the order, at once: a moment later this process may be no more."""
    os.write(1, json.dumps({"kind": kind, "value": value}).encode() + b"\n")


async def acknowledge_first(agent: Agent, mailbox: Mailbox, arrivals: list[Arrival]) -> None:
    """Stand in for `Agent._take`: acknowledge, then record."""
    if arrivals:
        await mailbox.acknowledge([held.seq for held in arrivals])
        now = agent.clock.now()
        await agent.settle(
            *[agent.answers.open(held.envelope, seq=held.seq, now=now) for held in arrivals]
        )


def die_at(patch: pytest.MonkeyPatch, name: str, time: int) -> None:
    """Have this process killed when the function of a point returns for the time-th time."""
    point, left = POINTS[name], time

    def die_if_it_is_time(arguments: object, result: object) -> None:
        nonlocal left
        left -= point.concerns(arguments, result)
        if left == 0:
            note("reached", name)
            os.kill(os.getpid(), signal.SIGKILL)

    _watch(patch, point.function, die_if_it_is_time)


def _watch(
    patch: pytest.MonkeyPatch, function: str, look: Callable[[object, object], None]
) -> None:
    """Let a function do what it does, and then look at its arguments and its result."""
    module, _, path = function.partition(":")
    held: Any = importlib.import_module(module)
    for part in path.split("."):
        held = getattr(held, part)

    @wraps(held)
    def watched(*arguments: object, **named: object) -> object:
        result = held(*arguments, **named)
        look(arguments, result)
        return result

    @wraps(held)
    async def watched_to_its_end(*arguments: object, **named: object) -> object:
        result = await held(*arguments, **named)
        look(arguments, result)
        return result

    is_async = inspect.iscoroutinefunction(held)
    without(patch, function, watched_to_its_end if is_async else watched)


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
        if order.acknowledges_first:
            without(patch, _TAKE, acknowledge_first)
        if order.point:
            die_at(patch, order.point, order.time)
        _watch(patch, _SOCKET, lambda _, __: note("connected", _SOCKET))
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
    make_tls_context()
    for line in sys.stdin:
        note("ended", os.waitstatus_to_exitcode(_fork(Order(**json.loads(line)))))


if __name__ == "__main__":
    main()
