"""The reference model: what must be true, in sets and sequences, and nothing about how.

It knows who said what to whom. The product's engine, sealing and stores know nothing of it, so that
both being wrong in the same way is unlikely.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sim.device import Device
    from tests.sim.run import Run


@dataclass
class Said:
    """A text.

    Attributes:
        number: Its own.
        device: Who wrote it.
        to: The agencies that it is for, by code.
        is_certain: Whether its writer was told that it is written down.
        conversation: Where.
        life: Of its writer: what it says in one life is one chain.
    """

    number: int
    device: Device
    to: tuple[str, ...]
    is_certain: bool = False
    conversation: object = None
    life: int = 0


@dataclass(eq=False)
class Called:
    """An alert.

    Attributes:
        device: Who raised it.
        to: The agency that was called, by code.
        ladder: When each tier was to be called, in seconds.
        at: When it was raised.
        alert_id: Its id; empty where its sender died before it was told.
    """

    device: Device
    to: str
    ladder: tuple[int, ...]
    at: float
    alert_id: bytes = b""


@dataclass
class Model:
    """What was done, as far as it is known.

    Attributes:
        said: The texts, by number.
        revoked: The devices that were revoked.
        swallowed: The devices of which a lying relay dropped what it said it had taken.
        robbed: The devices to which it showed something else under the number of an envelope.
        called: The alerts.
        answered: Who was asked to say something about which alert.
        alarms: How often a device told of an alert that nobody has, in which of its lives.
        deciders: The devices on which something about consent was decided.
    """

    said: dict[int, Said] = field(default_factory=dict)
    revoked: set[Device] = field(default_factory=set)
    swallowed: set[Device] = field(default_factory=set)
    robbed: set[Device] = field(default_factory=set)
    called: list[Called] = field(default_factory=list)
    answered: set[tuple[bytes, Device]] = field(default_factory=set)
    alarms: Counter[tuple[Device, bytes, str, int]] = field(default_factory=Counter)
    deciders: set[Device] = field(default_factory=set)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was destroyed, so that everybody must come to know everything."""
        return not self.swallowed and not self.robbed

    def writes(self, number: int, device: Device, to: tuple[str, ...]) -> Said:
        """Note that somebody begins to write."""
        return self.said.setdefault(number, Said(number, device, to, life=device.life))

    @property
    def last_call(self) -> float:
        """When the last timer of an alert has run out; one that was released climbs again."""
        return max((call.at + call.ladder[-1] + 120 for call in self.called), default=0)

    def released(self, alert_id: bytes, at: float) -> None:
        """Note that an alert climbs again."""
        for call in self.called:
            if call.alert_id == alert_id:
                call.at = at

    def calls(self, device: Device, to: str, ladder: tuple[int, ...]) -> Called:
        """Note that somebody raises an alert."""
        self.called.append(Called(device, to, ladder, device.clock._loop.time()))
        return self.called[-1]

    def unsaid(self, number: int) -> None:
        """Note that it was refused."""
        del self.said[number]

    def readers(self, run: Run, said: Said) -> set[Device]:
        """Give who is to read a text: the devices of its agencies, and the writer's colleagues."""
        codes = {*said.to, run.code_of(said.device)}
        return {device for code in codes for device in run.world.devices[code]} - {said.device}

    def judge_texts(self, run: Run, device: Device, inbox: list[int], own: set[int]) -> None:
        """I2, I3: what a device shows is what it is to read, each once, in its writer's order.

        Args:
            run: The run.
            device: Who shows.
            inbox: The numbers of the texts in its inbox, in order.
            own: Those that it wrote itself.
        """
        broken = run.history.break_promise
        for number, times in Counter(inbox).items():
            said = self.said.get(number)
            if said is None or device not in self.readers(run, said):
                broken(f"I3: {device.name} shows note {number}, which is not for it")
            elif times != 1:
                broken(f"I2: {device.name} shows note {number} {times} times")
        for said in self.said.values():
            if said.device is device and said.is_certain and said.number not in own:
                broken(f"I2: {device.name} has lost note {said.number}, which it wrote")

    def judge_gaps(self, run: Run, device: Device, gaps: dict[int, bool]) -> None:
        """I2: where something is missing, what came after it in its chain says so.

        Args:
            run: The run.
            device: Who shows.
            gaps: The texts that it shows, and whether each shows a gap before it.
        """
        for missing in self.said.values():
            if missing.number in gaps or not missing.is_certain:
                continue
            if device not in self.readers(run, missing):
                continue
            after = [
                said.number
                for said in self.said.values()
                if said.number > missing.number
                and (said.device, said.life, said.to, said.conversation)
                == (missing.device, missing.life, missing.to, missing.conversation)
            ]
            came = [number for number in after if number in gaps]
            if came and not gaps[came[0]]:
                run.history.break_promise(
                    f"I2: {device.name} lacks note {missing.number}, and note {came[0]} hides it"
                )

    def judge_delivery(self, run: Run, written: set[int], inboxes: dict[Device, list[int]]) -> None:
        """I2: what is written down anywhere has come to everybody whom it is for."""
        for said in self.said.values():
            if said.number not in written or said.device in self.revoked | self.swallowed:
                continue
            for reader in sorted(self.readers(run, said) - self.revoked, key=lambda d: d.name):
                if (
                    reader in inboxes
                    and reader not in self.robbed
                    and said.number not in inboxes[reader]
                ):
                    run.history.break_promise(
                        f"I2: note {said.number} of {said.device.name} never came to {reader.name}"
                    )
