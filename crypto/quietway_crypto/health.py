"""A look at the system's randomness before the first key is made from it.

A broken generator, or one replaced by a constant, makes every key known to whoever knows the
constant. This finds the gross failures only: it cannot prove randomness, and never replaces the
system's generator. No state of a generator is kept in this package, so a fork or a restored
snapshot has nothing of ours to repeat.

Spec: docs/spec/envelope.md, "Conventions".
"""

from __future__ import annotations

from typing import Final

from quietway_crypto.errors import RandomnessError

BLOCK_BYTES: Final = 16
MIN_BLOCKS: Final = 4


def check_randomness(sample: bytes) -> None:
    """Refuse randomness that repeats itself.

    Two equal blocks among the few of a sample come up by chance once in 2^120 starts.

    Args:
        sample: At least 64 bytes from at least two separate draws, joined; a multiple of 16 bytes.

    Raises:
        RandomnessError: Too little, not whole blocks, or a block of 16 bytes that occurs twice or
            is one byte repeated.
    """
    if len(sample) < MIN_BLOCKS * BLOCK_BYTES or len(sample) % BLOCK_BYTES:
        raise RandomnessError("A sample is at least 64 bytes, in whole blocks of 16.")
    blocks = [sample[at : at + BLOCK_BYTES] for at in range(0, len(sample), BLOCK_BYTES)]
    if len(set(blocks)) < len(blocks) or any(len(set(block)) == 1 for block in blocks):
        raise RandomnessError(
            "This computer's randomness repeats itself, so no keys were made: restart it, and if "
            "it is a virtual machine, ask its administrator to attach a source of randomness."
        )
