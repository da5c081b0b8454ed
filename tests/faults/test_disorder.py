"""F18: what goes over the network is doubled, put out of order and delayed a hundredfold.

What the programs are told is the set of what was said, each once, and each conversation shows what
a sender said in its order. The control recognises nothing that came before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.counts import FIRST_SEED, trials
from tests.faults.disorder import DisorderlyRelay

from quietway.content import MessageText
from quietway.engine.conversations import Standing
from quietway.events import Received
from quietway.testing import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway import Client
    from quietway.events import Event

PROGRAMS: Final = ("HARBOR-SHELTER", "MERCY-SOCIALWORK", "CITYPD-LIAISON", "LEGALAID-INTAKE")
SPEAKERS: Final = 2
WORLD: Final = 1_000
"""How many messages one world carries."""
_LOOK_EVERY: Final = 9
_MOST_LOOKS: Final = 6


@dataclass
class World:
    """Agencies behind disorderly ways: what was said, and what each was told."""

    clients: list[Client]
    said: dict[str, list[str]] = field(default_factory=dict)
    told: dict[str, Counter[str]] = field(default_factory=dict)

    def speak(self, rounds: int) -> None:
        """Let two speak to all others, each in its own conversation, and all look at times."""
        begun = {}
        for number in range(rounds):
            for client in self.clients[:SPEAKERS]:
                others = [other.program for other in self.clients if other is not client]
                text = f"{client.program} {number}"
                self.said.setdefault(client.program, []).append(text)
                sent = client.messages.send(text, to=others, conversation=begun.get(client))
                begun[client] = sent.conversation
            if number % _LOOK_EVERY == _LOOK_EVERY - 1:
                self.look()

    def look(self) -> None:
        """Let every client do one pass."""
        for client in self.clients:
            client.sync()

    def judge(self) -> Counter[str]:
        """Count what is missing, was told twice, or is shown out of order."""
        broken: Counter[str] = Counter()
        for client in self.clients:
            told = self.told[client.program]
            expected = {t for who, said in self.said.items() if who != client.program for t in said}
            broken["missing"] += len(expected - set(told))
            broken["invented"] += len(set(told) - expected)
            broken["doubled"] += sum(count - 1 for count in told.values())
            shown = _show(client)
            for who, said in self.said.items():
                broken["out of order"] += who != client.program and said != [
                    text for text in shown if text in set(said)
                ]
        return broken


def _show(client: Client) -> list[str]:
    return [
        entry.content.text
        for held in client.messages.conversations()
        for entry in client.messages.conversation(held.conversation)
        if isinstance(getattr(entry, "content", None), MessageText)
    ]


def _run(seed: int, messages: int) -> tuple[Counter[str], Counter[str], int]:
    draw = Random(f"{seed} disorder")
    done: Counter[str] = Counter()
    with Sandbox(seed=seed) as sandbox:
        world = World([sandbox.agency(program) for program in PROGRAMS])
        sandbox.sync()
        ways = []
        for client in world.clients:
            agent = client._client._agent
            agent.relay = way = DisorderlyRelay(agent.relay, draw)
            ways.append(way)
            told = world.told.setdefault(client.program, Counter())
            agent.listeners.append(lambda event, told=told: _note(told, event))
        world.speak(-(-messages // (SPEAKERS * (len(PROGRAMS) - 1))))
        for way in ways:
            way.calm = True
            done += way.done
        for _ in range(_MOST_LOOKS):
            world.look()
        return world.judge(), done, sum(told.total() for told in world.told.values())


def _note(told: Counter[str], event: Event) -> None:
    if isinstance(event, Received) and isinstance(event.content, MessageText):
        told[event.content.text] += 1


@pytest.mark.requirement("A51")
@pytest.mark.parametrize("world", range(-(-trials("F18") // WORLD)))
def test_whatever_the_network_doubles_and_delays_each_message_is_told_once(
    world: int, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    broken, done, told = _run(FIRST_SEED + world, min(WORLD, trials("F18")))
    report(f"seed {FIRST_SEED + world}: {told} messages told; {dict(done)}; broken: {+broken}")
    assert not +broken
    assert told >= min(WORLD, trials("F18"))
    assert min(done.values()) > 0


def test_control_who_recognises_nothing_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway.engine.inbox:judge", lambda _chain, _opened: Standing.NEW)
    broken, _, _ = _run(1, 60)
    assert broken["doubled"] > 0
