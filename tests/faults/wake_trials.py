"""F26, one trial: providers that fail, hang or lie, on a clock that the test holds.

The relay's store is a file, its senders and the providers are real; only time is not waited for: a
provider that hangs moves the clock by as long as an attempt may take.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.server.providers import FAILS, HANGS, TAKES, Came, Provider
from tests.server.woken import CRISIS, START, Woken

from quietway_schemas.instants import SECOND
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS: Final = ("500", "hangs", "lies", "resets")
_ATTEMPT_MS: Final = 10 * SECOND


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        kind: What the preferred provider did.
        seconds: How long after the envelope came another provider was told; None if never.
        tries: How often the preferred one was told meanwhile.
        keys: How many keys the honest provider saw.
    """

    kind: str
    seconds: int | None
    tries: int
    keys: int


def behave(kind: str, woken: Callable[[], Woken]) -> Callable[[Came], bytes]:
    """Give how a provider answers."""

    def answer(_: Came) -> bytes:
        if kind == "hangs":
            woken().clock.time += _ATTEMPT_MS
            return HANGS
        return {"500": FAILS, "lies": TAKES, "resets": b"\0"}[kind]

    return answer


async def run_trial(folder: Path, seed: int, *, patience: int = 120) -> Outcome:
    """Let an alarm come while the preferred provider misbehaves; see when another is told.

    Args:
        folder: Where the store goes.
        seed: What everything random follows from.
        patience: For how long, in seconds of the clock that is held.
    """
    chance = random.Random(seed)
    kind = chance.choice(KINDS)
    held: list[Woken] = []
    store = SqliteStore(folder / f"{seed}.db")
    with Provider(behave(kind, lambda: held[0])) as bad, Provider() as good:
        woken = Woken([bad, good], store=store, patience=0.5)
        held.append(woken)
        try:
            await woken.leave(bad.url(), good.url())
            # Whatever millisecond it is.
            woken.clock.time = came = START + chance.randrange(SECOND)
            await woken.send(CRISIS)
            while not good.came and woken.clock.time < came + patience * SECOND:
                await woken.pass_seconds(1)
            told = -(-(woken.clock.time - came) // SECOND) if good.came else None
            keys = {each.header("Idempotency-Key") for each in good.came}
            return Outcome(kind, told, len(bad.came), len(keys))
        finally:
            woken.close()
