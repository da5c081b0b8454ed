"""The transparency log, as its relay tells of it in JSON: openings of leaves, and proofs.

A leaf stands for one version of an agency's manifest, or for an operator's removal of the agency.
The tree holds only its hash; what is told here is the opening. Hashes and proofs are judged by
`quietway_protocol.checkpoints`, never here.

Spec: docs/spec/transparency-log.md, "The tree" and "Requests".
"""

from typing import Annotated, Final

from pydantic import Field

from quietway_schemas.fields import Bytes32, Count, WireModel
from quietway_schemas.ids import AgencyId

MANIFEST_LEAF: Final = 1
REMOVAL_LEAF: Final = 2
NO_HASH: Final = bytes(32)
"""What stands in the place of a manifest's hash where an agency was removed."""
MOST_LEAVES: Final = 512
MOST_PATH: Final = 64

Path = Annotated[tuple[Bytes32, ...], Field(max_length=MOST_PATH)]
LeafKind = Annotated[int, Field(ge=0, le=255)]


class LogLeaf(WireModel):
    """The opening of one leaf. A kind that is not known here counts as a leaf, and says nothing."""

    kind: LeafKind
    nonce: Bytes32
    agency_id: AgencyId
    manifest_hash: Bytes32

    def to_bytes(self) -> bytes:
        """Write the leaf as it is hashed: kind, nonce, agency, manifest hash (81 bytes)."""
        kind = self.kind.to_bytes(1, "big")
        return kind + self.nonce + self.agency_id.value + self.manifest_hash


class LogProof(WireModel):
    """That a manifest lies in the log: where, with which nonce, and the path from there."""

    index: Count
    nonce: Bytes32
    path: Path


class LogLeaves(WireModel):
    """The openings that follow those which the reader has, in order."""

    leaves: Annotated[tuple[LogLeaf, ...], Field(max_length=MOST_LEAVES)]
    more: bool


class LogConsistency(WireModel):
    """The path from one size of the tree to another."""

    path: Path
