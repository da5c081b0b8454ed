"""`client.consent`: what a survivor decided about her case, recorded, carried out and shown.

Spec: docs/spec/consent.md; docs/reference/sdk.md, "Consent".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.consent.data_use import (
    DataUse,
    acknowledge_data_use,
    adopt_data_use,
    find_data_use,
)
from quietway.consent.deciding import NONCE_BYTES, ConsentReport
from quietway.consent.disclosures import list_disclosures, record_ground
from quietway.consent.preview import list_told
from quietway.consent.releasing import (
    Terms,
    grant_release,
    lift_pause,
    open_window,
    say_release,
    sort_codes,
)
from quietway.consent.reminding import check_touchpoint, list_reminders
from quietway.consent.report import make_report, make_summary
from quietway.consent.rollback import list_orders
from quietway.consent.showing import show_case
from quietway.consent.stopping import stop_sharing
from quietway.errors import ContentRefused
from quietway.faces.preferring import say_preferences
from quietway.faces.saying import saying_refusals
from quietway.policy.categories import BY_LAW
from quietway.speaking import check_roles, find_agencies, find_partner
from quietway_schemas.content.consent import (
    ConsentAmend,
    ConsentGrant,
    ConsentPause,
    ConsentPreferences,
    ConsentResume,
    ConsentRevoke,
    ConsentWindow,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.agent import Agent
    from quietway.consent.disclosures import Disclosure
    from quietway.consent.page import Page
    from quietway.consent.preview import Told
    from quietway.consent.reminding import Reminder
    from quietway.consent.report import DisclosureReport
    from quietway.consent.rollback import Order
    from quietway.consent.showing import CaseConsent
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant


class AsyncConsent:
    """What a survivor decided: recorded, carried out, shown."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def grant(
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
        """Record a release that a survivor signed, and tell the one agency that it is for.

        Args:
            case: Of which case, by one's own reference.
            to: The one partner that may be told.
            categories: Codes of `data_category`: what may be told.
            purposes: Codes of `purpose_of_use`: what for.
            scopes: Codes of `consent_scope`: for which services.
            informed: Codes of `informed_item`: what she was told before. All five, or it is none.
            circumstances: Codes of `circumstance`: only then; none for any.
            form: `written` or `e_signed`. A release is never oral.
            signed_by: A code of `consent_signer`. A respondent signs for nobody.
            language: A code of `language`: the one it was explained in.
            interpreter_used: Whether somebody interpreted.
            witness: Whether somebody was there as a witness.
            not_before: From when; now where it is None.
            expires: Until when, 90 days after its beginning at most; 30 days where it is None.
            again: True where she decided anew after she had revoked it.

        Raises:
            ContentRefused: A rule of the dictionary forbids it, or it was revoked. Nothing counts.
            UnknownPartner: It is for nobody you are a partner of.
        """
        terms = Terms(
            categories=categories,
            purposes=purposes,
            scopes=scopes,
            circumstances=circumstances,
            form=form,
            signed_by=signed_by,
            language=language,
            interpreter_used=interpreter_used,
            witness=witness,
            not_before=not_before,
            expires=expires,
        )
        agency = self._find(to, ConsentGrant)
        with saying_refusals():
            return await grant_release(
                self._agent, case, agency, terms, informed=informed, again=again
            )

    async def amend(
        self,
        case: CaseRef,
        to: Addressee,
        consent_id: bytes,
        **changed: object,
    ) -> ConsentReport:
        """Record that a release is another from now on. What is not named stays as it is.

        Args:
            case: Of which case.
            to: The partner that it is for.
            consent_id: Which release.
            changed: `data_categories`, `purposes`, `scopes`, `circumstances`, `expires`, and the
                other fields of a release.

        Raises:
            ContentRefused: A rule forbids it, or there is no such release. Nothing changed.
        """
        agency = self._find(to, ConsentAmend)
        with saying_refusals():
            return await say_release(
                self._agent, ConsentAmend, case, agency, consent_id, changed=changed, again=False
            )

    async def resume(
        self,
        case: CaseRef,
        to: Addressee,
        consent_id: bytes | None = None,
        *,
        again: bool = False,
    ) -> list[ConsentReport]:
        """Record that a survivor goes on sharing what she had paused.

        Args:
            case: Of which case.
            to: The partner.
            consent_id: Which release; every one whose terms are here where it is None. Where there
                is none at all, the pause is lifted by itself.
            again: True where she decided anew after she had revoked it.

        Raises:
            ContentRefused: There is no release to resume and no pause to lift: record a release
                with `grant`.
        """
        agent, agency = self._agent, self._find(to, ConsentResume)
        known = (await show_case(agent, case)).find(agency)
        ids = [consent_id] if consent_id else ([] if known is None else known.consent_ids)
        with saying_refusals():
            if not ids:
                return [await lift_pause(agent, case, agency)]
            return [
                await say_release(agent, ConsentResume, case, agency, each, changed={}, again=again)
                for each in ids
            ]

    async def window(
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
        """Let a partner be told more for a short time, 14 days at most; then it is over by itself.

        Raises:
            ContentRefused: A rule forbids it, or there is no such release. Nothing changed.
        """
        agency = self._find(to, ConsentWindow)
        with saying_refusals():
            return await open_window(
                self._agent,
                case,
                agency,
                consent_id,
                categories=categories,
                opens=opens,
                closes=closes,
                circumstance=circumstance,
            )

    async def pause(
        self,
        case: CaseRef,
        agency: Addressee | None = None,
        *,
        consent_id: bytes | None = None,
        method: str = "oral",
        reason_code: str | None = None,
    ) -> list[ConsentReport]:
        """Share nothing about a case from now on, with one partner or with all. It needs no form.

        Args:
            case: Which case, by one's own reference.
            agency: With whom; everybody who was told of it where it is None.
            consent_id: Only this release; all of the case where it is None.
            method: A code of `withdrawal_method`: how she said so.
            reason_code: A code of `consent_reason`, if she gave one.

        Returns:
            One report for each partner. It counts here at once, whether or not they can be told.

        Raises:
            NotFound: Nothing is known of such a case here, and no colleague could know of it.
        """
        return await self._stop(ConsentPause, case, agency, consent_id, method, reason_code)

    async def revoke(
        self,
        case: CaseRef,
        agency: Addressee | None = None,
        *,
        consent_id: bytes | None = None,
        method: str = "oral",
        reason_code: str | None = None,
    ) -> list[ConsentReport]:
        """End sharing about a case, and ask whoever holds something of it to delete it.

        It counts whether she said so, wrote it or used a code word. Arguments as for `pause`.
        """
        return await self._stop(ConsentRevoke, case, agency, consent_id, method, reason_code)

    async def preferences(
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
        """Tell a partner how the survivor may be reached, and how not. It takes a release.

        Raises:
            NotPermitted: No release for that partner covers `contact`.
            ContentRefused: A rule forbids it.
        """
        agency = self._find(to, ConsentPreferences)
        known = (await show_case(self._agent, case)).find(agency)

        def make(alias: CaseRef) -> ConsentPreferences:
            return ConsentPreferences(
                case_ref=alias,
                safe_channels=sort_codes(safe_channels),
                unsafe_channels=sort_codes(unsafe_channels),
                safe_hours=safe_hours,
                voicemail_ok=voicemail_ok,
                text_ok=text_ok,
                language=language,
                accessible_format=accessible_format,
                nonce=self._agent.entropy.draw(NONCE_BYTES),
                supersedes=() if known is None else known.preference_names,
            )

        with saying_refusals():
            return await say_preferences(self._agent, case, agency, make)

    async def show(self, case: CaseRef) -> CaseConsent:
        """Show what counts for a case: by partner, with releases, ends, and what is held back."""
        return await show_case(self._agent, case)

    async def who_would_be_told(
        self, case: CaseRef, what: ContentModel | str, *, language: str = "en"
    ) -> list[Told]:
        """Say of each partner whether it could be told something about a case now, and why.

        Args:
            case: Which case.
            what: The content as it would be sent, or a content type's name.
            language: `en` or `es`: of the reasons.
        """
        return await list_told(self._agent, case, what, language=language)

    async def record_basis(
        self, case: CaseRef, to: Addressee, basis: str, *, reference: str
    ) -> None:
        """Write down the order or the law by which a partner is told without a release.

        What is then said with this `disclosure_basis` is recorded as what it is, and the survivor
        is to be told (`reminders`).

        Args:
            case: Which case.
            to: The partner.
            basis: `court_order` or `statutory_mandate`.
            reference: The number of the order, or the law and its section, at most 120 characters.

        Raises:
            ContentRefused: It is another basis, or the reference is empty or too long.
        """
        if basis not in BY_LAW:
            raise ContentRefused("basis", f"is none of {', '.join(sorted(BY_LAW))}.")
        if not reference.strip() or len(reference) > _MOST_REFERENCE:
            raise ContentRefused("reference", "is empty, or longer than 120 characters.")
        agency = find_partner(self._agent, to).agency_id
        await record_ground(self._agent, case, agency, basis, reference.strip())

    async def orders(self, case: CaseRef | None = None) -> list[Order]:
        """List the orders to delete that this agency gave, with who attested what."""
        return await list_orders(self._agent, case)

    async def disclosures(self, case: CaseRef) -> list[Disclosure]:
        """List what this device disclosed of a case, with the rule that allowed each."""
        return await list_disclosures(self._agent, case)

    async def disclosure_report(self, case: CaseRef, language: str = "en") -> DisclosureReport:
        """Make the report for the survivor: who was told what, when and why; to read and to print.

        Args:
            case: Which case.
            language: `en` or `es`.
        """
        return await make_report(self._agent, case, language)

    async def summary(self, case: CaseRef, language: str = "en") -> Page:
        """Make one page on what is released now, for the survivor to take along.

        Args:
            case: Which case.
            language: `en` or `es`.
        """
        return await make_summary(self._agent, case, language)

    async def reminders(self, language: str = "en") -> list[Reminder]:
        """List what a survivor is to be reminded of, most urgent first."""
        return await list_reminders(self._agent, language)

    async def adopt_data_use(self, version: str, document: bytes) -> DataUse:
        """Make a document the agency's data-use policy, which each device acknowledges first.

        Args:
            version: As the agency calls it, at most 40 characters.
            document: Its bytes. Only their hash is kept and told to the agency's other devices.

        Raises:
            OpsKeyMissing: This device does not decide for the agency.
            ContentRefused: One of them is empty, or the version is too long.
        """
        return await adopt_data_use(self._agent, version, document)

    async def acknowledge_data_use(self, document: bytes) -> DataUse:
        """Note that this device's user has read the policy, of which these are the bytes.

        Raises:
            ContentRefused: It is another document, or another version.
            NotFound: The agency has adopted none.
        """
        return await acknowledge_data_use(self._agent, document)

    async def data_use(self) -> DataUse | None:
        """Give the policy that counts; None where the agency has adopted none."""
        return await find_data_use(self._agent)

    async def touchpoint(self, name: str, language: str = "en") -> tuple[str, ...]:
        """Give the questions to ask at a touchpoint.

        Args:
            name: `first_contact`, `before_referral`, `before_huddle` or `at_closure`.
            language: `en` or `es`.

        Raises:
            ContentRefused: There is no such touchpoint.
        """
        return check_touchpoint(name, language)

    def _find(self, to: Addressee, kind: type[ContentModel]) -> AgencyId:
        """Find a partner that this device may say such a word to."""
        agency = find_partner(self._agent, to).agency_id
        check_roles(self._agent, kind.model_construct(), (agency,))
        return agency

    async def _stop(
        self,
        kind: type[ConsentPause | ConsentRevoke],
        case: CaseRef,
        agency: Addressee | None,
        consent_id: bytes | None,
        method: str,
        reason_code: str | None,
    ) -> list[ConsentReport]:
        named = None if agency is None else find_agencies(self._agent, agency)
        with saying_refusals():
            return await stop_sharing(
                self._agent,
                kind,
                case,
                named,
                consent_id=consent_id,
                method=method,
                reason_code=reason_code,
            )


_MOST_REFERENCE: Final = 120
