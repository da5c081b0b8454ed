"""Every claim of the table, in its order, and the rows that can't be measured yet.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.claims import (
    accept_latency,
    alarm,
    alert_claim,
    alert_release,
    archive,
    cpu_per_envelope,
    directory,
    disk,
    drain,
    fsyncs_per_envelope,
    guard,
    http_batches,
    idle,
    message_opening,
    message_sealing,
    proving,
    sealing,
    send_to_handler,
    start,
    stored,
    two_relays,
    unlock,
    websocket_batches,
    websocket_single,
    without_fsync,
)

if TYPE_CHECKING:
    from bench.claim import Claim

CLAIMS: Final[tuple[Claim, ...]] = (
    websocket_single.CLAIM,
    websocket_batches.CLAIM,
    http_batches.CLAIM,
    without_fsync.CLAIM,
    two_relays.CLAIM,
    cpu_per_envelope.CLAIM,
    fsyncs_per_envelope.CLAIM,
    accept_latency.CLAIM,
    send_to_handler.MIDDLE,
    send_to_handler.LATE,
    alarm.CLAIM,
    alert_release.CLAIM,
    alert_claim.CLAIM,
    stored.CLAIM,
    drain.CLAIM,
    idle.SOCKET,
    idle.ALONE,
    disk.CLAIM,
    sealing.BOX,
    sealing.HYBRID,
    *message_sealing.BOXES,
    *message_sealing.HYBRIDS,
    message_opening.BOX,
    message_opening.HYBRID,
    unlock.NEW,
    unlock.BUSY,
    directory.FIRST,
    directory.DAY,
    directory.MEMORY,
    proving.APPEND,
    proving.PROVE,
    guard.NOTE,
    guard.LONG,
    start.RELAY,
    start.IMPORT,
    start.IMPORT_CLIENT,
    *archive.CLAIMS,
)
LATER: Final = {
    "Synapse to-device": "a homeserver is no dependency of this project",
}
