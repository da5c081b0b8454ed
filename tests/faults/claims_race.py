"""Two claim the same ladder at the same time, against each other and against its tiers.

All of it is over a real relay. A ladder's alerts and the words of its claims go to one mailbox, so
their order there is the order in which the relay did things. What each claimant was told, and when,
is a history with that order: it must be linearisable.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from tests.faults.linearise import Operation, is_linearisable
from tests.server.agency import CLIENT, PARTNER
from tests.server.ladders import Sealer

from quietway_crypto.encoding import encode_base64
from quietway_schemas.frames import EnvelopeFrame
from quietway_server.api.bodies import CLAIM, LADDER

if TYPE_CHECKING:
    from tests.server.agency import Agency
    from tests.server.ladders import Sealed

    from quietway_schemas.holds import Claim

DUES: Final = (0, 1, 2)
CLAIMANTS: Final = 2
_SPREAD_SECONDS: Final = 2.2
_CLOSE_SECONDS: Final = 0.01
_QUIET_SECONDS: Final = 1.2

State = tuple[bool, frozenset[int]]
"""Whether it is claimed, and which tiers are out."""


@dataclass
class Race:
    """A ladder, who claimed it when, and what they were told."""

    sealed: Sealed
    claims: list[Claim]
    moments: list[float]
    placed: float = 0.0
    told: list[tuple[float, float, bool]] = field(default_factory=list)

    def judge(self, arrived: list[bytes], came: dict[bytes, float]) -> Counter[str]:
        """Count what is broken, by what arrived in the mailbox, in its order."""
        alerts = [names[0] for names in self.sealed.names]
        words = [claim.records[0].header.envelope_id.value for claim in self.claims]
        own = [name for name in arrived if name in {*alerts, *words}]
        broken = Counter(
            missing=len({*alerts, *words} - set(own)),
            doubled=len(own) - len(set(own)),
            firsts=abs(sum(first for _, _, first in self.told) - 1),
        )
        if not any(broken.values()):
            broken["unlinearisable"] = not is_linearisable(
                self._tell(alerts, words, own, came), (False, frozenset())
            )
        return broken

    def _tell(
        self, alerts: list[bytes], words: list[bytes], own: list[bytes], came: dict[bytes, float]
    ) -> list[Operation[State]]:
        """Tell it as a history: the claims as they were answered, the tiers as they arrived."""
        first_word = min(own.index(word) for word in words)
        history = [
            Operation(f"claim {n}", began, min(ended, came[words[n]]), _claimed(first=first))
            for n, (began, ended, first) in enumerate(self.told)
        ]
        for tier, alert in enumerate(alerts):
            is_quiet = own.index(alert) > first_word
            begun = min(began for began, _, _ in self.told)
            earliest = begun if is_quiet else self.placed + DUES[tier]
            history.append(
                Operation(f"tier {tier}", earliest, came[alert], _released(tier, quiet=is_quiet))
            )
        # Whose words stand first in the mailbox was told that they were first.
        (winner,) = [n for n, (_, _, first) in enumerate(self.told) if first]
        if own[first_word] != words[winner]:
            history.append(Operation("order of words", 0, 0, lambda _: None))
        return history


def _claimed(*, first: bool) -> object:
    def apply(state: State) -> State | None:
        return (True, state[1]) if first != state[0] else None

    return apply


def _released(tier: int, *, quiet: bool) -> object:
    def apply(state: State) -> State | None:
        is_next = tier not in state[1] and all(lower in state[1] for lower in range(tier))
        return (state[0], state[1] | {tier}) if is_next and quiet == state[0] else None

    return apply


def run_races(agency: Agency, seed: int, count: int) -> Counter[str]:
    """Run so many races at once, for one mailbox; give how often what is broken."""
    draw = Random(f"{seed} races")
    sealer = Sealer(draw.getrandbits(32), epoch=agency.record().header.epoch)
    races = [_prepare(agency, sealer, draw) for _ in range(count)]
    arrived: list[bytes] = []
    came: dict[bytes, float] = {}
    wanted = count * (len(DUES) + CLAIMANTS)
    with ThreadPoolExecutor(CLAIMANTS * count + 1) as threads, agency.open_socket() as socket:
        agency.greet(socket)
        lane = encode_base64(agency.capability_for(PARTNER, kind="crisis"))
        for race in races:
            _place(agency, race, lane)
        asked = [
            [threads.submit(_claim, agency, race, number) for number in range(CLAIMANTS)]
            for race in races
        ]
        try:
            while True:
                quiet = _QUIET_SECONDS if len(arrived) >= wanted else 10.0
                frame = EnvelopeFrame.unpack(bytes(socket.recv(timeout=quiet)))  # type: ignore[arg-type]  # binary
                arrived.append(frame.header.envelope_id.value)
                came.setdefault(arrived[-1], time.monotonic())
                socket.send(json.dumps({"frame": "ack", "through": frame.seq}))
        except TimeoutError:
            pass
        for race, answers in zip(races, asked, strict=True):
            race.told = [answer.result() for answer in answers]
    return sum((race.judge(arrived, came) for race in races), Counter())


def _prepare(agency: Agency, sealer: Sealer, draw: Random) -> Race:
    mailbox = agency.mailbox.value
    sealed = sealer.ladder(dict.fromkeys(DUES, (mailbox,)))
    # Each claims with the secret of another place; at much the same moment, often at a deadline.
    claims = [sealer.claim(secret, mailbox) for secret in sealed.secrets[:CLAIMANTS]]
    moment = draw.choice((draw.uniform(0, _SPREAD_SECONDS), 1.0, 2.0))
    apart = [draw.uniform(-_CLOSE_SECONDS, _CLOSE_SECONDS) for _ in range(CLAIMANTS)]
    return Race(sealed, claims, [max(0.0, moment + away) for away in apart])


def _place(agency: Agency, race: Race, lane: str) -> None:
    race.placed = time.monotonic()
    answer = CLIENT.put(
        f"{agency.url}/v1/holds/{encode_base64(race.sealed.hold)}",
        content=race.sealed.body,
        headers={"Content-Type": LADDER, "Quietway-Lane": lane},
    )
    assert answer.status_code == 201, answer.text


def _claim(agency: Agency, race: Race, number: int) -> tuple[float, float, bool]:
    time.sleep(max(0.0, race.placed + race.moments[number] - time.monotonic()))
    began = time.monotonic()
    answer = CLIENT.post(
        f"{agency.url}/v1/holds/{encode_base64(race.sealed.hold)}/claim",
        content=race.claims[number].pack(),
        headers={"Content-Type": CLAIM},
    )
    assert answer.status_code == 200, answer.text
    return began, time.monotonic(), bool(answer.json()["first"])
