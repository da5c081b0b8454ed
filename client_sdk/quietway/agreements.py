"""The agreements that this agency is a party to, as far as this device knows: one row each.

Of each the terms with their signatures, since when all parties' signatures are here, and the ends
that were said. What comes of it is a function of what is known, whatever came first: an end that
came before its terms counts for them.

Rules: what one party has not signed allows and limits nothing. Only terms and signatures are kept
here; nothing about any case.

Spec: docs/spec/agreements.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.engine.codec import Fields, write_row
from quietway.policy.agreements import Cell, Matrix
from quietway.ports import Put
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_protocol.agreements import hash_terms, name_for
from quietway_schemas.content.agreement import MAX_AGREEMENT_BYTES, AgreementEnded, SignedAgreement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.ports import Row
    from quietway_schemas.content.agreement import AgreementCell, AgreementTerms
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

AGREEMENT: Final = "agreement"
AgreementState: TypeAlias = Literal["unsigned", "coming", "active", "expired", "replaced", "ended"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is known of one.

    Attributes:
        hash: What it is found by, 32 bytes.
        signed: The terms and the signatures; None while only an end is known.
        signed_at: When every party's signature was here; None while one is missing.
        ends: What was said about its end, each proved to be its author's word.
    """

    hash: bytes
    signed: SignedAgreement | None = field(default=None, repr=False)
    signed_at: Instant | None = None
    ends: tuple[AgreementEnded, ...] = ()

    @property
    def ended_at(self) -> Instant | None:
        """When a party ended it; None where none did."""
        parties = () if self.signed is None else self.signed.terms.parties
        return min((held.at for held in self.ends if held.approval.agency in parties), default=None)

    def with_end(self, ended: AgreementEnded) -> Agreement:
        """Take in what a party said; its earliest word counts."""
        said = {held.approval.agency: held for held in self.ends}
        agency = ended.approval.agency
        said[agency] = min(said.get(agency, ended), ended, key=lambda held: held.at)
        return replace(self, ends=tuple(said[one] for one in sorted(said)))


class AgreementBook:
    """Every agreement, by its hash.

    Attributes:
        changes: Grows with everything that is learned.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, Agreement] = {}
        self.changes = 0

    @classmethod
    def restore(cls, rows: Iterable[Row]) -> AgreementBook:
        """Bring back what the store holds.

        Raises:
            SchemaError, CryptoError: A row is not what this room writes.
        """
        book = cls()
        for row in rows:
            book.put(_read(row))
        return book

    def find(self, agreement: bytes) -> Agreement:
        """Give what is known of one; nothing of one that nobody spoke of."""
        return self._held.get(agreement, Agreement(agreement))

    def put(self, agreement: Agreement) -> None:
        """Go by this from now on."""
        self._held[agreement.hash] = agreement
        self.changes += 1

    def find_next_turn(self, now: Instant) -> Instant | None:
        """Say when the next of them begins or ends by what is known; None where none does."""
        turns = [
            turn
            for held in self._held.values()
            if (terms := _terms(held)) is not None
            for turn in (terms.effective, terms.expires, held.ended_at)
            if turn is not None and turn > now
        ]
        return min(turns, default=None)

    def list(self) -> list[Agreement]:
        """List those whose terms are known, by name and version."""
        known = [held for held in self._held.values() if held.signed is not None]
        return sorted(known, key=lambda held: (*_name(held), held.hash))

    def find_matrices(self, recipient: AgencyId) -> tuple[Matrix, ...]:
        """Give every agreement with one agency that all parties have signed, as the rules read it.

        It ends when it says, when a party ends it, or when a later version for the same agency
        begins: whatever is first.
        """
        return tuple(
            to_matrix(terms, held.hash, recipient, expires=self._find_end(held, terms, recipient))
            for held in self.list()
            if (terms := _terms(held)) is not None
            and held.signed_at is not None
            and recipient in terms.parties
        )

    def tell_state(self, agreement: Agreement, ours: AgencyId, now: Instant) -> AgreementState:
        """Say in one word how an agreement stands."""
        terms = _terms(agreement)
        ended = agreement.ended_at
        if ended is not None and ended <= now:
            return "ended"
        if terms is None or agreement.signed_at is None:
            return "unsigned"
        if now < terms.effective:
            return "coming"
        if terms.expires <= now:
            return "expired"
        return "active" if now < self._find_end(agreement, terms, ours) else "replaced"

    def _find_end(self, held: Agreement, terms: AgreementTerms, recipient: AgencyId) -> Instant:
        later = [
            others.effective
            for other in self._held.values()
            if (others := _terms(other)) is not None
            and other.signed_at is not None
            and (others.name, recipient in others.parties) == (terms.name, True)
            and others.version > terms.version
        ]
        said = () if held.ended_at is None else (held.ended_at,)
        ends: tuple[Instant, ...] = (terms.expires, *later, *said)
        return min(ends)


def to_matrix(
    terms: AgreementTerms, agreement: bytes, recipient: AgencyId, *, expires: Instant
) -> Matrix:
    """Turn terms into what the rules read, for one recipient."""
    return Matrix(
        agreement_id=name_for(agreement, recipient),
        cells=tuple(_to_cell(cell) for cell in terms.matrix),
        effective=terms.effective,
        expires=expires,
    )


def write_agreement(agreement: Agreement) -> Put:
    """Write an agreement for the store."""
    row = write_row(
        signed=b"" if agreement.signed is None else agreement.signed.to_canonical(),
        signed_at=agreement.signed_at or 0,
        ends=[encode_base64(held.to_canonical()) for held in agreement.ends],
    )
    return Put(AGREEMENT, agreement.hash, row)


def begin(signed: SignedAgreement, known: Agreement) -> Agreement:
    """Put terms with their signatures to what is known of their end."""
    return replace(known, hash=hash_terms(signed.payload), signed=signed)


def _read(row: Row) -> Agreement:
    held = Fields(row.value)
    raw = held.raw("signed")
    return Agreement(
        hash=row.key,
        signed=SignedAgreement.read(raw) if raw else None,
        signed_at=held.number("signed_at") or None,
        ends=tuple(
            AgreementEnded.from_canonical(decode_base64(text), max_bytes=MAX_AGREEMENT_BYTES)
            for text in held.texts("ends")
        ),
    )


def _terms(agreement: Agreement) -> AgreementTerms | None:
    return None if agreement.signed is None else agreement.signed.terms


def _name(agreement: Agreement) -> tuple[str, int]:
    terms = _terms(agreement)
    return ("", 0) if terms is None else (terms.name, terms.version)


def _to_cell(cell: AgreementCell) -> Cell:
    return Cell(
        categories=frozenset(cell.categories),
        recipients=frozenset(cell.recipients),
        roles=frozenset(cell.roles),
        purposes=frozenset(cell.purposes),
        retention_days=cell.retention_days,
        identifying=cell.identifying,
    )
