"""What a way of sealing must offer. Each suite is one module of this shape.

Rules: a construction takes checked lengths from its callers, refuses bad public keys itself, and
says nothing about why something did not open.

Spec: docs/spec/envelope.md, "Sealed".
"""

from __future__ import annotations

from typing import Protocol


class Construction(Protocol):
    """One suite: derive, check, seal, open."""

    def derive_public_key(self, suite_seed: bytes, /) -> bytes:
        """Give the public half that belongs to a suite seed of 32 bytes."""

    def check_public_key(self, public: bytes, /) -> None:
        """Refuse a public key that nobody should seal to, with `KeyRefusedError`."""

    def seal(self, public: bytes, inner: bytes, info: bytes, /) -> bytes:
        """Seal an inner to a public key that passes `check_public_key`, or refuse it likewise.

        The length grows by the suite's overhead.
        """

    def open_(self, suite_seed: bytes, public: bytes, sealed: bytes, info: bytes, /) -> bytes:
        """Open what `seal` made for the key pair of this seed, or raise `OpenError`."""
