"""`Dictionary` and `Access`, for programs without an event loop.

Each method does what its namesake of `AsyncDictionary` or `AsyncAccess` does.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_schemas.codebook.lists import DICTIONARY_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.blocking.loop import Loop
    from quietway.faces.access import AsyncAccess
    from quietway.faces.dictionary import AsyncDictionary, DictionaryReport
    from quietway.speaking import Addressee
    from quietway.views.access import AccessLog
    from quietway.views.looks import AccessReport
    from quietway_schemas.codebook.subcodes import LocalCodes
    from quietway_schemas.content.access import AccessAction
    from quietway_schemas.ids import CaseRef, MessageId, ReferralRef


class Dictionary:
    """The dictionary that the agencies maintain together."""

    def __init__(self, face: AsyncDictionary, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def draft(
        self,
        name: str,
        *,
        agencies: Iterable[Addressee],
        changes: Iterable[str],
        version: str = DICTIONARY_VERSION,
    ) -> bytes:
        """Write a release that nobody has approved yet; see `AsyncDictionary.draft`."""
        return self._loop.run(
            self._face.draft, name, agencies=agencies, changes=changes, version=version
        )

    def show(self, raw: bytes) -> DictionaryReport:
        """Say what a file holds, who has approved it, and where this program differs."""
        return self._loop.run(self._face.show, raw)

    def approve(self, raw: bytes, *, passphrase: str) -> bytes:
        """Add this agency's approval; see `AsyncDictionary.approve`."""
        return self._loop.run(self._face.approve, raw, passphrase=passphrase)

    def verify(self, raw: bytes) -> DictionaryReport:
        """Prove that all named agencies have approved, and take the release."""
        return self._loop.run(self._face.verify, raw)

    def take_subcodes(self, raw: bytes) -> LocalCodes:
        """Take the agency's own finer codes; see `AsyncDictionary.take_subcodes`."""
        return self._loop.run(self._face.take_subcodes, raw)

    def subcodes(self) -> LocalCodes:
        """Give the agency's own codes that this device has taken."""
        return self._loop.run(self._face.subcodes)


class Access:
    """The access log of the agency's devices."""

    def __init__(self, face: AsyncAccess, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def record(
        self,
        action: AccessAction,
        *,
        messages: Iterable[MessageId] = (),
        referrals: Iterable[ReferralRef] = (),
        purpose: str | None = None,
    ) -> int:
        """Write down that messages were looked at, or taken out; see `AsyncAccess.record`."""
        return self._loop.run(
            self._face.record, action, messages=messages, referrals=referrals, purpose=purpose
        )

    def log(self) -> list[AccessLog]:
        """List every device's lines, verified, this device's own first. For auditors."""
        return self._loop.run(self._face.log)

    def who_looked(
        self,
        *,
        case: CaseRef | str | None = None,
        referral: ReferralRef | None = None,
        messages: Iterable[MessageId] = (),
    ) -> AccessReport:
        """Report who looked at a case, a referral or messages; see `AsyncAccess.who_looked`."""
        return self._loop.run(
            self._face.who_looked, case=case, referral=referral, messages=messages
        )

    def export(self) -> bytes:
        """Write the other devices' lines as a file that anybody can check. For auditors."""
        return self._loop.run(self._face.export)
