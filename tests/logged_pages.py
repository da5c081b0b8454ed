"""Pages of the directory, and what a test puts into one: each manifest in them is in its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.testing.relay_log import RelayLog
from quietway_protocol.manifests import hash_manifest
from quietway_schemas.directory import DirectoryEntry, DirectoryPage

if TYPE_CHECKING:
    from quietway.testing.relay_directory import RelayDirectory
    from quietway_schemas.directory import SignedObject
    from quietway_schemas.ids import AgencyId, DeviceId


def make_page(
    *entries: DirectoryEntry, log: RelayLog | None = None, log_size: int = 0, more: bool = False
) -> DirectoryPage:
    """Log the manifests among the entries, and serve them with their proofs.

    Args:
        entries: Without proofs.
        log: The relay's log so far; an empty one by default.
        log_size: Of the checkpoint that the reader has verified.
        more: Whether the relay says that there is more.
    """
    held = RelayLog() if log is None else log
    for entry in entries:
        if entry.object is not None and entry.kind == "manifest":
            held.append_manifest(entry.agency_id, hash_manifest(entry.object.payload))
    return DirectoryPage(
        entries=tuple(_prove(entry, held) for entry in entries),
        next=max((entry.seq for entry in entries), default=0),
        more=more,
        checkpoint=held.checkpoint().note,
        consistency=held.consistency_to_head(log_size),
        log_key=held.log_key,
    )


def serve_logged(
    books: RelayDirectory,
    agency: AgencyId,
    signed: SignedObject,
    device: DeviceId | None = None,
) -> None:
    """Have a relay log and serve a manifest, or serve a device's batch, and judge nothing."""
    if device is None:
        books.log.append_manifest(agency, hash_manifest(signed.payload))
    books._enter("manifest" if device is None else "epochs", agency, device, signed)


def _prove(entry: DirectoryEntry, log: RelayLog) -> DirectoryEntry:
    if entry.kind != "manifest":
        return entry
    return entry.model_copy(update={"log": log.prove(entry.agency_id)})
