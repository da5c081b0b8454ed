"""Seal one message to 1, 20 and 100 devices through the SDK's own way, beside the bare primitives.

Spec: docs/explanation/performance.md, "Messages, and unlocking".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.bare import make_hpke_keys, seal_hpke
from bench.message import CLASS, Sender, clock_passes, make_devices
from bench.sealing import prepare_loop, run_loop

from quietway_crypto.suite_codes import Suite

if TYPE_CHECKING:
    from bench.place import Place

TURNS: Final = 3
SEALS_A_TURN: Final = 300
LEAST_PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class MessageTimes:
    """What was seen, in microseconds for each device: medians.

    Attributes:
        loop: libsodium's sealed boxes in the C loop.
        box: `seal_message`, under the suite with sealed boxes.
        hpke: The library's HPKE, bare.
        hybrid: `seal_message`, under the hybrid suite.
    """

    loop: float
    box: float
    hpke: float
    hybrid: float

    def __str__(self) -> str:
        return (
            f"C loop {self.loop:.0f} us a device, sealed box {self.box:.0f} us,"
            f" bare HPKE {self.hpke:.0f} us, hybrid {self.hybrid:.0f} us"
        )


@dataclass(frozen=True, slots=True)
class MessageSealing:
    """All four in turn.

    Attributes:
        devices: To how many one message is sealed.
    """

    devices: int

    def __str__(self) -> str:
        return f"sealing one message to {self.devices}"

    def run(self, place: Place) -> MessageTimes:
        """Let each of them seal a few times, in turn.

        Raises:
            NotMeasuredError: There is no libsodium, no C compiler, or no hybrid suite.
        """
        loop = prepare_loop(place)
        passes = max(LEAST_PASSES, SEALS_A_TURN // self.devices)
        turns = [
            (
                run_loop(loop, devices=self.devices, passes=passes),
                self._seal(Suite.SEALED_BOX, passes),
                self._seal_bare(passes),
                self._seal(Suite.HYBRID, passes),
            )
            for _ in range(TURNS)
        ]
        return MessageTimes(
            *(median(times) * 1e6 / self.devices for times in zip(*turns, strict=True))
        )

    def _seal(self, suite: Suite, passes: int) -> float:
        sender, devices = Sender(), make_devices(suite, self.devices)
        core = sender.say(devices)
        return clock_passes(lambda: [sender.seal(core, device) for device in devices], passes)

    def _seal_bare(self, passes: int) -> float:
        keys = [public for public, _ in make_hpke_keys(self.devices)]
        inner, info = bytes(CLASS.sealed_bytes - Suite.HYBRID.seal_overhead), os.urandom(64)
        return clock_passes(lambda: [seal_hpke(inner, key, info) for key in keys], passes)
