"""Seal a message to 100 devices: under both suites, and in a C loop over libsodium's sealed boxes.

Ours is `quietway_crypto.seal.seal`, one device after the other in one thread, as the SDK calls it:
it checks each public key and binds the header. The C loop does neither. Signing, which differs from
device to device and has no counterpart in the loop, is left out on both sides.

Each turn has new keys. What is judged are the messages after the first, as nearly all are: the
hybrid suite remembers the public keys that it has read. What the first one took is told beside it.

Spec: docs/spec/envelope.md, "Sealed"; docs/explanation/performance.md.
"""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.processes import NotMeasuredError

from quietway_crypto.seal import seal
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import available_suites, derive_keypair
from quietway_schemas.envelope import HEADER_BYTES, EnvelopeClass

if TYPE_CHECKING:
    from bench.place import Place

SOURCE: Final = Path(__file__).parent / "c" / "seal_loop.c"
DEVICES: Final = 100
TURNS: Final = 5
PASSES: Final = 5
SEALED_BYTES: Final = EnvelopeClass.FLASH.sealed_bytes


@dataclass(frozen=True, slots=True)
class SealingTimes:
    """What was seen, in microseconds for each device: medians.

    Attributes:
        loop: The C loop.
        box: Ours, under the suite with sealed boxes.
        hybrid: Ours, under the hybrid suite.
        hybrid_first: The same, for the first message to each device.
    """

    loop: float
    box: float
    hybrid: float
    hybrid_first: float

    def __str__(self) -> str:
        return (
            f"C loop {self.loop:.0f} us a device, sealed box {self.box:.0f} us,"
            f" hybrid {self.hybrid:.0f} us (the first time {self.hybrid_first:.0f} us)"
        )


@dataclass(frozen=True, slots=True)
class Sealing:
    """The three of them in turn."""

    def __str__(self) -> str:
        return f"sealing to {DEVICES} devices"

    def run(self, place: Place) -> SealingTimes:
        """Let each of them seal a few times, in turn.

        Raises:
            NotMeasuredError: There is no libsodium, no C compiler, or no hybrid suite.
        """
        if Suite.HYBRID not in available_suites():
            raise NotMeasuredError("the hybrid suite is not available here")
        loop = prepare_loop(place)
        turns = [_take_turn(loop) for _ in range(TURNS)]
        return SealingTimes(*(median(times) * 1e6 / DEVICES for times in zip(*turns, strict=True)))


@dataclass(frozen=True, slots=True)
class Loop:
    """The C loop, compiled.

    Attributes:
        program: It.
        library: The libsodium that it loads.
    """

    program: Path
    library: str


def prepare_loop(place: Place) -> Loop:
    """Compile the C loop, once a run.

    Raises:
        NotMeasuredError: There is no libsodium, or no C compiler.
    """
    library = ctypes.util.find_library("sodium")
    if library is None:
        raise NotMeasuredError("there is no libsodium for the C loop")
    return Loop(place.compile(SOURCE, libraries=("-ldl",)), library)


def _take_turn(loop: Loop) -> tuple[float, float, float, float]:
    looped = run_loop(loop, devices=DEVICES, passes=PASSES)
    box, hybrid = (_seal_to_all(suite, _make_keys(suite)) for suite in Suite)
    return looped, median(box[1:]), median(hybrid[1:]), hybrid[0]


def _make_keys(suite: Suite) -> list[bytes]:
    return [derive_keypair(suite, os.urandom(32)).public for _ in range(DEVICES)]


def _seal_to_all(suite: Suite, keys: list[bytes]) -> list[float]:
    inner, header = bytes(SEALED_BYTES - suite.seal_overhead), bytes(HEADER_BYTES)
    times = []
    for _ in range(PASSES):
        began = time.perf_counter()
        for key in keys:
            seal(suite, key, inner, header=header)
        times.append(time.perf_counter() - began)
    return times


def run_loop(loop: Loop, *, devices: int, passes: int) -> float:
    """Let the C loop seal to new keys, and give the median of its passes in seconds."""
    inner = SEALED_BYTES - Suite.SEALED_BOX.seal_overhead
    done = subprocess.run(  # noqa: S603 - our own program
        [str(loop.program), loop.library, str(devices), str(inner), str(passes)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotMeasuredError(f"the C loop ended with status {done.returncode}")
    return median(float(line) for line in done.stdout.split())
