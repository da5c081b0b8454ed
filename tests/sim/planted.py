"""Bugs that are planted to see that the simulation has teeth: each is found within a few seeds.

A plant replaces one named function of the product, as the controls of other tests do. Its seeds are
those that found it quickly in a world of three agencies, and are tried first.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quietway.engine.effects import Acknowledge
from quietway.errors import RelayUnreachable
from quietway.lanes import hand_over
from quietway_server.services.escalator import Escalator
from quietway_server.store.memory_holds import MemoryHolds

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

WORLD_AGENCIES = 3


@dataclass(frozen=True)
class Plant:
    """A bug.

    Attributes:
        name: What it does, in words.
        where: `module:function` or `module:Class.method`.
        put: What stands in its place.
        seeds: Which seeds find it.
        promise: How the sentence of the promise begins that it breaks.
    """

    name: str
    where: str
    put: Callable[..., Any]
    seeds: tuple[int, ...]
    promise: str

    def plant(self, without: Callable[..., None], patch: pytest.MonkeyPatch) -> None:
        """Plant it."""
        without(patch, self.where, self.put)


async def _acknowledge_first(agent: Any, mailbox: Any, arrivals: list[Any]) -> None:
    if arrivals:
        await mailbox.acknowledge([held.seq for held in arrivals])
        now = agent.clock.now()
        deeds = await agent.settle(
            *[agent.answers.open(held.envelope, seq=held.seq, now=now) for held in arrivals]
        )
        assert all(isinstance(deed, Acknowledge) for deed in deeds)


async def _look_and_forget(escalator: Any) -> float:
    """Know of no ladder that a former relay took."""
    rows = await escalator._reader.read(lambda held: held.due_holds(limit=512))
    if not hasattr(escalator, "forgotten"):
        escalator.forgotten = {row.hold for row in rows}
        for hold in escalator.forgotten:
            await escalator._writer.write(lambda held, hold=hold: held.forget_hold(hold))
    return await _LOOK(escalator)


_LOOK = Escalator.look


def _skip_second(holds: Any, hold: bytes, tier: int) -> list[Any]:
    return [] if tier == 1 else _TAKE(holds, hold, tier)


_TAKE = MemoryHolds.take_alerts


async def _hope(*given: Any) -> None:
    """Take what was handed over for arrived, whatever became of it."""
    with suppress(RelayUnreachable):
        await hand_over(*given)


async def _believe_it(agent: Any) -> None:
    """Take the machine's clock for right."""


def _join_last(one: Any, other: Any) -> Any:
    """Let whoever speaks last win."""
    return other if other.current else one


PLANTS: tuple[Plant, ...] = (
    Plant(
        "an envelope is acknowledged before it is on the disk",
        "quietway.agent:Agent._take",
        _acknowledge_first,
        (1,),
        "I",
    ),
    Plant(
        "one cancel secret for all who were called",
        "quietway.sealing:derive_cancel_secret",
        lambda _: bytes(32),
        (1,),
        "",
    ),
    Plant(
        "the timers of ladders die with the relay's process",
        "quietway_server.services.escalator:Escalator.look",
        _look_and_forget,
        (17,),
        "I1",
    ),
    Plant(
        "the second tier of a ladder is skipped",
        "quietway_server.store.memory_holds:MemoryHolds.take_alerts",
        _skip_second,
        (1,),
        "I1",
    ),
    Plant(
        "a text goes to every partner",
        "quietway.faces.messages:find_agencies",
        lambda agent, _: tuple(agent.lanes.partners),
        (5,),
        "I3",
    ),
    Plant(
        "of two decisions the one heard last counts",
        "quietway.consents:_join",
        _join_last,
        (1,),
        "I4",
    ),
    Plant(
        "the dead-man timer believes that whatever the relay has is in good hands",
        "quietway.alerting.watching:AlertWatch._miss",
        lambda watch, alert: [] if watch._is_accepted(alert) else [(60_000, "not_accepted")],
        (2,),
        "I1",
    ),
    Plant(
        "the relay does not know what came before",
        "quietway_server.store.memory:MemoryTransaction.find_seen",
        lambda *_: {},
        (1,),
        "I2",
    ),
    Plant(
        "nobody compares the clock again while a mailbox is read",
        "quietway.agent:Agent.check_clock",
        _believe_it,
        (13,),
        "I2",
    ),
    Plant(
        "what was handed over is taken for arrived, though nobody answered",
        "quietway.agent:hand_over",
        _hope,
        (3,),
        "I2",
    ),
    Plant(
        "what a device says counts after it was revoked",
        "quietway.sealing:check_standing",
        lambda *_: None,
        (3,),
        "I7",
    ),
)
