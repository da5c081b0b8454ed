"""The log's tree: known roots, an oracle that nobody here wrote, and proofs that were altered."""

from __future__ import annotations

import functools
import hashlib
import itertools
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from pymerkle import verify_consistency as oracle_accepts
from tests.controls import without

from quietway_crypto import merkle
from quietway_crypto.errors import ProofRefusedError
from quietway_crypto.merkle import (
    EMPTY_ROOT,
    consistency_path,
    grow,
    hash_children,
    hash_leaf,
    inclusion_path,
    root_at,
    root_of,
    roots_from_consistency,
    verify_consistency,
    verify_inclusion,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST: Final = 300
LEAVES: Final = [index.to_bytes(2, "big") for index in range(LARGEST)]
HASHES: Final = [hash_leaf(leaf) for leaf in LEAVES]
KNOWN: Final = (
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    (
        "606162636465666768696a6b6c6d6e6f",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ),
)
"""Leaf by leaf, and the root after each: the reference tree of Certificate Transparency."""


@functools.cache
def _nodes() -> dict[tuple[int, int], bytes]:
    nodes: dict[tuple[int, int], bytes] = {}
    for size, leaf in enumerate(HASHES):
        nodes.update(grow(size, leaf, lambda *at: nodes[at]))
    return nodes


def _node(level: int, index: int) -> bytes:
    return _nodes()[level, index]


@functools.cache
def _root(size: int) -> bytes:
    return root_at(size, _node)


@pytest.fixture(scope="module")
def oracle() -> InmemoryTree:
    tree = InmemoryTree()
    for leaf in LEAVES:
        tree.append_entry(leaf)
    return tree


def test_the_reference_tree_has_its_known_roots() -> None:
    hashes = [hash_leaf(bytes.fromhex(leaf)) for leaf, _ in KNOWN]
    for size, (_, root) in enumerate(KNOWN, start=1):
        assert root_of(hashes[:size]).hex() == root
    assert root_of([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_roots_agree_with_the_oracle_at_every_size(oracle: InmemoryTree) -> None:
    for size in range(LARGEST + 1):
        assert _root(size) == root_of(HASHES[:size]) == oracle.get_root(size)


def test_inclusion_agrees_with_the_oracle_at_every_size_and_index(oracle: InmemoryTree) -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            path = inclusion_path(index, size, _node)
            base, *theirs = oracle.prove_inclusion(index + 1, size).path
            assert (base, theirs) == (HASHES[index], list(path))
            verify_inclusion(HASHES[index], index, size, path, _root(size))


def _fold_their_right_edge(proof: object) -> list[bytes]:
    """Give the oracle's path as RFC 6962 has it.

    Where the old tree ends at the border of a subtree, the oracle goes on, down to the first leaf
    behind it, and the RFC does not. What lies down there is one hash of the RFC.
    """
    rule, subset, path = proof.rule, proof.subset, proof.path  # type: ignore[attr-defined]  # the oracle has no types
    first_old = subset.index(1)
    if first_old == 0:
        return list(path)
    behind = path[0]
    for bit, digest in zip(rule[: first_old - 1], path[1:first_old], strict=True):
        behind = hash_children(digest, behind) if bit else hash_children(behind, digest)
    return [path[first_old], behind, *path[first_old + 1 :]]


def test_consistency_agrees_with_the_oracle_at_every_pair_of_sizes(oracle: InmemoryTree) -> None:
    for new in range(1, LARGEST + 1):
        for old in range(1, new):
            path = consistency_path(old, new, _node)
            theirs = oracle.prove_consistency(old, new)
            assert _fold_their_right_edge(theirs) == list(path), (old, new)
            assert roots_from_consistency(old, new, path) == (_root(old), _root(new))
        verify_consistency(new, new, (), _root(new), _root(new))
        verify_consistency(0, new, (), EMPTY_ROOT, _root(new))


def test_the_oracle_accepts_its_proofs_under_our_roots(oracle: InmemoryTree) -> None:
    for old, new in itertools.combinations((1, 2, 3, 7, 8, 100, 128, 255, 256, 299, 300), 2):
        oracle_accepts(_root(old), _root(new), oracle.prove_consistency(old, new))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 21, 33])
def test_every_altered_inclusion_proof_is_refused(size: int) -> None:
    for index in range(size):
        path = inclusion_path(index, size, _node)
        for altered in _alter(path):
            _refuses_inclusion(HASHES[index], index, size, altered, _root(size))
        for other in (*range(-1, size + 2), 2**60):
            if other != index:
                _refuses_inclusion(HASHES[index], other, size, path, _root(size))
        for other in range(LARGEST):
            if other != size:
                _refuses_inclusion(HASHES[index], index, other, path, _root(other))
        for wrong in (EMPTY_ROOT, _root(size + 1), _root(size)[:31], b""):
            _refuses_inclusion(HASHES[index], index, size, path, wrong)
        _refuses_inclusion(HASHES[index + 1], index, size, path, _root(size))


@pytest.mark.parametrize("new", [2, 3, 4, 5, 6, 7, 8, 11, 16, 21, 33])
def test_every_altered_consistency_proof_is_refused(new: int) -> None:
    for old in range(1, new):
        path = consistency_path(old, new, _node)
        for altered in _alter(path):
            _refuses_consistency(old, new, altered, _root(old), _root(new))
        for other in range(-1, LARGEST, 3):
            if other != old:
                _refuses_consistency(other, new, path, _root(max(other, 0)), _root(new))
            if other != new:
                _refuses_consistency(old, other, path, _root(old), _root(max(other, 0)))
        for wrong in (EMPTY_ROOT, _root(new + 1), _root(new)[:31], b""):
            _refuses_consistency(old, new, path, _root(old), wrong)
            _refuses_consistency(old, new, path, wrong, _root(new))
        _refuses_consistency(old, new, path, _root(new), _root(old))


def _alter(path: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Flip, drop, add and swap the hashes of a path, one at a time."""
    strange = hashlib.sha256(b"strange").digest()
    for at, node in enumerate(path):
        before, after = path[:at], path[at + 1 :]
        yield (*before, bytes([node[0] ^ 1]) + node[1:], *after)
        yield (*before, node[:31] + bytes([node[31] ^ 128]), *after)
        yield (*before, node[:31], *after)
        yield (*before, node + b"\x00", *after)
        yield (*before, *after)
        yield (*before, node, node, *after)
        yield (*before, strange, node, *after)
    for one, other in itertools.combinations(range(len(path)), 2):
        swapped = list(path)
        swapped[one], swapped[other] = path[other], path[one]
        yield tuple(swapped)
    yield (*path, strange)
    yield (*path, *[strange] * 70)


def _refuses_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    with pytest.raises(ProofRefusedError):
        verify_inclusion(leaf, index, size, path, root)


def _refuses_consistency(
    old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    with pytest.raises(ProofRefusedError):
        verify_consistency(old, new, path, old_root, new_root)


@pytest.mark.parametrize(
    ("old", "new", "path", "old_root", "new_root"),
    [
        (0, 5, (HASHES[0],), EMPTY_ROOT, HASHES[1]),
        (0, 5, (), HASHES[0], HASHES[1]),
        (5, 5, (HASHES[0],), HASHES[1], HASHES[1]),
        (5, 5, (), HASHES[0], HASHES[1]),
        (0, 0, (), HASHES[0], HASHES[0]),
        (-1, -1, (), HASHES[0], HASHES[0]),
        (0, -1, (), EMPTY_ROOT, HASHES[0]),
    ],
)
def test_where_nothing_is_to_be_proved_no_path_and_no_other_root_passes(
    old: int, new: int, path: tuple[bytes, ...], old_root: bytes, new_root: bytes
) -> None:
    _refuses_consistency(old, new, path, old_root, new_root)


def test_no_proof_is_made_of_a_leaf_or_a_tree_that_is_not_there() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ProofRefusedError):
            inclusion_path(index, size, _node)
    for old, new in ((4, 3), (-1, 3)):
        with pytest.raises(ProofRefusedError):
            consistency_path(old, new, _node)
    assert consistency_path(0, 3, _node) == consistency_path(3, 3, _node) == ()


@given(st.data())
@settings(deadline=None)
def test_a_forked_tree_shows_its_own_old_root_out_of_the_path_alone(data: st.DataObject) -> None:
    """Two trees that differ in one leaf: the path of one never computes the other's old root."""
    new = data.draw(st.integers(2, 200))
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    other = [hash_leaf(b"other") if at == changed else leaf for at, leaf in enumerate(HASHES)]
    nodes: dict[tuple[int, int], bytes] = {}
    for size, leaf in enumerate(other[:new]):
        nodes.update(grow(size, leaf, lambda *at: nodes[at]))
    path = consistency_path(old, new, lambda *at: nodes[at])
    found = roots_from_consistency(old, new, path)
    assert found == (root_of(other[:old]), root_of(other[:new]))
    assert found[0] != _root(old)
    _refuses_consistency(old, new, path, _root(old), found[1])


@given(st.integers(0, LARGEST - 1))
@settings(deadline=None)
def test_growing_makes_the_nodes_that_are_complete_from_then_on_and_no_others(size: int) -> None:
    made = grow(size, HASHES[size], _node)
    assert made == {
        (level, size >> level): root_of(HASHES[size + 1 - 2**level : size + 1])
        for level in range(10)
        if (size + 1) % 2**level == 0
    }


def test_a_proof_of_a_large_tree_reads_few_nodes() -> None:
    """What is read grows with the height of the tree, and not with its size."""
    size = 2**40 + 2**39 - 3
    read: list[tuple[int, int]] = []

    def note(level: int, index: int) -> bytes:
        read.append((level, index))
        return bytes(32)

    for index in (0, 2**39 + 5, size - 1):
        assert len(inclusion_path(index, size, note)) <= merkle.MOST_HASHES
    assert len(consistency_path(2**38 - 1, size, note)) <= merkle.MOST_HASHES
    grow(size, bytes(32), note)
    assert len(read) < 5 * 2 * 41


def test_a_node_shown_as_a_leaf_is_refused() -> None:
    """The second preimage: two nodes, joined, would be a leaf of a smaller tree."""
    joined = _node(0, 0) + _node(0, 1)
    _refuses_inclusion(hash_leaf(joined), 0, 2, (_node(1, 1),), _root(4))


def test_control_without_the_prefix_of_leaves_a_node_passes_for_a_leaf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hash_without_difference(leaf: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + leaf).digest()

    without(monkeypatch, "quietway_crypto.merkle:hash_leaf", hash_without_difference)
    joined = _node(0, 0) + _node(0, 1)
    verify_inclusion(merkle.hash_leaf(joined), 0, 2, (_node(1, 1),), _root(4))
