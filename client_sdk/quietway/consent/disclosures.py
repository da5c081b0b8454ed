"""Disclosures: what was said about a case, to whom, why, and by which rule it was allowed.

A row for each case and partner, and a further one for each hundred, so that a long conversation
costs no more than a short one; written in the commit of the message. It outlives the message, so
that a survivor can be told years later who was told what kind of thing. No text is in it, no name.

Spec: docs/spec/consent.md, "Asking" and "The report".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.fates import find_fate
from quietway.policy.categories import BY_LAW
from quietway.ports import Put
from quietway_crypto.encoding import decode_base64, encode_base64

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.fates import Fate
    from quietway.policy.question import Question
    from quietway.policy.rulings import Ruling
    from quietway_schemas.ids import AgencyId, CaseRef
    from quietway_schemas.instants import Instant

DISCLOSURE: Final = "disclosure"
MOST_IN_ROW: Final = 100
GROUND: Final = "legal_ground"
"""Orders and laws by which something is disclosed without a release, as a person recorded them."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One thing that was said about a case to one agency.

    Attributes:
        case: Of which case, by one's own reference.
        agency: To whom.
        at: When it was written down to be sent.
        kind: The content's type.
        categories: Codes of `data_category`, sorted.
        purpose: A code of `purpose_of_use`.
        basis: A code of `disclosure_basis`.
        rule: The rule of the policy that allowed it.
        consent_id: The release that covered it; None where it stood on none.
        agreement_id: The agreement that it lay within; None where none was in force.
        reference: The order or the law, where it stood on one.
        identifying: Whether it counted as about somebody whom the recipient can name.
        local_id: The message that said it; empty for a colleague's.
        became: What became of that message for this agency, as `Fate` says; empty where it is not
            known here.
    """

    case: CaseRef
    agency: AgencyId
    at: Instant
    kind: str
    categories: tuple[str, ...]
    purpose: str
    basis: str
    rule: str
    consent_id: bytes | None = None
    agreement_id: bytes | None = None
    reference: str = ""
    identifying: bool = False
    local_id: bytes = b""
    became: Fate = ""

    @property
    def notice_due(self) -> bool:
        """Whether the survivor is to be told of it: it stood on an order or a law."""
        return self.basis in BY_LAW


async def note_disclosure(
    agent: Agent, case: CaseRef, question: Question, ruling: Ruling, local_id: bytes
) -> list[Put]:
    """Give the rows with one more disclosure; whoever calls holds `agent.consent_turn`."""
    key = case.value + question.recipient.value
    held = Fields(await agent.store.read(DISCLOSURE, key) or b"{}")
    former, full = held.texts("said"), held.number("full")
    said = write_row(
        at=question.now,
        kind=question.kind,
        categories=sorted(question.categories),
        purpose=question.purpose,
        basis=ruling.basis or "",
        rule=ruling.rule,
        consent=ruling.consent_id or b"",
        agreement=ruling.agreement_id or b"",
        reference=question.basis_reference or "",
        identifying=ruling.identifying,
        local_id=local_id,
    )
    if len(former) < MOST_IN_ROW:
        return [Put(DISCLOSURE, key, write_row(full=full, said=[*former, encode_base64(said)]))]
    return [
        Put(DISCLOSURE, key + _number(full), write_row(said=list(former))),
        Put(DISCLOSURE, key, write_row(full=full + 1, said=[encode_base64(said)])),
    ]


async def list_disclosures(agent: Agent, case: CaseRef) -> list[Disclosure]:
    """List what this device disclosed of a case, oldest first."""
    found: list[Disclosure] = []
    for agency in agent.lanes.partners:
        key = case.value + agency.value
        newest = Fields(await agent.store.read(DISCLOSURE, key) or b"{}")
        for number in range(newest.number("full")):
            raw = await agent.store.read(DISCLOSURE, key + _number(number))
            found += [_read(case, agency, text) for text in Fields(raw or b"{}").texts("said")]
        found += [_read(case, agency, text) for text in newest.texts("said")]
    told = [replace(held, became=await _find_fate(agent, held)) for held in found]
    return sorted(told, key=lambda held: (held.at, held.agency))


async def record_ground(
    agent: Agent, case: CaseRef, agency: AgencyId, basis: str, reference: str
) -> None:
    """Write down an order or a law by which this agency is told of this case."""
    row = write_row(reference=reference, at=agent.clock.now())
    await agent.settle(also=[Put(GROUND, _name_ground(case, agency, basis), row)])


async def find_ground(agent: Agent, case: CaseRef, agency: AgencyId, basis: str) -> str:
    """Give the order or the law that was written down; empty where none was."""
    raw = await agent.store.read(GROUND, _name_ground(case, agency, basis))
    return Fields(raw or b"{}").text("reference")


def _number(row: int) -> bytes:
    return row.to_bytes(4, "big")


def _name_ground(case: CaseRef, agency: AgencyId, basis: str) -> bytes:
    return case.value + agency.value + basis.encode("ascii")


def _read(case: CaseRef, agency: AgencyId, text: str) -> Disclosure:
    held = Fields(decode_base64(text))
    return Disclosure(
        case=case,
        agency=agency,
        at=held.number("at"),
        kind=held.text("kind"),
        categories=held.texts("categories"),
        purpose=held.text("purpose"),
        basis=held.text("basis"),
        rule=held.text("rule"),
        consent_id=held.raw("consent") or None,
        agreement_id=held.raw("agreement") or None,
        reference=held.text("reference"),
        identifying=held.truth("identifying"),
        local_id=held.raw("local_id"),
    )


async def _find_fate(agent: Agent, held: Disclosure) -> Fate:
    return await find_fate(agent.store, agent.state.outbox, held.local_id, held.agency)
