"""A seed that m of n people bring back together: nested sealed boxes, and no secret sharing.

Each person holds 24 words of their own, and a key follows from them. For every choice of m among
the n the seed is sealed to the last of them, that to the one before, and so on: whoever lacks one
of the m opens nothing. With n of 7 at most there are 35 boxes at most, and what is to be understood
is one sealed box.

Rules: the order is that of the public keys, so one file has one form. Whoever opens checks that the
seed is the right one: a box says nothing about who made it. Nobody learns which layer refused.

Spec: docs/spec/keys.md, "Recovery".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Final, final

from quietway_crypto.encoding import TAG_CUSTODIAN, hash_tagged
from quietway_crypto.errors import KeyRefusedError
from quietway_crypto.secret import Secret, reveal
from quietway_crypto.suites import sealedbox

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_CUSTODIANS: Final = 7
SEED_BYTES: Final = 32
LAYER_BYTES: Final = 48
"""What one sealed box adds: an ephemeral key and a tag."""
_NO_INFO: Final = b""


@final
@dataclass(frozen=True, slots=True)
class CustodianKey:
    """What a custodian's words stand for. It prints only its public half and a fingerprint."""

    public: bytes
    private: Secret


def derive_custodian_key(seed: bytes | Secret) -> CustodianKey:
    """Derive a custodian's key from the seed that their 24 words are.

    Returns:
        X25519; the private half is H(quietway/v1/custodian, seed).
    """
    private = hash_tagged(TAG_CUSTODIAN, reveal(seed))
    return CustodianKey(sealedbox.derive_public_key(private), Secret(private))


def list_choices(custodians: int, threshold: int) -> tuple[tuple[int, ...], ...]:
    """List every choice of `threshold` among the custodians, as places from 0, in order."""
    return tuple(combinations(range(custodians), threshold))


def box_bytes(threshold: int) -> int:
    """Tell how long a box is: the seed, and a layer for each who must open it."""
    return SEED_BYTES + LAYER_BYTES * threshold


def check_custodians(custodians: Sequence[bytes], threshold: int) -> None:
    """Refuse custodians among whom a seed can't be sealed.

    Args:
        custodians: Public keys.
        threshold: How many of them it takes.

    Raises:
        KeyRefusedError: More than 7, none, not in order, one of them twice, one that nobody should
            seal to, or a threshold that they can't reach.
    """
    if not 1 <= threshold <= len(custodians) <= MOST_CUSTODIANS:
        raise KeyRefusedError(
            "There are 1 to 7 custodians, and it takes at least one of them and at most all."
        )
    if not all(before < after for before, after in pairwise(custodians)):
        raise KeyRefusedError("Custodians stand in the order of their keys, each of them once.")
    for public in custodians:
        sealedbox.check_public_key(public)


def seal_to_custodians(
    seed: bytes | Secret, custodians: Sequence[bytes], threshold: int
) -> tuple[bytes, ...]:
    """Seal a seed so that any `threshold` of the custodians open it.

    Args:
        seed: 32 bytes.
        custodians: Their public keys, sorted.
        threshold: How many it takes.

    Returns:
        A box for each of `list_choices`, in its order.

    Raises:
        KeyRefusedError: See `check_custodians`; or the seed is not 32 bytes long.
    """
    raw = reveal(seed)
    if len(raw) != SEED_BYTES:
        raise KeyRefusedError("A seed that custodians bring back is 32 bytes long.")
    check_custodians(custodians, threshold)
    return tuple(
        _seal_in_layers(raw, [custodians[place] for place in choice])
        for choice in list_choices(len(custodians), threshold)
    )


def open_with_custodians(box: bytes, keys: Sequence[CustodianKey]) -> Secret:
    """Open one box with the keys of those who are named for it, in the order of their keys.

    Raises:
        OpenError: Altered, or made for others.
    """
    inner = box
    for key in keys:
        inner = sealedbox.open_(key.private.reveal(), key.public, inner, _NO_INFO)
    return Secret(inner)


def _seal_in_layers(raw: bytes, publics: Sequence[bytes]) -> bytes:
    # The innermost is for the last one, so that opening goes by the order of the keys.
    for public in reversed(publics):
        raw = sealedbox.seal(public, raw, _NO_INFO)
    return raw
