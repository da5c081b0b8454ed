"""The log's leaves, folded by this device itself, and those in its own agency's name.

The openings that the relay hands out must make the very tree that was verified: so no leaf is
hidden from this device. The k-th leaf in the agency's name is version k of its manifest. A hash
that is not that version's, or a version more than the directory has, means that somebody signed in
the agency's name what its devices were not shown.

Pure. `to_row` and `from_row` carry it through the store.

Spec: docs/spec/transparency-log.md, "What a reader checks".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.engine.codec import Fields, write_row
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.merkle import grow, hash_leaf, root_at
from quietway_schemas.log import MANIFEST_LEAF, REMOVAL_LEAF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway_schemas.ids import AgencyId
    from quietway_schemas.log import LogLeaf

_MOST_KEPT: Final = 64
_Held = TypeVar("_Held")


@dataclass(slots=True)
class Frontier:
    """The complete subtrees that a tree of `size` leaves is made of, by level."""

    size: int = 0
    peaks: dict[int, bytes] = field(default_factory=dict)

    def add(self, leaf_hash: bytes) -> None:
        """Append a leaf."""
        made = grow(self.size, leaf_hash, lambda level, _: self.peaks[level])
        top = max(made)
        self.peaks = {level: held for level, held in self.peaks.items() if level > top[0]}
        self.peaks[top[0]] = made[top]
        self.size += 1

    def copy(self) -> Frontier:
        """Give another one to try leaves on."""
        return Frontier(self.size, dict(self.peaks))

    def root(self) -> bytes:
        """Give the root, 32 bytes."""
        return root_at(self.size, lambda level, _: self.peaks[level])


@dataclass(frozen=True, slots=True)
class OwnLeaf:
    """A leaf in this agency's name: the version that it must be, and where it stands."""

    version: int
    index: int
    manifest_hash: bytes


@dataclass(slots=True)
class OwnLeaves:
    """What was folded, and the leaves in one agency's name.

    Attributes:
        frontier: Of all leaves that were read.
        count: Which version of the agency's manifest the last of them is; 0 without one.
        newest: The last of them, by version.
        known: Hashes of versions that this device held, published or saw named, by version.
    """

    frontier: Frontier = field(default_factory=Frontier)
    count: int = 0
    newest: dict[int, OwnLeaf] = field(default_factory=dict)
    known: dict[int, bytes] = field(default_factory=dict)

    def read(self, leaves: Iterable[LogLeaf], agency: AgencyId, frontier: Frontier) -> None:
        """Take in leaves that were folded into `frontier` and found to be the log's."""
        for index, leaf in enumerate(leaves, start=self.frontier.size):
            if leaf.agency_id != agency:
                continue
            if leaf.kind == MANIFEST_LEAF:
                self.count = self.count + 1 if self.count else self._find_first(leaf.manifest_hash)
                self.newest[self.count] = OwnLeaf(self.count, index, leaf.manifest_hash)
            elif leaf.kind == REMOVAL_LEAF:
                # Should the agency enrol again, its versions are counted anew.
                self.count = 0
                self.newest.clear()
        self.newest = _newest(self.newest)
        self.frontier = frontier

    def note_known(self, version: int, manifest_hash: bytes) -> bool:
        """Remember what a version of one's own is; says whether that was new."""
        if self.known.get(version) == manifest_hash:
            return False
        self.known[version] = manifest_hash
        self.known = _newest(self.known)
        return True

    def find_unknown(self, held_version: int) -> list[OwnLeaf]:
        """Find the leaves that are not the agency's versions as this device knows them.

        Args:
            held_version: Of the manifest that the directory holds.
        """
        return [leaf for leaf in self.newest.values() if not self._is_known(leaf, held_version)]

    def _find_first(self, manifest_hash: bytes) -> int:
        # A relay that had manifests before it had a log begins with the version of that day.
        known = [version for version, held in self.known.items() if held == manifest_hash]
        return max(known, default=1)

    def _is_known(self, leaf: OwnLeaf, held_version: int) -> bool:
        # A version that was skipped is vouched for by the ones before and after it.
        return leaf.version <= held_version and (
            self.known.get(leaf.version, leaf.manifest_hash) == leaf.manifest_hash
        )

    def to_row(self) -> bytes:
        """Write it for the store."""
        return write_row(
            size=self.frontier.size,
            levels=[str(level) for level in self.frontier.peaks],
            peaks=[encode_base64(peak) for peak in self.frontier.peaks.values()],
            count=self.count,
            newest=[
                f"{leaf.version}/{leaf.index}/{encode_base64(leaf.manifest_hash)}"
                for leaf in self.newest.values()
            ],
            known=[f"{version}/{encode_base64(held)}" for version, held in self.known.items()],
        )

    @classmethod
    def from_row(cls, raw: bytes) -> OwnLeaves:
        """Read it back.

        Raises:
            SchemaError, CryptoError, ValueError: It is not what this room writes.
        """
        held = Fields(raw)
        peaks = (decode_base64(peak) for peak in held.texts("peaks"))
        frontier = Frontier(
            held.number("size"), dict(zip(held.numbers("levels"), peaks, strict=True))
        )
        newest = [_read_own_leaf(text) for text in held.texts("newest")]
        known = (text.split("/") for text in held.texts("known"))
        return cls(
            frontier,
            held.number("count"),
            {leaf.version: leaf for leaf in newest},
            {int(version): decode_base64(text) for version, text in known},
        )


def fold(frontier: Frontier, leaves: Iterable[LogLeaf]) -> Frontier:
    """Fold further leaves into a copy."""
    grown = frontier.copy()
    for leaf in leaves:
        grown.add(hash_leaf(leaf.to_bytes()))
    return grown


def _read_own_leaf(text: str) -> OwnLeaf:
    version, index, manifest_hash = text.split("/")
    return OwnLeaf(int(version), int(index), decode_base64(manifest_hash))


def _newest(held: dict[int, _Held]) -> dict[int, _Held]:
    return {version: held[version] for version in sorted(held)[-_MOST_KEPT:]}
