"""A FHIR R4 `ServiceRequest` or `Task` becomes a referral packet; whoever it is about stays behind.

Such a file says who the patient is and asks for a procedure. A referral says which service is asked
for, and names nobody. So only codes pass: the service and its urgency. All else that a packet needs
(the two agencies, a contact, the purpose, what the survivor chose) the file does not say, or says
about a person, and comes from the caller.

The caller's own words are read by the guard when they are sent, and not here; the file's words
never become the caller's.

Spec: docs/reference/interop.md, "Import".
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec

from quietway.errors import ContentRefused, ImportRefused
from quietway.interop.coded import read_coded
from quietway.interop.json_file import read_json_object
from quietway.interop.service_request import SERVICE_REQUEST
from quietway.interop.task import TASK
from quietway_schemas.content.referral import ReferralPacket
from quietway_schemas.errors import ContentError
from quietway_schemas.ids import ReferralRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.interop.coded import CodedRequest, Kind
    from quietway.interop.guarded import FieldFinding
    from quietway_schemas.content.referral import Receiving, Referring, VspContact
    from quietway_schemas.ids import CaseRef
    from quietway_schemas.instants import Instant

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in (SERVICE_REQUEST, TASK)}

_Said = ParamSpec("_Said")


@dataclass(frozen=True, slots=True)
class Imported:
    """A referral made of a file.

    Attributes:
        packet: Ready to be sent.
        dropped: Names of the fields that were left behind, sorted, as `subject.display`; never a
            value.
        unmapped: Names of the fields that hold codes from which no service could be read.
        cautions: Names of fields that a person must know of before the packet is sent;
            `doNotPerform` says that the file asks that something is *not* done.
        kind: `ServiceRequest` or `Task`.
        found: What the guard found in the texts that were left behind, by field: nothing of it is
            in the packet, and nobody should write it in by hand.
    """

    packet: ReferralPacket
    dropped: tuple[str, ...]
    unmapped: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    kind: str = "ServiceRequest"
    found: tuple[FieldFinding, ...] = ()


def preview_referral(raw: bytes, *, allow_closed: bool = False) -> CodedRequest:
    """Tell what would be read of a file, before anybody is asked for the rest.

    Args:
        raw: The file, at most 1 MiB.
        allow_closed: As with `read_referral`.

    Raises:
        ImportRefused: The file can't become a referral; with reason and field.
    """
    resource = read_json_object(raw)
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ImportRefused("not_a_referral", "resourceType")
    return read_coded(resource, KINDS[kind], allow_closed=allow_closed)


def read_referral(
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
    service_type: str | None = None,
    time_sensitivity: str | None = None,
    case_ref: CaseRef | None = None,
    agreement_id: bytes | None = None,
    allow_closed: bool = False,
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
        service_type: Which service is asked for; None takes the file's.
        time_sensitivity: How soon; None takes the file's.
        case_ref: The caller's own reference for the case.
        agreement_id: 16 bytes that name the agreement under which this is shared.
        allow_closed: Whether to take what is closed in its own system, or not yet open. It becomes
            a new referral, because the caller wants one.

    Raises:
        ImportRefused: The file can't become a referral; with reason and field.
        ContentRefused: What the caller said breaks a rule of the dictionary.
    """
    coded = preview_referral(raw, allow_closed=allow_closed)
    try:
        packet = ReferralPacket(
            referral_ref=ReferralRef.from_entropy(entropy),
            referring=referring,
            receiving=receiving,
            service_type=coded.service_type if service_type is None else service_type,
            purpose_code=purpose_code,
            purpose_text=purpose_text,
            info_basis=info_basis,
            time_sensitivity=(
                coded.time_sensitivity if time_sensitivity is None else time_sensitivity
            ),
            pathway=pathway,
            referred_by=referred_by,
            survivor_choice=survivor_choice,
            identity_mode=identity_mode,
            feedback_due=feedback_due,
            entry_point=entry_point,
            stated_goal=stated_goal,
            vsp_contact=vsp_contact,
            case_ref=case_ref,
            agreement_id=agreement_id,
        )
    except ContentError as refused:
        raise ContentRefused(refused.field, refused.reason) from None
    return Imported(packet, coded.dropped, coded.unmapped, coded.cautions, coded.kind, coded.found)


def _as_it_was(read: Callable[_Said, Imported]) -> Callable[_Said, Imported]:
    @wraps(read)
    def read_service_request(*said: _Said.args, **more: _Said.kwargs) -> Imported:
        """Do what 0.1.0 did: take a `ServiceRequest`, and none that forbids something."""
        warnings.warn(
            "read_service_request is called read_referral now, and goes away in 0.3.",
            DeprecationWarning,
            stacklevel=2,
        )
        imported = read(*said, **more)
        if imported.kind != SERVICE_REQUEST.name:
            raise ImportRefused("not_a_referral", "resourceType")
        if imported.cautions:
            # Whoever calls by the old name does not know of cautions.
            raise ImportRefused("unsupported", imported.cautions[0])
        return imported

    return read_service_request


read_service_request = _as_it_was(read_referral)
