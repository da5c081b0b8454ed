"""A campaign against a client: killed at one point of receiving, started again, and looked into.

A sender says something; the receiver, a real process with an encrypted store, gets SIGKILL at the
point. The next life of the same device then synchronises once, and everything must be in order:
each message in the inbox once and in its place, no program told of it twice, nothing left at the
relay.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final, Self

import sqlcipher3.dbapi2
from tests.faults.client_process import Order
from tests.journeys.conftest import befriend, found
from tests.relay_process import PATIENCE_SECONDS, product_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.counts import Campaign
    from tests.relay_process import RelayProcess


MOST_MESSAGES: Final = 3
_NUMBERS: Final = count(1)


class ForkServer:
    """The process whose forks are the lives of clients; one life at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.client_process"],
            env=product_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=PATIENCE_SECONDS)

    def begin(self, order: Order) -> Iterator[tuple[str, object]]:
        """Begin a life; give its notes as they come, and in the end how it ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Iterator[tuple[str, object]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            read = json.loads(line)
            yield read["kind"], read["value"]
            if read["kind"] == "ended":
                return


class Pair:
    """A sender here, and a receiver whose lives are processes.

    Attributes:
        broken: How often each promise was broken so far.
        missing: What was said and is not in the inbox by the last look.
    """

    def __init__(self, relay: RelayProcess, forks: ForkServer, folder: Path) -> None:
        self.broken: Counter[str] = Counter()
        self.missing: set[str] = set()
        self._relay = relay
        self._forks = forks
        self._said: list[str] = []
        self._told: Counter[str] = Counter()
        self._untold = 0
        number = next(_NUMBERS)
        self.sender = found(relay, folder / "sender", f"HARBOR{number}-SHELTER", "shelter_staff")
        receiver = found(
            relay, folder / "home", f"MERCY{number}-SOCIALWORK", "hospital_social_worker"
        )
        befriend(self.sender, receiver)
        self._to, self.home = receiver.program, str(receiver.home)
        self._agency = receiver.agency_id.value
        sent = self.sender.messages.send("The conversation begins.", to=self._to)
        self._conversation = sent.conversation
        receiver.sync()
        receiver.close()

    def suffer(self, point: str, draw: Random, *, follows: bool) -> None:
        """Say something, have the receiver killed at a point of receiving it, and look."""
        messages = draw.randint(1, MOST_MESSAGES)
        # What comes on a socket is taken one by one, what is fetched is taken together.
        time = draw.randint(1, messages) if follows or point == "opened" else 1
        order = Order(self.home, point, time, follows=follows)
        self.live(order, messages)
        self.look()

    def live(self, order: Order, messages: int) -> None:
        """Let the receiver live while something is said; it must die where it was ordered to."""
        if not order.follows:
            self._say(messages)
        reached, ended = "", 0
        for kind, value in self._forks.begin(order):
            if kind == "connected":
                self._say(messages)
            elif kind == "told":
                self._told[str(value)] += 1
            elif kind == "reached":
                reached = str(value)
            elif kind == "ended":
                ended = int(str(value))
        assert (reached, ended) == (order.point, -signal.SIGKILL), order
        # Whoever dies between writing it down and telling can tell nobody any more.
        self._untold += (1 if order.follows else messages) * (order.point == "committed")

    def look(self, *, control: str = "") -> None:
        """Start the receiver again, and count what is not as it should be."""
        notes = dict[str, object]()
        for kind, value in self._forks.begin(Order(self.home, control=control)):
            if kind == "told":
                self._told[str(value)] += 1
            notes[kind] = value
        assert notes["ended"] == 0, notes
        inbox, problems = notes["inbox"], notes["problems"]
        assert isinstance(inbox, list)
        assert isinstance(problems, list)
        shown = [text for text in inbox if text in self._said]
        self.missing = set(self._said) - set(shown)
        self.broken.update(
            missing=len(self.missing),
            doubled=len(shown) - len(set(shown)),
            out_of_order=int(shown != [text for text in self._said if text in shown]),
            told_twice=sum(times > 1 for times in self._told.values()),
            told_otherwise=int(self._told.total() + self._untold != len(shown)),
            waiting=count_waiting(self._relay.database, self._agency),
            problems=len(problems),
        )

    def _say(self, messages: int) -> None:
        for _ in range(messages):
            text = f"Message {len(self._said)}."
            sent = self.sender.messages.send(text, to=self._to, conversation=self._conversation)
            assert sent.state == "stored_at_relay", sent
            self._said.append(text)


def run_campaign(pair: Pair, point: str, campaign: Campaign) -> str:
    """Kill the receiver of a pair at a point, again and again; give the figures in one line."""
    draw = Random(f"{campaign.seed} {point}")
    for number in range(campaign.kills):
        pair.suffer(point, draw, follows=number % 2 == 1)
    broken = {name: times for name, times in pair.broken.items() if times} or "nothing"
    return f"{point}: {campaign.kills} kills; {len(pair._said)} messages; broken: {broken}"


def count_waiting(database: Path, agency: bytes) -> int:
    """Count what stands in an agency's mailboxes."""
    connection = sqlcipher3.dbapi2.connect(str(database))
    try:
        (waiting,) = connection.execute(
            "SELECT sum(waiting) FROM mailboxes WHERE agency = ?", (agency,)
        ).fetchone()
    finally:
        connection.close()
    return int(waiting)
