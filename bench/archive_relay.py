"""A relay in memory, put aside in a file, so that a process of its own takes it up.

Locks and the relay's log key are no part of what is written by themselves: the locks are made anew,
and the key is one of a bench and no secret.
"""

from __future__ import annotations

import copyreg
import pickle
import threading
from typing import TYPE_CHECKING, Any, Final

from quietway.testing.relay import InMemoryRelay
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ANEW: Final[dict[type, Callable[[Any], str | tuple[Any, ...]]]] = {
    type(threading.Lock()): lambda _: (threading.Lock, ()),
    type(threading.RLock()): lambda _: (threading.RLock, ()),
    Secret: lambda secret: (Secret, (secret.reveal(),)),
}


def put_aside(relay: InMemoryRelay, path: Path) -> None:
    """Write a relay with all that it holds, its clock as well."""
    with path.open("wb") as file:
        pickler = pickle.Pickler(file)
        pickler.dispatch_table = {**copyreg.dispatch_table, **_ANEW}
        pickler.dump(relay)


def take_up(path: Path) -> InMemoryRelay:
    """Read what `put_aside` wrote a moment ago."""
    with path.open("rb") as file:
        relay = pickle.load(file)  # noqa: S301 - our own file, of this run
    if not isinstance(relay, InMemoryRelay):
        raise TypeError("The file holds no relay.")
    return relay
