"""What others say of the log, and how it is judged against what was verified here.

Pure: what was noted, what is verified, and what a path computes go in; a verdict comes out. A core
is signed by a partner and not by the log, so a contradiction alone convicts nobody: it takes the
other's note. A note that came by itself has the log's signature, and does.

Spec: docs/spec/transparency-log.md, "Gossip".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from quietway.engine.codec import Fields, write_row
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError
from quietway_crypto.merkle import roots_from_consistency
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_protocol.checkpoints import Checkpoint
    from quietway_schemas.instants import Instant

_SIZE_BYTES = 8


class Verdict(Enum):
    """How what was noted stands to what was verified."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    ASKS_FOR_PATH = "asks for path"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class Noted:
    """What a device of an agency said that it verified.

    Attributes:
        agency: Whose device it was.
        size: Of the log.
        root: Of the log, 32 bytes.
        since: When it was noted.
        note: The checkpoint as the log signed it, where it came by itself; else empty.
        old_size: The size that this device named and the note is an answer to; 0 for none.
        path: The consistency path from there to the note's size; empty where it is not known.
    """

    agency: AgencyId
    size: int
    root: bytes
    since: Instant
    note: str = field(default="", repr=False)
    old_size: int = 0
    path: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def key(self) -> bytes:
        """Its name in the store: the same thing said twice has one."""
        signed = b"\x01" if self.note else b"\x00"
        return signed + self.agency.value + self.size.to_bytes(_SIZE_BYTES, "big") + self.root

    def to_row(self) -> bytes:
        """Write it for the store."""
        return write_row(
            agency=str(self.agency),
            size=self.size,
            root=self.root,
            since=self.since,
            note=self.note,
            old=self.old_size,
            path=[encode_base64(node) for node in self.path],
        )

    @classmethod
    def from_row(cls, raw: bytes) -> Noted:
        """Read it back.

        Raises:
            SchemaError, CryptoError: It is not what this room writes.
        """
        held = Fields(raw)
        return cls(
            AgencyId.from_text(held.text("agency")),
            held.number("size"),
            held.raw("root"),
            held.number("since"),
            held.text("note"),
            held.number("old"),
            tuple(decode_base64(node) for node in held.texts("path")),
        )


def judge(noted: Noted, known: Mapping[int, Checkpoint], latest: Checkpoint) -> Verdict:
    """Judge what can be judged without asking anybody."""
    same = known.get(noted.size)
    if same is not None:
        return Verdict.AGREES if same.root == noted.root else Verdict.CONTRADICTS
    return Verdict.WAITS if noted.size > latest.size else Verdict.ASKS_FOR_PATH


def judge_by_path(noted: Noted, latest: Checkpoint, path: tuple[bytes, ...]) -> Verdict:
    """Judge a smaller checkpoint by the path from it to the one that was verified.

    A path that does not compute what was verified says nothing about anybody.
    """
    try:
        old_root, new_root = roots_from_consistency(noted.size, latest.size, path)
    except CryptoError:
        return Verdict.WAITS
    if new_root != latest.root:
        return Verdict.WAITS
    return Verdict.AGREES if old_root == noted.root else Verdict.CONTRADICTS
