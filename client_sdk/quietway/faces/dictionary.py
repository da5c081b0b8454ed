"""`client.dictionary`: which words the agencies have agreed to, as one signed file.

The file travels by hand, like an invitation. A device shows it, adds its agency's approval where a
person with an ops key types the passphrase, and takes it once every named agency has approved. What
is taken is kept, so that an older file is told from a newer one.

Spec: docs/spec/dictionary.md; docs/reference/sdk.md, "The dictionary".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.errors import DictionaryRefused
from quietway.faces.saying import saying_refusals
from quietway.own.deciding import confirm_owner
from quietway.ports import Put
from quietway.speaking import find_partner
from quietway_crypto.encoding import TAG_DICTIONARY
from quietway_protocol.dictionary import (
    check_is_taken,
    hash_release,
    list_missing,
    prove_dictionary,
)
from quietway_protocol.errors import DictionaryRefusedError
from quietway_schemas.codebook.lists import DICTIONARY_VERSION
from quietway_schemas.codebook.subcodes import LocalCodes
from quietway_schemas.dictionary import (
    AgencyApproval,
    ApprovedDictionary,
    DictionaryRelease,
    FormerRelease,
    ReleasedFile,
)
from quietway_schemas.errors import ContentError, JsonError, SchemaError
from quietway_schemas.export import make_dictionary_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.speaking import Addressee
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

DICTIONARY: Final = "dictionary"
DIFFERS: Final = "differs"
NOT_READ: Final = "not_read"
NOT_NAMED: Final = "agency_not_named"
SUBCODES: Final = "subcodes"
_THE_ONE: Final = b"own"


@dataclass(frozen=True, slots=True)
class AgencyAgreement:
    """Whether one of the named agencies has approved.

    Attributes:
        agency: Which.
        agency_code: What it is called, or its id where it is not known here.
        reason: Why its approval does not count; empty where it does.
    """

    agency: AgencyId
    agency_code: str
    reason: str


@dataclass(frozen=True, slots=True)
class DictionaryReport:
    """A release of the dictionary, as it stands.

    Attributes:
        name: Which dictionary.
        version: Of the release.
        former: The version before; empty in the first.
        issued: When it was written.
        changes: What is different, in words.
        agreements: Of each agency that must agree.
        differing: The files that this program has otherwise, or not at all, or in addition.
        held: The version of this name that this device has taken; empty where it has none.
    """

    name: str
    version: str
    former: str
    issued: Instant
    changes: tuple[str, ...]
    agreements: tuple[AgencyAgreement, ...]
    differing: tuple[str, ...] = field(repr=False)
    held: str

    @property
    def is_agreed(self) -> bool:
        """Whether all named agencies have approved."""
        return not any(held.reason for held in self.agreements)


class AsyncDictionary:
    """The dictionary that the agencies maintain together."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def draft(
        self,
        name: str,
        *,
        agencies: Iterable[Addressee],
        changes: Iterable[str],
        version: str = DICTIONARY_VERSION,
    ) -> bytes:
        """Write a release of this program's own dictionary, which nobody has approved yet.

        Args:
            name: Which dictionary; lower-case letters, digits and hyphens.
            agencies: The partners that must agree; one's own agency always does.
            changes: What is different, in lines for people.
            version: Of the release. Where this device has taken one of this name, it is the one
                before.

        Raises:
            ContentRefused: A field has not the form that is asked.
            UnknownPartner: One of the agencies is not a partner.
        """
        named = {find_partner(self._agent, one).agency_id for one in agencies}
        held = await self._read_held(name)
        files = make_dictionary_files()
        with saying_refusals():
            release = DictionaryRelease(
                name=name,
                version=version,
                previous=None if held is None else _name_former(held),
                code_lists=_hash_files(files.code_lists),
                schemas=_hash_files(files.schemas),
                changes=tuple(changes),
                agencies=tuple(sorted({self._agent.keyring.agency, *named})),
                issued=self._agent.clock.now(),
            )
            made = ApprovedDictionary(payload=release.to_canonical(), approvals=())
        return made.to_canonical()

    async def show(self, raw: bytes) -> DictionaryReport:
        """Say what a file holds, who has approved it, and where this program differs.

        Raises:
            DictionaryRefused: It is no such file.
        """
        return await self._report(_read(raw))

    async def approve(self, raw: bytes, *, passphrase: str) -> bytes:
        """Add this agency's approval, and give the file with it. Hand it to the others.

        Args:
            raw: The file.
            passphrase: Of this device, typed again.

        Raises:
            DictionaryRefused: It does not name this agency, or this program holds other files
                (`differs`): nobody approves what is not there to be looked at.
            OpsKeyMissing: This device does not decide for its agency.
            WrongPassphrase: Nothing was signed.
        """
        approved = _read(raw)
        if self._agent.keyring.agency not in approved.release.agencies:
            raise DictionaryRefused(NOT_NAMED, self._agent.keyring.agency_code)
        if _find_differing(approved.release) or approved.release.version != DICTIONARY_VERSION:
            raise DictionaryRefused(DIFFERS)
        key = confirm_owner(self._agent, passphrase)
        approval = AgencyApproval(
            agency=self._agent.keyring.agency,
            key=key.public,
            signature=key.sign(TAG_DICTIONARY, approved.payload),
        )
        return approved.with_approval(approval).to_canonical()

    async def verify(self, raw: bytes) -> DictionaryReport:
        """Prove that all named agencies have approved, and take the release.

        Raises:
            DictionaryRefused: With the reason, and the agency that decided it. Nothing was taken.
            StorageFull: The same.
        """
        approved = _read(raw)
        held = await self._read_held(approved.release.name)
        try:
            proved = prove_dictionary(approved, self._find_manifest, now=self._agent.clock.now())
            check_is_taken(proved, ours=self._agent.keyring.agency, held=held)
        except DictionaryRefusedError as refused:
            raise DictionaryRefused(refused.reason, self._call(refused.agency)) from None
        name = approved.release.name.encode("ascii")
        await self._agent.settle(also=[Put(DICTIONARY, name, approved.to_canonical())])
        return await self._report(approved)

    async def take_subcodes(self, raw: bytes) -> LocalCodes:
        """Take the agency's own finer codes in place of those that this device held.

        Args:
            raw: The file, as dictionary.md, "Codes of an agency's own", has it. It travels by hand.

        Raises:
            ContentRefused: It is no such file, or maps to a code that the dictionary does not have.
                Nothing was taken.
            StorageFull: The same.
        """
        with saying_refusals():
            try:
                taken = LocalCodes.read(raw)
            except JsonError:
                raise ContentError("file", "is not JSON with the field 'codes'") from None
        await self._agent.settle(also=[Put(SUBCODES, _THE_ONE, taken.to_canonical())])
        return taken

    async def subcodes(self) -> LocalCodes:
        """Give the agency's own codes that this device has taken; none where it has not.

        Its `labels` fill a menu, its `resolve` gives the shared code to say for one of them.
        """
        raw = await self._agent.store.read(SUBCODES, _THE_ONE)
        return LocalCodes() if raw is None else LocalCodes.read(raw)

    async def _report(self, approved: ApprovedDictionary) -> DictionaryReport:
        release = approved.release
        missing = list_missing(approved, self._find_manifest, now=self._agent.clock.now())
        held = await self._read_held(release.name)
        return DictionaryReport(
            name=release.name,
            version=release.version,
            former="" if release.previous is None else release.previous.version,
            issued=release.issued,
            changes=release.changes,
            agreements=tuple(
                AgencyAgreement(agency, self._call(str(agency)), missing.get(agency, ""))
                for agency in release.agencies
            ),
            differing=_find_differing(release),
            held="" if held is None else held.release.version,
        )

    async def _read_held(self, name: str) -> ApprovedDictionary | None:
        raw = await self._agent.store.read(DICTIONARY, name.encode("utf-8"))
        return None if raw is None else ApprovedDictionary.read(raw)

    def _find_manifest(self, agency: AgencyId) -> ProvedManifest | None:
        return self._agent.directory.manifest(agency)

    def _call(self, agency: str) -> str:
        known = {str(held): held for held in self._agent.directory.pinned()}
        code = self._agent.directory.agency_code(known[agency]) if agency in known else None
        return code or agency


def _read(raw: bytes) -> ApprovedDictionary:
    try:
        return ApprovedDictionary.read(raw)
    except SchemaError:
        raise DictionaryRefused(NOT_READ) from None


def _name_former(held: ApprovedDictionary) -> FormerRelease:
    return FormerRelease(version=held.release.version, hash=hash_release(held.payload))


def _hash_files(files: Mapping[str, bytes]) -> tuple[ReleasedFile, ...]:
    return tuple(
        ReleasedFile(name=name, hash=hashlib.sha256(files[name]).digest()) for name in sorted(files)
    )


def _find_differing(release: DictionaryRelease) -> tuple[str, ...]:
    files = make_dictionary_files()
    here = {
        f"{kind}/{held.name}": held.hash
        for kind, listed in (("code_lists", files.code_lists), ("schemas", files.schemas))
        for held in _hash_files(listed)
    }
    there = release.hashes()
    return tuple(
        sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    )
