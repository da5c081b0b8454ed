"""A key from what a person remembers: Argon2id, its cost stored so that it can rise.

Rules: a passphrase is normalised (NFKC), so that the same keys pressed on two systems open the same
store. Parameters read from a file are bounded before any memory is asked for: a prepared file must
not take a machine down. Lowering them gains an attacker nothing, because another cost gives another
key.

Spec: docs/spec/envelope.md, "Conventions".
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from argon2 import Type
from argon2.low_level import hash_secret_raw

from quietway_crypto.errors import PassphraseRefusedError
from quietway_crypto.secret import Secret

KEY_BYTES: Final = 32
MIN_SALT_BYTES: Final = 16
MIN_CHARACTERS: Final = 15
MIN_WORDS: Final = 6
_MAX_TIME_COST: Final = 64
_MAX_MEMORY_KIB: Final = 4 * 1024 * 1024
_MAX_PARALLELISM: Final = 16
# Argon2 itself needs eight blocks of memory for each lane.
_MIN_KIB_PER_LANE: Final = 8


@final
@dataclass(frozen=True, slots=True)
class PassphraseParameters:
    """What it costs to try one passphrase.

    Attributes:
        time_cost: Passes over the memory, 1 to 64.
        memory_kib: KiB of memory, at least 8 for each lane, at most 4 GiB.
        parallelism: Lanes, 1 to 16.

    Raises:
        PassphraseRefusedError: A value is out of these bounds.
    """

    DEFAULT: ClassVar[Self]

    time_cost: int
    memory_kib: int
    parallelism: int

    def __post_init__(self) -> None:
        least_memory = _MIN_KIB_PER_LANE * self.parallelism
        if not (
            1 <= self.time_cost <= _MAX_TIME_COST
            and 1 <= self.parallelism <= _MAX_PARALLELISM
            and least_memory <= self.memory_kib <= _MAX_MEMORY_KIB
        ):
            raise PassphraseRefusedError(
                "The stored passphrase parameters are out of bounds: restore the file from a "
                "backup."
            )


PassphraseParameters.DEFAULT = PassphraseParameters(
    time_cost=3, memory_kib=256 * 1024, parallelism=4
)


def derive_key(passphrase: str, *, salt: bytes, parameters: PassphraseParameters) -> Secret:
    """Derive a key from a passphrase. Slow and memory-hungry on purpose.

    Args:
        passphrase: As typed.
        salt: At least 16 random bytes, stored beside what the key protects.
        parameters: The cost, stored likewise.

    Returns:
        32 bytes.

    Raises:
        PassphraseRefusedError: The salt is too short, or the passphrase is not text that can be
            encoded.

    Source: RFC 9106, Argon2id version 0x13.
    """
    if len(salt) < MIN_SALT_BYTES:
        raise PassphraseRefusedError("The salt is at least 16 bytes long.")
    return Secret(
        hash_secret_raw(
            _encode(passphrase),
            salt,
            time_cost=parameters.time_cost,
            memory_cost=parameters.memory_kib,
            parallelism=parameters.parallelism,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )
    )


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that a thief of the disk could guess by trying short ones.

    Raises:
        PassphraseRefusedError: Fewer than 15 characters and fewer than 6 words, or not text that
            can be encoded.
    """
    _encode(passphrase)
    text = unicodedata.normalize("NFKC", passphrase)
    if len(text) < MIN_CHARACTERS and len(text.split()) < MIN_WORDS:
        raise PassphraseRefusedError(
            "The passphrase is too short: use at least 15 characters, or six words picked at "
            "random."
        )


def _encode(passphrase: str) -> bytes:
    try:
        return unicodedata.normalize("NFKC", passphrase).encode("utf-8")
    except UnicodeEncodeError:
        raise PassphraseRefusedError(
            "The passphrase holds a character that cannot be stored: leave it out."
        ) from None
