"""Proof of an agreement: that every party's ops key signed its exact terms, or that one ended it.

Rules: an agreement that one party has not signed is nothing yet. Any party can end it alone; its
word names the agreement and the time, and nobody else's word does.

Spec: docs/spec/agreements.md, "Signing" and "The end".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import (
    TAG_AGREEMENT,
    TAG_AGREEMENT_END,
    TAG_AGREEMENT_HASH,
    TAG_AGREEMENT_NAME,
    hash_tagged,
)
from quietway_protocol import approvals
from quietway_protocol.approvals import UNKNOWN_AGENCY, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway_protocol.approvals import FindManifest
    from quietway_schemas.content.agreement import AgreementEnded, SignedAgreement
    from quietway_schemas.dictionary import AgencyApproval
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

_NAME_BYTES: Final = 16


def hash_terms(payload: bytes) -> bytes:
    """Hash an agreement's terms, as its next version and its end name it (32 bytes)."""
    return hash_tagged(TAG_AGREEMENT_HASH, payload)


def name_for(agreement: bytes, recipient: AgencyId) -> bytes:
    """Give what content for one recipient calls an agreement (16 bytes).

    Two recipients of one agreement hold different names of it, so a case of theirs is not joined
    by them.
    """
    return hash_tagged(TAG_AGREEMENT_NAME, agreement + recipient.value)[:_NAME_BYTES]


def write_end(agreement: bytes, at: Instant) -> bytes:
    """Write what a party signs to end an agreement: its hash, and the time in 8 bytes."""
    return agreement + at.to_bytes(8, "big")


def list_missing(
    signed: SignedAgreement, find_manifest: FindManifest, *, now: Instant
) -> Mapping[AgencyId, str]:
    """Say of each party that has not signed why its signature does not count."""
    word = Word(TAG_AGREEMENT, signed.payload, signed.approvals)
    return approvals.list_missing(signed.terms.parties, word, find_manifest, now=now)


def find_counting(
    payload: bytes, given: Iterable[AgencyApproval], find_manifest: FindManifest, *, now: Instant
) -> tuple[AgencyApproval, ...]:
    """Pick the signatures that hold, or whose agency is not known here yet.

    What does not hold is never put beside what does: it would stand in the name of that key.
    """
    return tuple(
        held
        for held in given
        if _judge(Word(TAG_AGREEMENT, payload, (held,)), find_manifest, now) in {"", UNKNOWN_AGENCY}
    )


def is_ended_by(ended: AgreementEnded, find_manifest: FindManifest, *, now: Instant) -> bool:
    """Say whether the agency that an end names truly said so."""
    payload = write_end(ended.agreement, ended.at)
    return not _judge(Word(TAG_AGREEMENT_END, payload, (ended.approval,)), find_manifest, now)


def _judge(word: Word, find_manifest: FindManifest, now: Instant) -> str:
    (approval,) = word.approvals
    missing = approvals.list_missing((approval.agency,), word, find_manifest, now=now)
    return missing.get(approval.agency, "")
