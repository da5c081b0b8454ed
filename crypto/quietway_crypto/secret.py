"""A secret that does not slip out: it does not print, pickle, copy or compare in variable time.

Rules: the bytes leave only through `reveal()`, a name that is easy to search for in a review. What
prints is a fingerprint, enough to tell two keys apart in a report and not enough to find either.
Wrap only secrets of high entropy: the fingerprint of a guessable one would confirm a guess.

This room never promises that memory is wiped: Python copies bytes as it works. `overwrite` clears
the one copy that a secret holds, for whoever knows that nobody else holds the same bytes.

Spec: docs/spec/envelope.md, "Tags".
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final, NoReturn, SupportsIndex, final

from quietway_crypto.encoding import TAG_PRINTED_KEY, constant_time_equal, hash_tagged
from quietway_crypto.errors import KeyRefusedError

FINGERPRINT_CHARACTERS: Final = 8


@final
class Secret:
    """Bytes that must not be seen. Equality takes constant time; no hash, order or text form.

    Args:
        value: The secret bytes, of high entropy.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment] # a hash would compare in variable time
    _value: bytes | None

    def __init__(self, value: bytes) -> None:
        object.__setattr__(self, "_value", bytes(value))

    def reveal(self) -> bytes:
        """Give the bytes. Whoever calls this answers for where they go.

        Raises:
            KeyRefusedError: They were overwritten.
        """
        if self._value is None:
            raise KeyRefusedError("The key was cleared: unlock the device to have it again.")
        return self._value

    def overwrite(self) -> None:
        """Clear the bytes in place, where this Python lets us; nobody is given them any more.

        Whoever handed the same bytes to anybody else clears theirs too, so only an owner calls
        this.
        """
        if self._value is not None:
            _clear(self._value)
            object.__setattr__(self, "_value", None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return constant_time_equal(self._value or b"", other._value or b"")

    def __repr__(self) -> str:
        if self._value is None:
            return "Secret(cleared)"
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


def _clear(raw: bytes) -> None:
    # Bytes of no or one byte are shared by the whole process.
    if sys.implementation.name == "cpython" and len(raw) > 1:
        ctypes.memset(id(raw) + bytes.__basicsize__ - 1, 0, len(raw))
