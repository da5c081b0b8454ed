"""The look at the system's randomness: gross failures stop the start, good randomness passes."""

from __future__ import annotations

import os

import pytest

from quietway_crypto.errors import RandomnessError
from quietway_crypto.health import check_randomness

GOOD = bytes(range(64))


@pytest.mark.parametrize(
    "sample",
    [
        bytes(64),
        b"\xff" * 64,
        GOOD[:32] * 2,
        GOOD[:48] + bytes(16),
        GOOD[:48] + GOOD[:16],
        b"\x07" * 16 + GOOD[:48],
    ],
    ids=["zero", "ones", "two-equal-draws", "one-dead-block", "a-block-again", "one-byte"],
)
def test_randomness_that_repeats_itself_is_refused(sample: bytes) -> None:
    with pytest.raises(RandomnessError, match="restart it"):
        check_randomness(sample)


@pytest.mark.parametrize("length", [0, 32, 63, 65, 72])
def test_a_sample_too_small_or_not_in_blocks_is_refused(length: int) -> None:
    with pytest.raises(RandomnessError, match="at least 64 bytes"):
        check_randomness(os.urandom(length))


def test_the_randomness_of_this_system_passes() -> None:
    for _ in range(200):
        check_randomness(os.urandom(32) + os.urandom(32))
