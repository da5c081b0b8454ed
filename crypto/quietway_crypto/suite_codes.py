"""The two ways to seal, as numbers on the wire, and the lengths that follow from them.

Rules: a number is never reused. Lengths stand here so that whoever lays out an envelope need not
load what seals.

Spec: docs/spec/envelope.md, "Sealed".
"""

from __future__ import annotations

from enum import IntEnum


class Suite(IntEnum):
    """How an inner is sealed: the `suite` byte of the header."""

    SEALED_BOX = 1
    HYBRID = 2

    @property
    def public_key_size(self) -> int:
        """Bytes of an epoch public key: 32 for the sealed box, 1,216 for the hybrid."""
        return 32 if self is Suite.SEALED_BOX else 1184 + 32

    @property
    def seal_overhead(self) -> int:
        """Bytes that sealing adds: 48 for the sealed box, 1,136 for the hybrid."""
        return 32 + 16 if self is Suite.SEALED_BOX else 1088 + 32 + 16
