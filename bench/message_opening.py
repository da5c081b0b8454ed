"""Open envelopes through the SDK's own way, beside the bare primitives.

Spec: docs/explanation/performance.md, "Messages, and unlocking".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.bare import make_box_keys, make_hpke_keys, open_box, open_hpke, seal_box, seal_hpke
from bench.message import CLASS, Sender, clock_passes, make_devices, make_reader, open_one

from quietway_crypto.suite_codes import Suite
from quietway_schemas.envelope import HEADER_BYTES, WITHDRAW_HASH_BYTES

if TYPE_CHECKING:
    from bench.place import Place

TURNS: Final = 3
PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class OpeningTimes:
    """What was seen, in microseconds for each envelope: medians.

    Attributes:
        bare_box: libsodium's sealed box, opened by one call.
        box: `open_envelope`, under the suite with sealed boxes.
        hpke: The library's HPKE, bare.
        hybrid: `open_envelope`, under the hybrid suite.
    """

    bare_box: float
    box: float
    hpke: float
    hybrid: float

    def __str__(self) -> str:
        return (
            f"bare sealed box {self.bare_box:.0f} us an envelope, ours {self.box:.0f} us;"
            f" bare HPKE {self.hpke:.0f} us, ours {self.hybrid:.0f} us"
        )


@dataclass(frozen=True, slots=True)
class MessageOpening:
    """All four in turn.

    Attributes:
        envelopes: How many are opened in a pass.
    """

    envelopes: int = 100

    def __str__(self) -> str:
        return f"opening {self.envelopes} envelopes"

    def run(self, place: Place) -> OpeningTimes:
        """Let each of them open a few times, in turn.

        Raises:
            NotMeasuredError: There is no hybrid suite.
        """
        del place
        turns = [
            (
                _open_bare_boxes(self.envelopes),
                _open(Suite.SEALED_BOX, self.envelopes),
                _open_bare_hpke(self.envelopes),
                _open(Suite.HYBRID, self.envelopes),
            )
            for _ in range(TURNS)
        ]
        return OpeningTimes(
            *(median(times) * 1e6 / self.envelopes for times in zip(*turns, strict=True))
        )


def _open(suite: Suite, count: int) -> float:
    sender, (device,) = Sender(), make_devices(suite, 1)
    reader = make_reader(device, sender)
    records = [sender.seal(sender.say([device]), device) for _ in range(count)]
    # What goes out carries a withdraw hash between the two halves that come in.
    envelopes = [
        record[:HEADER_BYTES] + record[HEADER_BYTES + WITHDRAW_HASH_BYTES :] for record in records
    ]
    return clock_passes(lambda: [open_one(envelope, reader) for envelope in envelopes], PASSES)


def _open_bare_boxes(count: int) -> float:
    public, secret = make_box_keys()
    inner = bytes(CLASS.sealed_bytes - Suite.SEALED_BOX.seal_overhead)
    boxes = [seal_box(inner, public) for _ in range(count)]
    return clock_passes(lambda: [open_box(box, public, secret) for box in boxes], PASSES)


def _open_bare_hpke(count: int) -> float:
    ((public, private),) = make_hpke_keys(1)
    inner, info = bytes(CLASS.sealed_bytes - Suite.HYBRID.seal_overhead), os.urandom(64)
    sealed = [seal_hpke(inner, public, info) for _ in range(count)]
    return clock_passes(lambda: [open_hpke(box, private, info) for box in sealed], PASSES)
