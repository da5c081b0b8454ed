"""Whether an envelope is still what was accepted.

Rules: pure. The hash under which an envelope came lies in another table than its bytes, so on other
pages: what damages one leaves the other. Where no hash is left there is nothing to judge by, and
the reader, whose client checks everything, decides.

Spec: docs/spec/relay-protocol.md, "A disk that is full, or fails".
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quietway_schemas.envelope import SubmissionRecord
    from quietway_server.rows import StoredEnvelope


def hash_record(record: SubmissionRecord | StoredEnvelope) -> bytes:
    """Hash the bytes of a submission record, without putting them together once more."""
    digest = hashlib.sha256(record.header.pack())
    digest.update(record.withdraw_hash)
    digest.update(record.sealed)
    return digest.digest()


def is_whole(stored: StoredEnvelope) -> bool:
    """Tell whether an envelope has the hash under which it was accepted."""
    if stored.record_hash is None:
        return True
    return hash_record(stored) == stored.record_hash
