"""The points at which a client kills itself, and how: when a named function has just returned.

Each point is a step between opening a message and acknowledging it, in their order. Nothing of the
product is replaced: the function does what it does, and then the process is no more.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import signal
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from tests.controls import without

from quietway.engine.effects import RecordReceived, TellReceived
from quietway.engine.inputs import EnvelopeOpened
from quietway.ports import Put
from quietway.records import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

TAKE: Final = "quietway.agent:Agent._take"


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
    "acknowledged": Point(TAKE, lambda arguments, _: bool(arguments[2]), on_disk=True),
}


def note(kind: str, value: object) -> None:
    """Tell whoever watches, at once: a moment later this process may be no more."""
    os.write(1, json.dumps({"kind": kind, "value": value}).encode() + b"\n")


def die_at(patch: pytest.MonkeyPatch, name: str, time: int) -> None:
    """Have this process killed when the function of a point returns for the time-th time."""
    point, left = POINTS[name], time

    def die_if_it_is_time(arguments: object, result: object) -> None:
        nonlocal left
        left -= point.concerns(arguments, result)
        if left == 0:
            note("reached", name)
            os.kill(os.getpid(), signal.SIGKILL)

    watch(patch, point.function, die_if_it_is_time)


def watch(patch: pytest.MonkeyPatch, function: str, look: Callable[[object, object], None]) -> None:
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
