"""A relay that shows two faces: one log key, and a second tree for whom it wants to deceive.

The second face shows the same directory, the same mailboxes and proofs that hold, in a tree of its
own. What the relay logs from then on goes into both. It is the strongest lie that a relay with the
log's key can tell: nobody who is shown one face only can see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.testing.relay_refusal import make_refusal
from quietway_schemas.log import MANIFEST_LEAF

if TYPE_CHECKING:
    from quietway.ports import Relay
    from quietway.testing.relay import InMemoryRelay
    from quietway_schemas.directory import DirectoryPage
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.log import LogLeaves


class SecondFace:
    """The other tree of a relay in memory, and whoever is shown it."""

    def __init__(self, relay: InMemoryRelay) -> None:
        self._honest = relay.books.log
        self._copied = relay.books.log.size
        self.log = relay.books.log.fork()
        self.proves = True

    def log_for_these_eyes(self, agency: AgencyId, manifest_hash: bytes) -> None:
        """Append a leaf that the first face never has."""
        newest = self.log._newest.get(agency)
        self.log.append_manifest(agency, manifest_hash)
        if newest is not None:
            # The proofs that are served go on to be those of the manifest that is served.
            self.log._newest[agency] = newest

    def connect(self, relay: Relay) -> Relay:
        """Show this face to whoever has this connection."""
        return _Faced(relay, self)

    def follow(self) -> None:
        """Log here too what was logged honestly since."""
        for leaf in self._honest._leaves[self._copied :]:
            if leaf.kind == MANIFEST_LEAF:
                self.log.append_manifest(leaf.agency_id, leaf.manifest_hash)
        self._copied = self._honest.size


class _Faced:
    """A connection on which the log, and the proofs out of it, are the second face's."""

    def __init__(self, relay: Relay, face: SecondFace) -> None:
        self._relay = relay
        self._face = face

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        page = await self._relay.directory(after)
        self._face.follow()
        log = self._face.log
        return page.model_copy(
            update={
                "entries": tuple(
                    entry
                    if entry.kind == "epochs"
                    else entry.model_copy(update={"log": log.prove(entry.agency_id)})
                    for entry in page.entries
                ),
                "checkpoint": log.checkpoint().note,
                "consistency": log.consistency_to_head(log_size),
            }
        )

    async def log_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        if not self._face.proves:
            raise make_refusal("invalid_field")
        return self._face.log.consistency(old, new)

    async def log_leaves(self, after: int) -> LogLeaves:
        return self._face.log.leaves_after(after)
