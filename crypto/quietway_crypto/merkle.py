"""The tree of the transparency log: hashes, proofs, and how both are checked.

Theory of operation: the tree of n leaves is made of complete subtrees, one for each bit of n. The
node (level, index) is the hash of the complete subtree over the leaves from index * 2**level on,
2**level of them; level 0 are the leaves. What is complete never changes, so whoever appends keeps
such nodes for ever, and a root or a proof of any size is folded out of a few of them per level. The
makers of proofs read nodes through a function, and so need no tree in memory.

Rules: a proof has exactly as many hashes as its numbers ask for. What checks raises and returns no
bool. A root does not tell how many leaves its tree has: size and root are taken from one signed
checkpoint, never apart. Hashes here need no secret and no constant time.

Source: RFC 6962, section 2.1; RFC 9162, section 2.1. Spec: docs/spec/transparency-log.md, "The
tree".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Final, TypeAlias

from quietway_crypto.errors import ProofRefusedError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
MOST_HASHES: Final = 64
"""The most that a path may have."""
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"

NodeReader: TypeAlias = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree (level, index)."""


def hash_leaf(leaf: bytes) -> bytes:
    """Hash a leaf's bytes, 32 bytes."""
    return hashlib.sha256(_LEAF + leaf).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Hash two nodes into their parent, 32 bytes."""
    return hashlib.sha256(_NODE + left + right).digest()


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Fold the hashes of all leaves, in order, into the root of their tree (32 bytes)."""
    complete: list[bytes] = []
    for index, leaf in enumerate(leaf_hashes):
        node = leaf
        for _ in range(_trailing_ones(index)):
            node = hash_children(complete.pop(), node)
        complete.append(node)
    return _fold(complete)


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf lies in a tree. Returning at all means that it does.

    Args:
        leaf_hash: Of the leaf, 32 bytes.
        index: Its place, counted from 0.
        size: How many leaves the tree has.
        path: From the leaf upwards.
        root: Of the tree, 32 bytes.

    Raises:
        ProofRefusedError: The path does not lead from this leaf at this place to this root.

    Source: RFC 9162, section 2.1.3.2.
    """
    _check_hashes(leaf_hash, root, *path)
    if not 0 <= index < size:
        raise ProofRefusedError
    at, last, found = index, size - 1, leaf_hash
    for node in path:
        if last == 0:
            raise ProofRefusedError
        if at % 2 or at == last:
            found = hash_children(node, found)
            at, last = _climb(at, last)
        else:
            found = hash_children(found, node)
        at, last = at >> 1, last >> 1
    if last or found != root:
        raise ProofRefusedError


def roots_from_consistency(
    old_size: int, new_size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Compute the roots that a consistency path stands for, at both of its sizes.

    A path that computes a signed root and another old root than one that was signed too is a proof
    of two trees: no two paths lead to one root.

    Args:
        old_size: How many leaves the smaller tree has, at least one.
        new_size: How many the larger one has.
        path: With the old root first, where `old_size` is a power of two.

    Returns:
        The old root and the new one, 32 bytes each.

    Raises:
        ProofRefusedError: The sizes are no such pair, or the path is not as long as they ask.

    Source: RFC 9162, section 2.1.4.2.
    """
    _check_hashes(*path)
    if not 0 < old_size < new_size or not path:
        raise ProofRefusedError
    climbed = _trailing_ones(old_size - 1)
    at, last = (old_size - 1) >> climbed, (new_size - 1) >> climbed
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            raise ProofRefusedError
        if at % 2 or at == last:
            old, new = hash_children(node, old), hash_children(node, new)
            at, last = _climb(at, last)
        else:
            new = hash_children(new, node)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofRefusedError
    return old, new


def verify_consistency(
    old_size: int, new_size: int, path: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that a tree is the beginning of another. Returning at all means that it is.

    Args:
        old_size: How many leaves the smaller tree has.
        new_size: How many the larger one has.
        path: As for `roots_from_consistency`; empty where the sizes are the same or the old is 0.
        old_root: Of the smaller tree, 32 bytes.
        new_root: Of the larger one, 32 bytes.

    Raises:
        ProofRefusedError: The path does not show that.
    """
    _check_hashes(old_root, new_root)
    if old_size in {0, new_size}:
        _check_nothing_to_prove(old_size, new_size, path, old_root, new_root)
    elif roots_from_consistency(old_size, new_size, path) != (old_root, new_root):
        raise ProofRefusedError


def root_at(size: int, node: NodeReader) -> bytes:
    """Give the root of the first `size` leaves, from the complete subtrees in it."""
    return _range_root(0, size, node)


def grow(size: int, leaf_hash: bytes, node: NodeReader) -> dict[tuple[int, int], bytes]:
    """Append a leaf to a tree of `size` leaves.

    Returns:
        The nodes that are complete now and were not before, by (level, index): the leaf first.
    """
    made = {(0, size): leaf_hash}
    index, grown = size, leaf_hash
    for level in range(_trailing_ones(size)):
        grown = hash_children(node(level, index - 1), grown)
        index >>= 1
        made[level + 1, index] = grown
    return made


def inclusion_path(index: int, size: int, node: NodeReader) -> tuple[bytes, ...]:
    """Give the path from the leaf at `index` to the root of the first `size` leaves.

    Raises:
        ProofRefusedError: There is no such leaf.

    Source: RFC 6962, section 2.1.1.
    """
    if not 0 <= index < size:
        raise ProofRefusedError
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return tuple(reversed(path))


def consistency_path(old_size: int, new_size: int, node: NodeReader) -> tuple[bytes, ...]:
    """Give the path that leads from the tree of the first `old_size` leaves to a larger one.

    It is `SUBPROOF(old_size, D[new_size], false)` of the RFC: where the old size is a power of two,
    the old root stands first. Empty where the sizes are the same or the old one is 0.

    Raises:
        ProofRefusedError: The old tree is larger than the new one.

    Source: RFC 6962, section 2.1.2.
    """
    if not 0 <= old_size <= new_size:
        raise ProofRefusedError
    if old_size in {0, new_size}:
        return ()
    path: list[bytes] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _largest_power_below(end - start)
        if old_size <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    path.append(_range_root(start, end, node))
    return tuple(reversed(path))


def _range_root(start: int, end: int, node: NodeReader) -> bytes:
    """Fold the leaves from `start` to before `end`; `start` is where a subtree may begin."""
    complete: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        complete.append(node(level, start >> level))
        start += 1 << level
    return _fold(complete)


def _fold(complete: list[bytes]) -> bytes:
    """Fold complete subtrees, the largest first, into the root over them."""
    if not complete:
        return EMPTY_ROOT
    return reduce(lambda right, left: hash_children(left, right), reversed(complete))


def _climb(at: int, last: int) -> tuple[int, int]:
    """Pass the levels at which the node is the last one and has no sibling."""
    while at % 2 == 0 and at:
        at, last = at >> 1, last >> 1
    return at, last


def _trailing_ones(number: int) -> int:
    return (~number & (number + 1)).bit_length() - 1


def _largest_power_below(count: int) -> int:
    """Give the largest power of two that is smaller than `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_nothing_to_prove(
    old_size: int, new_size: int, path: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    if path or not 0 <= old_size <= new_size:
        raise ProofRefusedError
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise ProofRefusedError
    if old_size == new_size and old_root != new_root:
        raise ProofRefusedError


def _check_hashes(*hashes: bytes) -> None:
    if len(hashes) > MOST_HASHES + 2 or any(len(each) != HASH_BYTES for each in hashes):
        raise ProofRefusedError
