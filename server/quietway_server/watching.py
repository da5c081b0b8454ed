"""Watch a relay from outside: a process of its own that tells the operator when it is silent.

Theory of operation: whoever is inside the relay dies with it. So this process asks the operator's
listener every few seconds whether all parts of it are well. Two questions in a row without a good
answer are an alarm: with the minute after which the relay itself calls a loop late, that makes less
than two. It is told again while it lasts, and once when it is over.

Rules: an answer counts as good only where it is 200, says `ready`, and names a loop that beats. A
watch that can't tell anybody says so in its log, and goes on.

Spec: docs/spec/wake-ups.md, "Who watches".
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from quietway_schemas.canonical import decode_strict
from quietway_schemas.errors import JsonError
from quietway_server.bootstrap import make_notifiers
from quietway_server.errors import NotTakenError, StartError
from quietway_server.heartbeats import LATE_SECONDS
from quietway_server.log import log_event
from quietway_server.notify.asking import Told, ask_ready
from quietway_server.services.alarms import RELAY_LATE, RELAY_SILENT, Alarm, Alarms

if TYPE_CHECKING:
    from quietway_server.settings import Settings

BAD_ANSWERS: Final = 2
_MOST_BYTES: Final = 65_536
_OK: Final = 200


def watch(settings: Settings) -> int:
    """Watch until a signal.

    Returns:
        The exit status.

    Raises:
        StartError: Nobody would be told.
    """
    if not settings.alarm_targets:
        raise StartError("--alarm-targets is needed: name where you are told that it is silent.")
    with asyncio.Runner() as runner:
        return runner.run(_run(settings))


async def _run(settings: Settings) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    alarms = Alarms(settings.alarm_targets, make_notifiers(settings))
    watched = Watch(settings.watch_url, Alarm(alarms, "relay_silent", time.monotonic))
    sys.stdout.write(f"quietway-relay: watching {settings.watch_url}\n")
    sys.stdout.flush()
    asking = asyncio.ensure_future(watched.run(every_seconds=float(settings.watch_seconds)))
    await ended.wait()
    asking.cancel()
    return 0


class Watch:
    """One relay that is watched.

    Args:
        url: Its operator's listener.
        alarm: What is raised.
    """

    def __init__(self, url: str, alarm: Alarm) -> None:
        self._url = url
        self._alarm = alarm
        self._bad = 0

    async def run(self, *, every_seconds: float) -> None:
        """Ask for ever."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001, whatever it was, the next question must come
                log_event("look_failed", failed=True, error=type(error).__name__)
            await asyncio.sleep(every_seconds)

    async def look(self) -> str:
        """Ask once, and say how it is now; give what is wrong, or nothing."""
        wrong = await self._ask()
        self._bad = self._bad + 1 if wrong else 0
        if not wrong or self._bad >= BAD_ANSWERS:
            await self._alarm.update(wrong)
        return wrong

    async def _ask(self) -> str:
        try:
            told = await ask_ready(self._url)
        except NotTakenError:
            return RELAY_SILENT
        return "" if is_well(told) else RELAY_LATE


def is_well(told: Told) -> bool:
    """Tell whether an answer says that the relay is well, and that its loops beat."""
    if told.status != _OK:
        return False
    try:
        said = decode_strict(told.body, max_bytes=_MOST_BYTES)
    except JsonError:
        return False
    loops = said.get("loops")
    return (
        said.get("ready") is True
        and isinstance(loops, dict)
        and bool(loops)
        and all(isinstance(age, int) and age <= LATE_SECONDS for age in loops.values())
    )
