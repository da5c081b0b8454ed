"""What is due about the lead of a case: to answer an offer, to confirm an acceptance, to wait.

Spec: docs/spec/cases.md, "Who confirms"; docs/spec/referrals.md, "What is due".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.views.due import Due

if TYPE_CHECKING:
    from quietway.views.cases import CaseSummary
    from quietway.views.due import Turn
    from quietway.views.lead_offers import OfferedLead
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


def list_due_leads(case: CaseSummary, me: AgencyId, now: Instant) -> list[Due]:
    """List what is due about who leads a case, one line for each offer that is out."""
    leads = case.lead.agency == me
    lines = []
    for offer in case.lead.find_out(now):
        if leads and offer.state == "accepted":
            words = "They accepted the lead of this case: confirm it, or withdraw the offer."
            lines.append(_make(case, offer, "confirm_lead", "ours", offer.to, words))
        elif offer.to == me and offer.state == "accepted":
            words = "You accepted; they lead until they confirm it. Call them where it is late."
            lines.append(_make(case, offer, "await_lead", "theirs", offer.by, words))
        elif offer.to == me:
            words = "They offer you the lead of this case: accept it, or decline."
            lines.append(_make(case, offer, "answer_lead", "ours", offer.by, words))
    return lines


def _make(
    case: CaseSummary, offer: OfferedLead, kind: str, turn: Turn, agency: AgencyId, words: str
) -> Due:
    return Due(
        source="leads",
        kind=kind,
        subject=str(case.case_ref),
        # An acceptance is due to be confirmed as soon as it is there.
        at=offer.accepted_at if kind == "confirm_lead" and offer.accepted_at else offer.expires,
        turn=turn,
        agency=agency,
        words=words,
    )
