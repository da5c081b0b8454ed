"""`client.agreements`: what agencies agreed may flow between them, written and signed together.

One drafts, each signs where a person with an ops key types the passphrase, and each shares what it
has. Once all have signed, every device of the parties goes by it. Any party can end it alone.

Spec: docs/spec/agreements.md; docs/reference/sdk.md, "Agreements".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.agreements import Agreement, begin
from quietway.errors import AgreementRefused, ContentRefused
from quietway.faces.dictionary import AgencyAgreement
from quietway.faces.saying import saying_refusals
from quietway.own.agreeing import carry_out, keep_end, keep_signatures, tell
from quietway.own.deciding import confirm_owner
from quietway.speaking import find_partner, speak
from quietway.views.agreements import explain_terms
from quietway_crypto.encoding import TAG_AGREEMENT, TAG_AGREEMENT_END
from quietway_protocol.agreements import hash_terms, list_missing, write_end
from quietway_schemas.content.agreement import (
    AgreementEnded,
    AgreementTerms,
    SignedAgreement,
)
from quietway_schemas.dictionary import AgencyApproval
from quietway_schemas.errors import SchemaError
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.agreements import AgreementState
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway_schemas.content.agreement import AgreementCell
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

HASH_BYTES: Final = 32
REVIEW_AHEAD_MS: Final = 30 * DAY


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """An agreement, as it stands.

    Attributes:
        agreement: Its hash, 32 bytes: what the other calls name it by.
        name: What it is called.
        version: Which version of that.
        parties: Of each party whether its signature counts.
        effective: From when it counts.
        review_by: By when it is to be looked at again.
        expires: Until when it counts.
        state: `unsigned` (a party has not signed: it does nothing), `coming`, `active`, `expired`,
            `replaced` (by a later version) or `ended` (by a party).
        words: What it says, in English.
        is_words_signed: Whether these are the words whose hash the parties sign.
        raw: The signed file.
    """

    agreement: bytes
    name: str
    version: int
    parties: tuple[AgencyAgreement, ...]
    effective: Instant
    review_by: Instant
    expires: Instant
    state: AgreementState
    words: str = field(repr=False)
    is_words_signed: bool
    raw: bytes = field(repr=False)


class AsyncAgreements:
    """Agreements on what may flow between agencies."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def draft(
        self,
        name: str,
        *,
        parties: Iterable[Addressee],
        matrix: Iterable[AgreementCell],
        expires: Instant,
        review_by: Instant | None = None,
        effective: Instant | None = None,
        words: str | None = None,
    ) -> AgreementReport:
        """Write an agreement down, which nobody has signed yet.

        Args:
            name: Lower-case letters, digits and hyphens. The next version of one that all have
                signed is written under its name.
            parties: The partners; one's own agency always is one.
            matrix: What may flow, line by line.
            expires: Until when it counts.
            review_by: By when it is looked at again; 30 days before its end where it is left out.
            effective: From when; now where it is left out.
            words: How it was explained to people, where that is not as this program does.

        Raises:
            ContentRefused: A field has not the form that is asked.
            UnknownPartner: One of the parties is not a partner.
        """
        others = {find_partner(self._agent, one).agency_id for one in parties}
        former = self._find_latest(name)
        now = self._agent.clock.now()
        fields = {
            "name": name,
            "version": 1 if former is None else former.terms.version + 1,
            "previous": None if former is None else hash_terms(former.payload),
            "parties": tuple(sorted({self._agent.keyring.agency, *others})),
            "matrix": tuple(matrix),
            "effective": now if effective is None else effective,
            "review_by": expires - REVIEW_AHEAD_MS if review_by is None else review_by,
            "expires": expires,
        }
        with saying_refusals():
            unexplained = AgreementTerms.model_validate({**fields, "lay_text_hash": bytes(32)})
            explained = words or explain_terms(unexplained, self._names(unexplained))
            terms = AgreementTerms.model_validate({**fields, "lay_text_hash": _hash(explained)})
            payload = terms.to_canonical()
            SignedAgreement(payload=payload, approvals=())
        async with self._agent.taking_in:
            await carry_out(self._agent, keep_signatures(self._agent, payload, ()))
        return self._report(self._agent.agreements.find(hash_terms(payload)))

    async def take(self, raw: bytes) -> AgreementReport:
        """Take in a file that a partner handed over, with the signatures in it that hold.

        Raises:
            AgreementRefused: It is no such file, or this agency is no party.
        """
        signed = _read(raw)
        self._check_party(signed)
        async with self._agent.taking_in:
            await carry_out(
                self._agent, keep_signatures(self._agent, signed.payload, signed.approvals)
            )
        return self._report(self._agent.agreements.find(hash_terms(signed.payload)))

    async def show(self, agreement: bytes) -> AgreementReport:
        """Say what an agreement says, who has signed it, and whether it counts.

        Args:
            agreement: Its hash, or the bytes of its file, which are looked at and not kept.

        Raises:
            AgreementRefused: It is not known here, or no such file.
        """
        return self._report(self._find(agreement))

    async def explain(self, agreement: bytes, language: str = "en") -> str:
        """Explain an agreement in plain words, line by line.

        Args:
            agreement: Its hash, or the bytes of its file.
            language: `en` or `es`; any other is answered in English.

        Raises:
            AgreementRefused: It is not known here, or no such file.
        """
        terms = _signed(self._find(agreement)).terms
        return explain_terms(terms, self._names(terms), language)

    async def sign(self, agreement: bytes, *, passphrase: str) -> AgreementReport:
        """Sign for this agency. Read it first; then share it with the others.

        Args:
            agreement: Its hash, or the bytes of its file.
            passphrase: Of this device, typed again.

        Raises:
            AgreementRefused: This agency is no party, or signed another text for that version, or
                it has ended.
            OpsKeyMissing: This device does not decide for its agency.
            WrongPassphrase: Nothing was signed.
        """
        found = self._find(agreement)
        signed = _signed(found)
        self._check_party(signed)
        self._check_signable(found, signed.terms)
        key = confirm_owner(self._agent, passphrase)
        approval = AgencyApproval(
            agency=self._agent.keyring.agency,
            key=key.public,
            signature=key.sign(TAG_AGREEMENT, signed.payload),
        )
        async with self._agent.taking_in:
            given = (*signed.approvals, approval)
            await carry_out(self._agent, keep_signatures(self._agent, signed.payload, given))
        return self._report(self._agent.agreements.find(found.hash))

    async def share(self, agreement: bytes) -> tuple[Sent, ...]:
        """Send the terms, and the signatures that are here, to the other parties.

        Args:
            agreement: Its hash.

        Raises:
            AgreementRefused: It is not known here.
            PartnerPaused: This agency shares nothing with any of them now.
        """
        found = self._find(agreement)
        return await self._say(found, tell(found))

    async def end(self, agreement: bytes, *, passphrase: str) -> AgreementReport:
        """End an agreement for all its parties, from now on, and tell them.

        Args:
            agreement: Its hash.
            passphrase: Of this device, typed again.

        Raises:
            AgreementRefused: It is not known here.
            OpsKeyMissing: This device does not decide for its agency.
            WrongPassphrase: Nothing was ended.
        """
        found = self._find(agreement)
        self._check_party(_signed(found))
        key, now = confirm_owner(self._agent, passphrase), self._agent.clock.now()
        approval = AgencyApproval(
            agency=self._agent.keyring.agency,
            key=key.public,
            signature=key.sign(TAG_AGREEMENT_END, write_end(found.hash, now)),
        )
        ended = AgreementEnded(agreement=found.hash, at=now, approval=approval)
        async with self._agent.taking_in:
            await carry_out(self._agent, keep_end(self._agent, ended))
        await self._say(found, [ended])
        # What waits on it, or was not fetched, is asked back now.
        await self._agent.send_what_waits()
        return self._report(self._agent.agreements.find(found.hash))

    async def list(self) -> list[AgreementReport]:
        """List all agreements that this agency is a party to, by name and version."""
        return [self._report(held) for held in self._agent.agreements.list()]

    async def due_for_review(self) -> builtins.list[AgreementReport]:
        """List those in force that are to be looked at again within 30 days, or were to be."""
        ahead = self._agent.clock.now() + REVIEW_AHEAD_MS
        return [
            held for held in await self.list() if held.state == "active" and held.review_by <= ahead
        ]

    def _find(self, agreement: bytes) -> Agreement:
        found = self._agent.agreements.find(agreement)
        if len(agreement) != HASH_BYTES:
            signed = _read(agreement)
            held = self._agent.agreements.find(hash_terms(signed.payload))
            found = held if held.signed is not None else begin(signed, held)
        if found.signed is None:
            raise AgreementRefused("unknown")
        return found

    def _find_latest(self, name: str) -> SignedAgreement | None:
        signed = [
            held.signed
            for held in self._agent.agreements.list()
            if held.signed is not None
            and held.signed_at is not None
            and held.signed.terms.name == name
        ]
        return max(signed, key=lambda held: held.terms.version, default=None)

    def _check_party(self, signed: SignedAgreement) -> None:
        if self._agent.keyring.agency not in signed.terms.parties:
            raise AgreementRefused("not_a_party")

    def _check_signable(self, found: Agreement, terms: AgreementTerms) -> None:
        ours, now = self._agent.keyring.agency, self._agent.clock.now()
        if self._agent.agreements.tell_state(found, ours, now) in {"ended", "expired", "replaced"}:
            raise AgreementRefused("over")
        for held in self._agent.agreements.list():
            others = _signed(held)
            same = (others.terms.name, others.terms.version) == (terms.name, terms.version)
            if same and held.hash != found.hash and ours in _signers(others):
                raise AgreementRefused("two_of_one_version")

    async def _say(
        self, agreement: Agreement, contents: Iterable[ContentModel]
    ) -> tuple[Sent, ...]:
        parties = _signed(agreement).terms.parties
        to = [held for held in parties if held in self._agent.lanes.partners]
        if not to:
            raise ContentRefused("to", "names nobody: no other party is a partner here.")
        return tuple([await speak(self._agent, content, to=to) for content in contents])

    def _report(self, agreement: Agreement) -> AgreementReport:
        signed = _signed(agreement)
        terms, names, now = signed.terms, self._names(signed.terms), self._agent.clock.now()
        missing = list_missing(signed, self._agent.directory.manifest, now=now)
        is_signed = agreement.signed_at is not None
        words = explain_terms(terms, names)
        return AgreementReport(
            agreement=agreement.hash,
            name=terms.name,
            version=terms.version,
            parties=tuple(
                AgencyAgreement(agency, names[agency], "" if is_signed else missing.get(agency, ""))
                for agency in terms.parties
            ),
            effective=terms.effective,
            review_by=terms.review_by,
            expires=terms.expires,
            state=self._agent.agreements.tell_state(agreement, self._agent.keyring.agency, now),
            words=words,
            is_words_signed=_hash(words) == terms.lay_text_hash,
            raw=signed.to_canonical(),
        )

    def _names(self, terms: AgreementTerms) -> dict[AgencyId, str]:
        code = self._agent.directory.agency_code
        return {agency: code(agency) or str(agency) for agency in terms.parties}


def _read(raw: bytes) -> SignedAgreement:
    try:
        return SignedAgreement.read(raw)
    except SchemaError:
        raise AgreementRefused("not_read") from None


def _signed(agreement: Agreement) -> SignedAgreement:
    if agreement.signed is None:
        raise AgreementRefused("unknown")
    return agreement.signed


def _signers(signed: SignedAgreement) -> set[AgencyId]:
    return {held.agency for held in signed.approvals}


def _hash(words: str) -> bytes:
    return hashlib.sha256(words.encode("utf-8")).digest()
