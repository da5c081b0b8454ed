"""Lanes: the right to send, shown to the relay without telling it who sends.

Each agency gives each partner device a lane of its own. What that device shows for a week and kind
is derived from its lane; the relay keeps only the hash, so it can neither show a capability itself
nor tell which lanes are one device's.

Rules: a lane and a capability are secrets; a hash of a capability is not.

Spec: docs/spec/envelope.md, "Tags"; docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import (
    TAG_CAPABILITY,
    TAG_CAPABILITY_OPENING,
    TAG_LANE,
    hash_tagged,
)
from quietway_crypto.errors import EncodingError
from quietway_crypto.kdf import hmac_tagged

if TYPE_CHECKING:
    from quietway_crypto.secret import Secret

KINDS: Final = frozenset({"normal", "crisis"})
_WEEK: Final = re.compile(r"[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])")


def derive_lane(agency_secret: bytes | Secret, partner: bytes) -> bytes:
    """Derive the lane of one partner device into an agency.

    Args:
        agency_secret: 32 random bytes that only the agency's devices share.
        partner: The partner device's id, 16 bytes.

    Returns:
        HMAC(agency secret, PAE(quietway/v1/lane, partner)), 32 bytes, secret.
    """
    return hmac_tagged(agency_secret, TAG_LANE, partner)


def derive_capability(lane: bytes | Secret, week: str, kind: str) -> bytes:
    """Derive what a partner device shows to the relay for one week and kind.

    Args:
        lane: From `derive_lane`, 32 bytes.
        week: ISO week, `2026-W47`.
        kind: `normal` or `crisis`.

    Returns:
        HMAC(lane, PAE(quietway/v1/capability, week/kind)), 32 bytes, secret.

    Raises:
        EncodingError: The week or the kind is not of that form.
    """
    if not _WEEK.fullmatch(week):
        raise EncodingError("A week is written as in 2026-W47.")
    if kind not in KINDS:
        raise EncodingError("A kind is normal or crisis.")
    return hmac_tagged(lane, TAG_CAPABILITY, f"{week}/{kind}".encode("ascii"))


def hash_capability(capability: bytes) -> bytes:
    """Give the hash that the relay keeps and compares, 32 bytes."""
    return hash_tagged(TAG_CAPABILITY_OPENING, capability)
