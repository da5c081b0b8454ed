"""What a person filled in becomes a referral packet, by hand or from a file of another system.

Spec: docs/reference/desk.md, "Sending a referral".
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.content import Receiving, ReferralPacket, ReferralRef, Referring
from quietway.interop.fhir import read_service_request
from quietway_desk.refusals import UsageRefused
from quietway_desk.times import propose_feedback_due

if TYPE_CHECKING:
    from quietway import Client, Partner
    from quietway.interop.fhir import Imported

_REFERENCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Draft:
    """What was filled in; codes are codes of the lists that the options name."""

    staff: str
    contact: str
    program: str | None
    channel: str
    eligibility: str
    service: str | None
    purpose: str
    urgency: str
    basis: str
    pathway: str
    referred_by: str
    choice: str
    words: str


def make_packet(client: Client, partner: Partner, draft: Draft) -> ReferralPacket:
    """Make a packet of what was filled in.

    Raises:
        UsageRefused: The service is missing, or it is not clear which program is asked.
        ContentRefused: Something breaks a rule of the dictionary.
    """
    if draft.service is None:
        raise UsageRefused("--service is missing.")
    now = client.now()
    return ReferralPacket(
        referral_ref=ReferralRef.from_entropy(secrets.token_bytes(_REFERENCE_BYTES)),
        referring=_name_referring(client, draft, now),
        receiving=_name_receiving(partner, draft),
        service_type=draft.service,
        purpose_code=draft.purpose,
        purpose_text=draft.words,
        info_basis=draft.basis,
        time_sensitivity=draft.urgency,
        pathway=draft.pathway,
        referred_by=draft.referred_by,
        survivor_choice=draft.choice,
        identity_mode="none",
        feedback_due=propose_feedback_due(draft.urgency, now),
    )


def make_packet_from_file(client: Client, partner: Partner, draft: Draft, raw: bytes) -> Imported:
    """Make a packet of a FHIR `ServiceRequest` and what was filled in.

    Raises:
        ImportRefused: The file can't become a referral.
        UsageRefused, ContentRefused: As above.
    """
    now = client.now()
    return read_service_request(
        raw,
        entropy=secrets.token_bytes(_REFERENCE_BYTES),
        referring=_name_referring(client, draft, now),
        receiving=_name_receiving(partner, draft),
        purpose_code=draft.purpose,
        purpose_text=draft.words,
        info_basis=draft.basis,
        pathway=draft.pathway,
        referred_by=draft.referred_by,
        survivor_choice=draft.choice,
        feedback_due=propose_feedback_due(draft.urgency, now),
    )


def _name_referring(client: Client, draft: Draft, now: int) -> Referring:
    return Referring(
        agency=client.program.partition("-")[0],
        program=client.program,
        staff=draft.staff,
        contact=draft.contact,
        at=now,
    )


def _name_receiving(partner: Partner, draft: Draft) -> Receiving:
    if draft.program is None and len(partner.programs) != 1:
        raise UsageRefused(
            "Name the partner's program with --program: " + ", ".join(partner.programs)
        )
    return Receiving(
        program=draft.program or partner.programs[0],
        preferred_channel=draft.channel,
        eligibility_note=draft.eligibility,
    )
