"""Unlock a keyring at the default parameters, beside Argon2id alone at the same ones.

What unlocking does beside Argon2id (reading the file, unwrapping each record, reading the secrets)
is to be lost in it: the passphrase's cost is what a thief pays, and a person should wait for
nothing else.

Spec: docs/spec/keys.md, "The keyring"; docs/explanation/performance.md, "Messages, and unlocking".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.bare import derive_argon2
from bench.message import read_clock

from quietway.ambient import SystemEntropy
from quietway.keyring.body import Founding
from quietway.keyring.keyring import Keyring
from quietway_crypto.passphrase import PassphraseParameters
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.place import Place

TIMES: Final = 3
YEAR_MS: Final = 365 * DAY
PASSPHRASE: Final = "slow lantern over quiet water again"  # noqa: S105 - of a throwaway keyring
FOUNDING: Final = Founding(
    relay="https://relay.example",
    agency_code="HARBOR",
    program="HARBOR-SHELTER",
    roles=("field_advocate",),
)


@dataclass(frozen=True, slots=True)
class UnlockTimes:
    """What was seen, in milliseconds: medians.

    Attributes:
        argon2: Argon2id alone.
        unlock: `Keyring.unlock`.
    """

    argon2: float
    unlock: float

    def __str__(self) -> str:
        return f"Argon2id {self.argon2:.0f} ms, unlocking {self.unlock:.0f} ms"


@dataclass(frozen=True, slots=True)
class Unlocking:
    """Both in turn.

    Attributes:
        record_keys: How many are in the keyring, as cases have over a year.
        parameters: What it costs to try one passphrase.
    """

    record_keys: int = 0
    parameters: PassphraseParameters = PassphraseParameters.DEFAULT

    def __str__(self) -> str:
        return f"unlocking a keyring with {self.record_keys} record keys"

    def run(self, place: Place) -> UnlockTimes:
        """Make a keyring once, and unlock it a few times."""
        path = place.keep(self, lambda: self._make(place.new_folder("keyring") / "keyring"))
        turns = [
            (
                _clock(lambda: derive_argon2(PASSPHRASE, self.parameters)),
                _clock(
                    lambda: Keyring.unlock(path, passphrase=PASSPHRASE, entropy=SystemEntropy())
                ),
            )
            for _ in range(TIMES)
        ]
        return UnlockTimes(*(median(times) * 1000 for times in zip(*turns, strict=True)))

    def _make(self, path: Path) -> Path:
        entropy = SystemEntropy()
        made = Keyring.create(
            path,
            passphrase=PASSPHRASE,
            entropy=entropy,
            parameters=self.parameters,
            founding=FOUNDING,
        )
        dies = read_clock() + YEAR_MS
        keys = {entropy.draw(16): (entropy.draw(32), dies) for _ in range(self.record_keys)}
        if keys:
            made.add_record_keys(keys)
        return path


def _clock(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
