"""A secret that does not slip out: it does not print, pickle, copy or compare in variable time.

Rules: the bytes leave only through `reveal()`, a name that is easy to search for in a review. What
prints is a fingerprint, enough to tell two keys apart in a report and not enough to find either.
Wrap only secrets of high entropy: the fingerprint of a guessable one would confirm a guess.

This room never promises to wipe memory: Python cannot.

Spec: docs/spec/envelope.md, "Tags".
"""

from __future__ import annotations

from typing import Final, NoReturn, SupportsIndex, final

from quietway_crypto.encoding import TAG_PRINTED_KEY, constant_time_equal, hash_tagged

FINGERPRINT_CHARACTERS: Final = 8


@final
class Secret:
    """Bytes that must not be seen. Equality takes constant time; no hash, order or text form.

    Args:
        value: The secret bytes, of high entropy.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment] # a hash would compare in variable time
    _value: bytes

    def __init__(self, value: bytes) -> None:
        object.__setattr__(self, "_value", bytes(value))

    def reveal(self) -> bytes:
        """Give the bytes. Whoever calls this answers for where they go."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return constant_time_equal(self._value, other._value)

    def __repr__(self) -> str:
        digest = hash_tagged(TAG_PRINTED_KEY, self._value)
        return f"Secret({digest.hex()[:FINGERPRINT_CHARACTERS]})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A secret does not change.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A secret does not change.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled and not copied.")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("A secret is not pickled and not copied.")


def reveal(value: bytes | Secret) -> bytes:
    """Give the bytes of a secret that may or may not be wrapped."""
    return value.reveal() if isinstance(value, Secret) else value
