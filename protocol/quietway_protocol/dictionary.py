"""Proof of a release of the dictionary: that the agencies it names have agreed to its exact bytes.

An agency agrees through an ops key that its newest manifest lists. What is missing is told agency
by agency, so that people know whom to ask. A release that is proved counts for a device only if it
names the device's own agency, and follows the release that the device holds.

Rules: manifests come in proved; nothing is remembered here and no clock is asked. Whose approval
counts is judged by `approvals`.

Spec: docs/spec/dictionary.md, "When it counts".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import TAG_DICTIONARY, TAG_DICTIONARY_HASH, hash_tagged
from quietway_protocol import approvals
from quietway_protocol.approvals import Word
from quietway_protocol.errors import ROLLED_BACK, UNLINKED, DictionaryRefusedError
from quietway_schemas.semver import SemVer, Step, find_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_protocol.approvals import FindManifest
    from quietway_schemas.dictionary import ApprovedDictionary, DictionaryRelease
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

AGENCY_NOT_NAMED: Final = "agency_not_named"
NOT_OURS: Final = "not_ours"
AGENCY_DROPPED: Final = "agency_dropped"
REMOVED: Final = "removed"
STEP_TOO_SMALL: Final = "step_too_small"
TWO_OF_ONE_VERSION: Final = "two_of_one_version"


@dataclass(frozen=True, slots=True)
class ProvedDictionary:
    """A release to which all the agencies that it names have agreed. `prove_dictionary` makes it.

    Attributes:
        approved: As it came.
        agreed: Every agency with an approval that counts: those that the release names.
    """

    approved: ApprovedDictionary
    agreed: frozenset[AgencyId]

    @property
    def release(self) -> DictionaryRelease:
        """What was agreed to."""
        return self.approved.release

    @property
    def hash(self) -> bytes:
        """What the next release names, 32 bytes."""
        return hash_release(self.approved.payload)


def hash_release(payload: bytes) -> bytes:
    """Hash a release's payload, as the next one names it (32 bytes)."""
    return hash_tagged(TAG_DICTIONARY_HASH, payload)


def list_missing(
    approved: ApprovedDictionary, find_manifest: FindManifest, *, now: Instant
) -> Mapping[AgencyId, str]:
    """Say of each named agency that has not agreed why its approval does not count."""
    return approvals.list_missing(
        approved.release.agencies,
        Word(TAG_DICTIONARY, approved.payload, approved.approvals),
        find_manifest,
        now=now,
    )


def prove_dictionary(
    approved: ApprovedDictionary, find_manifest: FindManifest, *, now: Instant
) -> ProvedDictionary:
    """Prove that every agency that a release names has agreed to it.

    Args:
        approved: As it came.
        find_manifest: Gives an agency's newest manifest, proved under its pinned root; None where
            none is held.
        now: Milliseconds since 1970-01-01T00:00:00Z: ops keys and manifests have ends.

    Raises:
        DictionaryRefusedError: With the agency whose approval is missing or wrong.
    """
    named = frozenset(approved.release.agencies)
    for approval in approved.approvals:
        if approval.agency not in named:
            raise DictionaryRefusedError(AGENCY_NOT_NAMED, agency=str(approval.agency))
    for agency, reason in list_missing(approved, find_manifest, now=now).items():
        raise DictionaryRefusedError(reason, agency=str(agency))
    return ProvedDictionary(approved, named)


def check_is_taken(
    proved: ProvedDictionary, *, ours: AgencyId, held: ApprovedDictionary | None
) -> None:
    """Demand that a proved release is one for this agency, and follows the one that is held.

    Args:
        proved: What may be taken.
        ours: The agency of the device that takes it.
        held: The release held under the same name; None where there is none.

    Raises:
        DictionaryRefusedError: `not_ours`, `rolled_back`, `two_of_one_version`, `unlinked`,
            `agency_dropped`, `removed` or `step_too_small`.
    """
    if ours not in proved.agreed:
        raise DictionaryRefusedError(NOT_OURS, agency=str(ours))
    if held is None or held.payload == proved.approved.payload:
        return
    _check_version(proved.release, held)
    for agency in held.release.agencies:
        if agency not in proved.agreed:
            raise DictionaryRefusedError(AGENCY_DROPPED, agency=str(agency))
    _check_files(proved.release, held.release)


def find_file_step(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Step:
    """Say how large a step two lists of file hashes ask for at least.

    Raises:
        DictionaryRefusedError: `removed`: a file is gone.
    """
    if before.keys() - after.keys():
        raise DictionaryRefusedError(REMOVED)
    if after.keys() - before.keys():
        return Step.MINOR
    return Step.PATCH if before != after else Step.NONE


def _check_version(release: DictionaryRelease, held: ApprovedDictionary) -> None:
    if release.semver < held.release.semver:
        raise DictionaryRefusedError(ROLLED_BACK)
    if release.semver == held.release.semver:
        raise DictionaryRefusedError(TWO_OF_ONE_VERSION)
    former = release.previous
    # Whoever missed some can't see the link, and goes by the approvals.
    if former is None or SemVer.from_text(former.version) < held.release.semver:
        raise DictionaryRefusedError(UNLINKED)
    is_next = former.version == held.release.version
    if is_next and former.hash != hash_release(held.payload):
        raise DictionaryRefusedError(UNLINKED)


def _check_files(release: DictionaryRelease, held: DictionaryRelease) -> None:
    least = find_file_step(held.hashes(), release.hashes())
    if find_step(held.semver, release.semver) < least:
        raise DictionaryRefusedError(STEP_TOO_SMALL)
