"""The relay's log: names of events, counts and durations; nothing else can be written.

Rules: there is no free text and no list of who came. An event is logged by a name from `EVENTS`,
with values under keys from `KEYS`; any other name or key is a bug and raises. What fails for as
long as an outage lasts has a line a minute. The last events are kept in memory for the operator.
Everything else that could write is silenced: the web server names addresses and paths, and a trace
shows what a program held when it broke. Of a crash only the class of the error is told.

Spec: docs/spec/relay-protocol.md, "Ground rules".
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from quietway_server.metrics import count, name_values

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from types import TracebackType

EVENTS: Final = frozenset(
    {
        "started",
        "stopped",
        "swept",
        "sweep_failed",
        "look_failed",
        "crashed",
        "request_failed",
        "storage_full",
        "storage_failed",
        "reserve_missing",
        "row_withheld",
        "database_damaged",
        "log_cut_short",
        "mixing_put_off",
        "log_recovered",
        "waking_failed",
        "wake_unreadable",
        "canary_silent",
        "relay_silent",
        "alarm_over",
        "alarm_not_taken",
        "hints_lost",
        "database_away",
        "database_back",
    }
)
KEYS: Final = frozenset({"envelopes", "others", "duration_ms", "error"})
RECENT_EVENTS: Final = 200
AGAIN_SECONDS: Final = 60.0
_LOGGER: Final = logging.getLogger("quietway_server")
SILENCED: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets")
_RECENT: Final[deque[tuple[float, dict[str, int | str]]]] = deque(maxlen=RECENT_EVENTS)
name_values("events", EVENTS)


def log_event(event: str, *, failed: bool = False, **values: int | str) -> None:
    """Write one line of JSON.

    Args:
        event: A name from `EVENTS`.
        failed: Whether an operator should look.
        values: Numbers, or the name of a class of errors, under keys from `KEYS`.

    Raises:
        ValueError: The event or a key is not on the list.
    """
    if event not in EVENTS or not KEYS.issuperset(values):
        raise ValueError(
            "This event, or one of its keys, is not on the list of what may be logged."
        )
    level = logging.ERROR if failed else logging.INFO
    line: dict[str, int | str] = {"event": event, **values}
    count("events", label=event)
    _RECENT.append((time.monotonic(), line))
    _LOGGER.log(level, "%s", json.dumps(line))


def recent_events() -> list[dict[str, int | str]]:
    """Give the last events, oldest first, each with how many whole minutes ago it was."""
    now = time.monotonic()
    return [{**line, "minutes_ago": int((now - then) // 60)} for then, line in list(_RECENT)]


class LastingFailure:
    """What fails again and again while an outage lasts: a line when it begins, and one a minute.

    Args:
        event: The name of its line.
        clock: Seconds, from any start, never set back.
    """

    def __init__(self, event: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._event = event
        self._clock = clock
        self._next: dict[str, float] = {}

    def met(self, error: BaseException) -> None:
        """Note that it failed; another class of error than before has a line of its own."""
        kind, now = type(error).__name__, self._clock()
        if now >= self._next.get(kind, now):
            self._next[kind] = now + AGAIN_SECONDS
            log_event(self._event, failed=True, error=kind)

    def over(self) -> bool:
        """Note that it went well; tell whether it had failed before."""
        had_failed = bool(self._next)
        self._next.clear()
        return had_failed


def start_logging() -> None:
    """Send the relay's own events to standard error, and everyone else's words nowhere."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    for name in ("", *SILENCED):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    sys.excepthook = _log_crash
    threading.excepthook = lambda met: _log_crash(met.exc_type, met.exc_value, met.exc_traceback)
    sys.unraisablehook = lambda met: _log_crash(met.exc_type, met.exc_value, met.exc_traceback)


def log_loop_failure(_loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    """Log what failed in an event loop where nobody waited for it: the class of the error."""
    log_event("crashed", failed=True, error=type(context.get("exception")).__name__)


def _log_crash(
    kind: type[BaseException], _error: BaseException | None, _trace: TracebackType | None
) -> None:
    log_event("crashed", failed=True, error=kind.__name__)
