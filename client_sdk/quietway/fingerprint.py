"""A root key as people compare it: eight groups of four, read out over a phone.

Spec: docs/spec/envelope.md, "Tags".
"""

from __future__ import annotations

from typing import Final

from quietway_crypto.encoding import TAG_PRINTED_KEY, hash_tagged

GROUPS: Final = 8
GROUP_CHARACTERS: Final = 4


def show_fingerprint(root_key: bytes) -> str:
    """Show a public key as 128 bits of its hash, in groups of hexadecimal digits."""
    digits = hash_tagged(TAG_PRINTED_KEY, root_key).hex()
    starts = range(0, GROUPS * GROUP_CHARACTERS, GROUP_CHARACTERS)
    return " ".join(digits[start : start + GROUP_CHARACTERS] for start in starts)
