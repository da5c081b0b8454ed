"""Whether agencies have agreed to exact bytes: each through an ops key that its manifest lists.

What is missing is told agency by agency, so that people know whom to ask. A dictionary's release
and an agreement are proved by this same judgement, over tags of their own.

Rules: manifests come in proved; nothing is remembered here and no clock is asked. An approval in
the name of a key that would count must be that key's, as with certificates.

Spec: docs/spec/dictionary.md, "When it counts"; docs/spec/agreements.md, "Signing".
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_protocol.errors import FORGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.dictionary import AgencyApproval
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

    FindManifest = Callable[[AgencyId], ProvedManifest | None]

UNKNOWN_AGENCY: Final = "unknown_agency"
MANIFEST_EXPIRED: Final = "manifest_expired"
APPROVAL_MISSING: Final = "approval_missing"
KEY_NOT_LISTED: Final = "key_not_listed"
KEY_EXPIRED: Final = "key_expired"


@dataclass(frozen=True, slots=True)
class Word:
    """What was approved, and by whom so far.

    Attributes:
        tag: What the signatures are for.
        payload: The exact bytes.
        approvals: One for each key that signed.
    """

    tag: str
    payload: bytes
    approvals: tuple[AgencyApproval, ...]


def list_missing(
    agencies: Iterable[AgencyId], word: Word, find_manifest: FindManifest, *, now: Instant
) -> Mapping[AgencyId, str]:
    """Say of each agency that has not agreed why its approval does not count.

    Args:
        agencies: Who must agree.
        word: To what.
        find_manifest: Gives an agency's newest manifest, proved under its pinned root; None where
            none is held.
        now: Milliseconds since 1970-01-01T00:00:00Z: ops keys and manifests have ends.
    """
    reasons = {agency: _judge(word, agency, find_manifest(agency), now) for agency in agencies}
    return MappingProxyType({agency: reason for agency, reason in reasons.items() if reason})


def _judge(word: Word, agency: AgencyId, held: ProvedManifest | None, now: Instant) -> str:
    """Give the reason for which an agency has not agreed; empty where it has."""
    if held is None:
        return UNKNOWN_AGENCY
    if held.manifest.expires <= now:
        return MANIFEST_EXPIRED
    approvals = [approval for approval in word.approvals if approval.agency == agency]
    if not approvals:
        return APPROVAL_MISSING
    listed = [(end, approval) for approval in approvals if (end := _find_end(held, approval))]
    if not listed:
        return KEY_NOT_LISTED
    counting = [approval for end, approval in listed if end > now]
    if not counting:
        return KEY_EXPIRED
    return "" if all(_holds(word, approval) for approval in counting) else FORGED


def _find_end(held: ProvedManifest, approval: AgencyApproval) -> Instant:
    """Say until when the ops list has the key of an approval; 0 where it has not."""
    listed = held.manifest.ops.find(approval.key)
    return 0 if listed is None else listed.expires


def _holds(word: Word, approval: AgencyApproval) -> bool:
    try:
        verify(approval.key, word.tag, word.payload, approval.signature)
    except CryptoError:
        return False
    return True
