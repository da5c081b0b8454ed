"""`client.consent` of the blocking client: the same calls, waited for.

Spec: docs/reference/sdk.md, "Consent".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.blocking.loop import Loop
    from quietway.consent.data_use import DataUse
    from quietway.consent.deciding import ConsentReport
    from quietway.consent.disclosures import Disclosure
    from quietway.consent.page import Page
    from quietway.consent.preview import Told
    from quietway.consent.reminding import Reminder
    from quietway.consent.report import DisclosureReport
    from quietway.consent.rollback import Order
    from quietway.consent.showing import CaseConsent
    from quietway.faces.consent import AsyncConsent
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import CaseRef
    from quietway_schemas.instants import Instant


class Consent:
    """What a survivor decided: recorded, carried out, shown."""

    def __init__(self, face: AsyncConsent, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def grant(
        self,
        case: CaseRef,
        to: Addressee,
        *,
        categories: Iterable[str],
        purposes: Iterable[str],
        scopes: Iterable[str],
        informed: Collection[str],
        circumstances: Iterable[str] = (),
        form: str = "written",
        signed_by: str = "survivor",
        language: str = "en",
        interpreter_used: bool = False,
        witness: bool = False,
        not_before: Instant | None = None,
        expires: Instant | None = None,
        again: bool = False,
    ) -> ConsentReport:
        """See `AsyncConsent.grant`."""
        return self._loop.run(
            self._face.grant,
            case,
            to,
            categories=categories,
            purposes=purposes,
            scopes=scopes,
            informed=informed,
            circumstances=circumstances,
            form=form,
            signed_by=signed_by,
            language=language,
            interpreter_used=interpreter_used,
            witness=witness,
            not_before=not_before,
            expires=expires,
            again=again,
        )

    def amend(
        self, case: CaseRef, to: Addressee, consent_id: bytes, **changed: object
    ) -> ConsentReport:
        """See `AsyncConsent.amend`."""
        return self._loop.run(self._face.amend, case, to, consent_id, **changed)

    def resume(
        self, case: CaseRef, to: Addressee, consent_id: bytes | None = None, *, again: bool = False
    ) -> list[ConsentReport]:
        """See `AsyncConsent.resume`."""
        return self._loop.run(self._face.resume, case, to, consent_id, again=again)

    def window(
        self,
        case: CaseRef,
        to: Addressee,
        consent_id: bytes,
        *,
        categories: Iterable[str],
        closes: Instant,
        opens: Instant | None = None,
        circumstance: str | None = None,
    ) -> ConsentReport:
        """See `AsyncConsent.window`."""
        return self._loop.run(
            self._face.window,
            case,
            to,
            consent_id,
            categories=categories,
            closes=closes,
            opens=opens,
            circumstance=circumstance,
        )

    def pause(
        self,
        case: CaseRef,
        agency: Addressee | None = None,
        *,
        consent_id: bytes | None = None,
        method: str = "oral",
        reason_code: str | None = None,
    ) -> list[ConsentReport]:
        """See `AsyncConsent.pause`."""
        return self._loop.run(
            self._face.pause,
            case,
            agency,
            consent_id=consent_id,
            method=method,
            reason_code=reason_code,
        )

    def revoke(
        self,
        case: CaseRef,
        agency: Addressee | None = None,
        *,
        consent_id: bytes | None = None,
        method: str = "oral",
        reason_code: str | None = None,
    ) -> list[ConsentReport]:
        """See `AsyncConsent.revoke`."""
        return self._loop.run(
            self._face.revoke,
            case,
            agency,
            consent_id=consent_id,
            method=method,
            reason_code=reason_code,
        )

    def preferences(
        self,
        case: CaseRef,
        to: Addressee,
        *,
        safe_channels: Iterable[str] = (),
        unsafe_channels: Iterable[str] = (),
        safe_hours: str | None = None,
        voicemail_ok: bool = False,
        text_ok: bool = False,
        language: str = "en",
        accessible_format: str | None = None,
    ) -> Sent:
        """See `AsyncConsent.preferences`."""
        return self._loop.run(
            self._face.preferences,
            case,
            to,
            safe_channels=safe_channels,
            unsafe_channels=unsafe_channels,
            safe_hours=safe_hours,
            voicemail_ok=voicemail_ok,
            text_ok=text_ok,
            language=language,
            accessible_format=accessible_format,
        )

    def show(self, case: CaseRef) -> CaseConsent:
        """See `AsyncConsent.show`."""
        return self._loop.run(self._face.show, case)

    def who_would_be_told(
        self, case: CaseRef, what: ContentModel | str, *, language: str = "en"
    ) -> list[Told]:
        """See `AsyncConsent.who_would_be_told`."""
        return self._loop.run(self._face.who_would_be_told, case, what, language=language)

    def record_basis(self, case: CaseRef, to: Addressee, basis: str, *, reference: str) -> None:
        """See `AsyncConsent.record_basis`."""
        self._loop.run(self._face.record_basis, case, to, basis, reference=reference)

    def orders(self, case: CaseRef | None = None) -> list[Order]:
        """See `AsyncConsent.orders`."""
        return self._loop.run(self._face.orders, case)

    def disclosures(self, case: CaseRef) -> list[Disclosure]:
        """See `AsyncConsent.disclosures`."""
        return self._loop.run(self._face.disclosures, case)

    def disclosure_report(self, case: CaseRef, language: str = "en") -> DisclosureReport:
        """See `AsyncConsent.disclosure_report`."""
        return self._loop.run(self._face.disclosure_report, case, language)

    def summary(self, case: CaseRef, language: str = "en") -> Page:
        """See `AsyncConsent.summary`."""
        return self._loop.run(self._face.summary, case, language)

    def reminders(self, language: str = "en") -> list[Reminder]:
        """See `AsyncConsent.reminders`."""
        return self._loop.run(self._face.reminders, language)

    def touchpoint(self, name: str, language: str = "en") -> tuple[str, ...]:
        """Give the questions to ask at a touchpoint; see `AsyncConsent.touchpoint`."""
        return self._loop.run(self._face.touchpoint, name, language)

    def adopt_data_use(self, version: str, document: bytes) -> DataUse:
        """Make a document the data-use policy; see `AsyncConsent.adopt_data_use`."""
        return self._loop.run(self._face.adopt_data_use, version, document)

    def acknowledge_data_use(self, document: bytes) -> DataUse:
        """Note that it was read here; see `AsyncConsent.acknowledge_data_use`."""
        return self._loop.run(self._face.acknowledge_data_use, document)

    def data_use(self) -> DataUse | None:
        """Give the policy that counts; see `AsyncConsent.data_use`."""
        return self._loop.run(self._face.data_use)
