"""A FHIR R4 `ServiceRequest` becomes a referral packet; what identifies a person stays behind.

A `ServiceRequest` says who the patient is and asks for a procedure. A referral says which service
is asked for, and names nobody. So only codes pass: the service and its urgency. All else that a
packet needs (the two agencies, a contact, the purpose, what the survivor chose) the file does not
say, or says about a person, and comes from the caller.

The caller's own words are not looked into here; the file's words never become the caller's.

Spec: docs/reference/interop.md, "FHIR R4 ServiceRequest".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.errors import ContentRefused
from quietway.interop.json_file import read_json_object
from quietway.interop.service_request import read_coded_request
from quietway_schemas.content.referral import ReferralPacket
from quietway_schemas.errors import ContentError
from quietway_schemas.ids import ReferralRef

if TYPE_CHECKING:
    from quietway_schemas.content.referral import Receiving, Referring, VspContact
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class Imported:
    """A referral made of a file.

    Attributes:
        packet: Ready to be sent.
        dropped: Names of the fields that were left behind, sorted, as `subject.display`; never a
            value.
        unmapped: Names of the fields that were read, but hold codes that the map does not have.
    """

    packet: ReferralPacket
    dropped: tuple[str, ...]
    unmapped: tuple[str, ...]


def read_service_request(
    raw: bytes,
    *,
    entropy: bytes,
    referring: Referring,
    receiving: Receiving,
    purpose_code: str,
    purpose_text: str,
    info_basis: str,
    pathway: str,
    referred_by: str,
    survivor_choice: str,
    feedback_due: Instant,
    identity_mode: str = "none",
    vsp_contact: VspContact | None = None,
    entry_point: str | None = None,
    stated_goal: str | None = None,
) -> Imported:
    """Make a referral of a file.

    Args:
        raw: The file, at most 1 MiB.
        entropy: 16 random bytes for the referral's own reference, which leads back to nothing in
            the file.
        referring: Who refers, and when.
        receiving: Who is asked.
        purpose_code: A code of the list `purpose_code`.
        purpose_text: At most 280 characters, in the caller's own words.
        info_basis: A code of the list of this name, as are the four that follow.
        pathway: How the referral is handed over.
        referred_by: Which kind of source referred.
        survivor_choice: What the survivor chose.
        feedback_due: Until when an answer is awaited, in milliseconds.
        identity_mode: `none`, or `vsp_contact` together with `vsp_contact`.
        vsp_contact: The contact at the victim service provider.
        entry_point: A code, where it is known.
        stated_goal: A code, where it is known.

    Raises:
        ImportRefused: The file can't become a referral; with reason and field.
        ContentRefused: What the caller said breaks a rule of the dictionary.
    """
    coded = read_coded_request(read_json_object(raw))
    try:
        packet = ReferralPacket(
            referral_ref=ReferralRef.from_entropy(entropy),
            referring=referring,
            receiving=receiving,
            service_type=coded.service_type,
            purpose_code=purpose_code,
            purpose_text=purpose_text,
            info_basis=info_basis,
            time_sensitivity=coded.time_sensitivity,
            pathway=pathway,
            referred_by=referred_by,
            survivor_choice=survivor_choice,
            identity_mode=identity_mode,
            feedback_due=feedback_due,
            entry_point=entry_point,
            stated_goal=stated_goal,
            vsp_contact=vsp_contact,
        )
    except ContentError as refused:
        raise ContentRefused(refused.field, refused.reason) from None
    return Imported(packet, coded.dropped, coded.unmapped)
