"""`client.consent`: what a survivor decided about her case, recorded, carried out and shown.

Spec: docs/spec/consent.md; docs/reference/sdk.md, "Consent".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.cases import make_alias
from quietway.consent.asking import ask
from quietway.consent.data_use import (
    DataUse,
    acknowledge_data_use,
    adopt_data_use,
    find_data_use,
)
from quietway.consent.deciding import (
    NONCE_BYTES,
    ConsentReport,
    Place,
    check_may_grant,
    decide,
    find_release,
    find_told,
    name_stopped,
    name_undone,
    note_preferences,
)
from quietway.consent.disclosures import list_disclosures, record_ground
from quietway.consent.preview import list_told
from quietway.consent.reminding import check_touchpoint, list_reminders
from quietway.consent.report import make_report, make_summary
from quietway.consent.rollback import list_orders
from quietway.consent.showing import show_case
from quietway.errors import ContentRefused
from quietway.faces.saying import find_alias, saying_refusals
from quietway.own.telling import list_colleagues
from quietway.policy.absolute import Stance
from quietway.policy.categories import BY_LAW
from quietway.speaking import check_roles, find_agencies, find_partner, speak
from quietway_schemas.content.consent import (
    USUAL_RELEASE_MS,
    ConsentAmend,
    ConsentGrant,
    ConsentPause,
    ConsentPreferences,
    ConsentResume,
    ConsentRevoke,
    ConsentWindow,
    InformedItems,
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
    from quietway.consents import Consents
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.content.consent import Release, Withdrawal
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

_ITEMS: Final = tuple(InformedItems.model_fields)
"""What a survivor is told before she signs: all of it."""


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
        missing = [item for item in _ITEMS if item not in informed]
        if missing:
            raise ContentRefused("informed", f"lacks {', '.join(missing)}: tell her, then record.")
        place, now = await self._find_place(case, to), self._agent.clock.now()
        start = now if not_before is None else not_before
        consent_id = self._agent.entropy.draw(NONCE_BYTES)

        def make(known: Consents) -> ConsentGrant:
            check_may_grant(known, None, again=again)
            return ConsentGrant(
                case_ref=place.alias,
                consent_id=consent_id,
                recipient=place.agency,
                scopes=_sort(scopes),
                data_categories=_sort(categories),
                purposes=_sort(purposes),
                circumstances=_sort(circumstances),
                form=form,
                informed_items=InformedItems(**dict.fromkeys(_ITEMS, True)),
                not_before=start,
                expires=start + USUAL_RELEASE_MS if expires is None else expires,
                signed_by=signed_by,
                language=language,
                interpreter_used=interpreter_used,
                witness=witness,
                effective_at=now,
                nonce=self._agent.entropy.draw(NONCE_BYTES),
                supersedes=name_undone(known, consent_id),
            )

        check_roles(self._agent, ConsentGrant.model_construct(), (place.agency,))
        with saying_refusals():
            return await decide(self._agent, place, make)

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
        return await self._say_release(ConsentAmend, case, to, consent_id, changed, again=False)

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
            consent_id: Which release; every one whose terms are here where it is None.
            again: True where she decided anew after she had revoked it.

        Raises:
            ContentRefused: There is no release to resume: record one with `grant`.
        """
        place = await self._find_place(case, to)
        known = (await show_case(self._agent, case)).find(place.agency)
        ids = [consent_id] if consent_id else ([] if known is None else known.consent_ids)
        if not ids:
            raise ContentRefused("case", "has no release to resume: record one with `grant`.")
        return [
            await self._say_release(ConsentResume, case, to, each, {}, again=again) for each in ids
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
        place = await self._find_place(case, to)
        start = self._agent.clock.now() if opens is None else opens

        def make(known: Consents) -> ConsentWindow:
            find_release(known, consent_id)
            return ConsentWindow(
                case_ref=place.alias,
                consent_id=consent_id,
                opens=start,
                closes=closes,
                added_categories=_sort(categories),
                circumstance=circumstance,
                nonce=self._agent.entropy.draw(NONCE_BYTES),
            )

        with saying_refusals():
            return await decide(self._agent, place, make)

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
        place = await self._find_place(case, to)
        known = (await show_case(self._agent, case)).find(place.agency)
        with saying_refusals():
            content = ConsentPreferences(
                case_ref=place.alias,
                safe_channels=_sort(safe_channels),
                unsafe_channels=_sort(unsafe_channels),
                safe_hours=safe_hours,
                voicemail_ok=voicemail_ok,
                text_ok=text_ok,
                language=language,
                accessible_format=accessible_format,
                nonce=self._agent.entropy.draw(NONCE_BYTES),
                supersedes=() if known is None else known.preference_names,
            )
        async with self._agent.consent_turn:
            # As it will travel: its name is that of the whole.
            said = (await ask(self._agent, content, place.agency)).content
        sent = await speak(self._agent, said, to=[place.agency])
        await note_preferences(self._agent, place, said)
        return sent

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

    async def _find_place(self, case: CaseRef, to: Addressee) -> Place:
        agency = find_partner(self._agent, to).agency_id
        return Place(case, agency, await find_alias(self._agent, case, agency))

    async def _say_release(
        self,
        kind: type[ConsentAmend | ConsentResume],
        case: CaseRef,
        to: Addressee,
        consent_id: bytes,
        changed: dict[str, object],
        *,
        again: bool,
    ) -> ConsentReport:
        place = await self._find_place(case, to)

        def make(known: Consents) -> Release:
            check_may_grant(known, consent_id, again=again)
            terms = find_release(known, consent_id)
            fields = {name: getattr(terms, name) for name in type(terms).model_fields}
            fields |= {name: _as_field(value) for name, value in changed.items()}
            fields |= {
                "type": kind.model_fields["type"].default,
                "effective_at": self._agent.clock.now(),
                "nonce": self._agent.entropy.draw(NONCE_BYTES),
                "supersedes": name_undone(known, consent_id),
            }
            return kind(**fields)

        check_roles(self._agent, kind.model_construct(), (place.agency,))
        with saying_refusals():
            return await decide(self._agent, place, make)

    async def _stop(
        self,
        kind: type[ConsentPause | ConsentRevoke],
        case: CaseRef,
        agency: Addressee | None,
        consent_id: bytes | None,
        method: str,
        reason_code: str | None,
    ) -> list[ConsentReport]:
        agent = self._agent
        circle = await find_told(agent, case)
        named = self._find_stopped(circle) if agency is None else find_agencies(agent, agency)
        stance = Stance.PAUSED if kind is ConsentPause else Stance.ENDED
        reports = []
        for each in named:
            # Who was never told gets no name for it either; so it counts as told of nothing later.
            alias = (
                await find_alias(agent, case, each)
                if each in circle
                else make_alias(case, each, agent.keyring.agency_secret)
            )
            place = Place(case, each, alias)

            def make(known: Consents, place: Place = place) -> Withdrawal:
                return kind(
                    case_ref=place.alias,
                    consent_id=consent_id,
                    effective_at=agent.clock.now(),
                    method=method,
                    reason_code=reason_code,
                    nonce=agent.entropy.draw(NONCE_BYTES),
                    supersedes=name_stopped(known, consent_id, stance),
                )

            with saying_refusals():
                ends, told = stance is Stance.ENDED, each in circle
                report = await decide(agent, place, make, rollback=ends, tell=told)
            if told or agency is not None:
                reports.append(report)
        return reports

    def _find_stopped(self, circle: tuple[AgencyId, ...]) -> tuple[AgencyId, ...]:
        """Find whom a stop with everybody is about: a colleague may have told others meanwhile."""
        others = self._agent.lanes.partners if list_colleagues(self._agent) else ()
        return tuple(sorted({*circle, *others}))


_MOST_REFERENCE: Final = 120


def _sort(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(codes)))


def _as_field(value: object) -> object:
    return _sort(value) if isinstance(value, list | set | frozenset | tuple) else value
