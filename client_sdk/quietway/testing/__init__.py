"""For the tests of programs that use quietway: a sandbox, and the parts that it is made of.

The memory relay and the memory store keep the same promises as the real ones, and are held to them
by the same contract suites. Never give a seeded entropy to a client that holds anything real.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from quietway.store.memory import MemoryStore
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway.testing.sandbox import Sandbox, make_partners

__all__ = [
    "FakeClock",
    "InMemoryRelay",
    "MemoryStore",
    "Sandbox",
    "SeededEntropy",
    "make_partners",
]
