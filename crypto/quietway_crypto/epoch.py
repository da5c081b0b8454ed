"""The keys of one epoch under one suite: one half to publish, one half to erase on schedule.

Rules: the private half prints as a fingerprint and is never pickled or copied. This room does not
know when an epoch ends; whoever holds the pair erases it.

Spec: docs/spec/envelope.md, "Keys of an epoch".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from quietway_crypto.secret import Secret
    from quietway_crypto.suite_codes import Suite


@final
@dataclass(frozen=True, slots=True)
class EpochKeyPair:
    """What a device needs to open what was sealed to it in one epoch.

    Attributes:
        suite: How it was sealed.
        public: The public half, as published: 32 bytes (sealed box) or 1,216 (hybrid).
        private: The suite seed, 32 bytes, from which the suite derives its private keys.
    """

    suite: Suite
    public: bytes = field(repr=False)
    private: Secret
