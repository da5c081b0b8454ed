"""The smallest and the largest of what is said of releases, agreements, cases and contacts."""

from typing import Final

from quietway_schemas.canonical import LARGEST_INTEGER
from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.agreement import (
    MAX_TERMS_BYTES,
    MOST_APPROVALS_SAID,
    MOST_CELLS,
    AgreementCell,
    AgreementEnded,
    AgreementShared,
    AgreementTerms,
)
from quietway_schemas.content.base import ContentModel
from quietway_schemas.content.case import (
    BarrierUpdate,
    CaseLink,
    CaseReview,
    CaseStatus,
    LeadAccept,
    LeadAssign,
    LeadConfirm,
    LeadDecline,
    LeadOffer,
    LeadWithdraw,
    ProgressNote,
    RelocationOptions,
    RespondentEvent,
    TemplateBand,
    UrgentAction,
)
from quietway_schemas.content.consent import (
    MOST_TARGETS,
    ConsentAmend,
    ConsentGrant,
    ConsentLift,
    ConsentPause,
    ConsentPreferences,
    ConsentResume,
    ConsentRevoke,
    ConsentWindow,
    InformedItems,
    PurgeAttestation,
    Release,
    RollbackOrder,
)
from quietway_schemas.content.contact import (
    MOST_LANGUAGES,
    MOST_PARTIES,
    MOST_PROGRAMS,
    MOST_SLOTS,
    AfterHours,
    AgencyProfile,
    ClarificationRequest,
    ContactLog,
    ContactSlot,
    DirectoryContact,
    ProgramCapacity,
    SystemProblem,
)
from quietway_schemas.content.coordination import (
    AdvocateRequest,
    Escalation,
    ServiceUptake,
    TriageRoute,
)
from quietway_schemas.dictionary import AgencyApproval
from quietway_schemas.ids import AgencyId, CaseRef, MessageId, ReferralRef
from quietway_schemas.instants import DAY, LATEST_INSTANT

NOW: Final = 1_795_377_600_000
_ALL_TOLD: Final = InformedItems(
    benefits=True, risks=True, alternatives=True, may_withdraw=True, not_condition_of_service=True
)
_CODE: Final = "A" * 16
_PROGRAM: Final = f"{_CODE}-{'B' * 24}"


def longest(list_name: str) -> str:
    return max(codes(list_name), key=len)


def every(list_name: str) -> tuple[str, ...]:
    return tuple(sorted(codes(list_name)))


def make_release(kind: type[Release] = ConsentGrant, **changes: object) -> Release:
    fields: dict[str, object] = {
        "case_ref": CaseRef(b"\x01" * 16),
        "consent_id": b"\x02" * 16,
        "recipient": AgencyId(b"\x03" * 16),
        "scopes": ("health",),
        "data_categories": ("contact", "identity"),
        "purposes": ("service_referral",),
        "form": "written",
        "informed_items": _ALL_TOLD,
        "not_before": NOW,
        "expires": NOW + 30 * DAY,
        "signed_by": "survivor",
        "language": "es",
        "effective_at": NOW,
        "nonce": b"\x04" * 16,
    }
    return kind.model_validate({**fields, **changes})


def make_case_status(**changes: object) -> CaseStatus:
    fields = _of_case() | {"state": "active", "effective": NOW, "nonce": bytes(16)}
    return CaseStatus.model_validate(fields | changes)


def make_relocation(**changes: object) -> RelocationOptions:
    fields = _of_case() | {
        "options": ("delay_decision", "short_stay_emergency"),
        "survivor_choice": "undecided",
        "expires": NOW + 14 * DAY,
        "nonce": bytes(16),
    }
    return RelocationOptions.model_validate(fields | changes)


def make_action(**changes: object) -> UrgentAction:
    fields = _of_case() | {
        "action_id": bytes(16),
        "code": "arrange_medical",
        "owner": "HARBOR",
        "due_at": NOW,
        "state": "open",
        "nonce": bytes(16),
    }
    return UrgentAction.model_validate(fields | changes)


def make_contact(**changes: object) -> DirectoryContact:
    slots = tuple(
        ContactSlot(slot=slot, name=name, role="liaison", phone="1")
        for slot, name in (("primary", "One"), ("backup", "Two"))
    )
    fields: dict[str, object] = {
        "slots": slots,
        "after_hours": AfterHours(method="hotline", text="Ring."),
        "valid_from": NOW,
        "nonce": bytes(16),
    }
    return DirectoryContact.model_validate(fields | changes)


def make_profile(**changes: object) -> AgencyProfile:
    fields: dict[str, object] = {"time_zone": "UTC", "country": "US", "nonce": bytes(16)}
    return AgencyProfile.model_validate(fields | changes)


def make_cell(**changes: object) -> AgreementCell:
    fields: dict[str, object] = {
        "categories": ("status",),
        "recipients": (AgencyId(b"\x05" * 16),),
        "purposes": ("safety_coordination",),
        "retention_days": 180,
        "identifying": False,
    }
    return AgreementCell.model_validate(fields | changes)


def make_terms(**changes: object) -> AgreementTerms:
    fields: dict[str, object] = {
        "name": "partnership",
        "version": 1,
        "parties": (AgencyId(b"\x05" * 16), AgencyId(b"\x06" * 16)),
        "matrix": (make_cell(),),
        "effective": NOW,
        "review_by": NOW + 180 * DAY,
        "expires": NOW + 365 * DAY,
        "lay_text_hash": bytes(32),
    }
    return AgreementTerms.model_validate(fields | changes)


def _of_case() -> dict[str, object]:
    return {"case_ref": CaseRef(b"\x01" * 16)}


def _make_approval(number: int = 0) -> AgencyApproval:
    return AgencyApproval(
        agency=AgencyId(bytes([number]) * 16), key=b"\xff" * 32, signature=b"\xff" * 64
    )


def make_smallest_of_cases() -> list[ContentModel]:
    """One of each type of these families, with nothing that could be left out."""
    ref = ReferralRef(b"\x07" * 16)
    case = _of_case()
    versioned = case | {"nonce": bytes(16)}
    stopped = versioned | {"effective_at": NOW, "method": "oral"}
    lead = {"reason_code": "capacity"}
    return [
        AgreementShared(payload=make_terms().to_canonical()),
        AgreementEnded(agreement=bytes(32), at=NOW, approval=_make_approval()),
        *(make_release(kind) for kind in (ConsentGrant, ConsentAmend, ConsentResume)),
        *(kind.model_validate(stopped) for kind in (ConsentLift, ConsentPause, ConsentRevoke)),
        ConsentWindow.model_validate(
            versioned
            | {
                "consent_id": bytes(16),
                "opens": NOW,
                "closes": NOW + DAY,
                "added_categories": ("health",),
            }
        ),
        ConsentPreferences.model_validate(versioned | {"language": "en"}),
        RollbackOrder.model_validate(
            versioned | {"order_id": bytes(16), "due": NOW, "reason_code": "consent_revoked"}
        ),
        PurgeAttestation.model_validate(
            case | {"order_id": bytes(16), "done_at": NOW, "method": "delete", "messages": 0}
        ),
        make_case_status(),
        BarrierUpdate.model_validate(
            versioned
            | {"code": "childcare", "state": "present", "since": "2026-11", "expires": NOW}
        ),
        make_action(),
        make_relocation(),
        LeadAssign.model_validate(
            case | lead | {"agency": AgencyId(bytes(16)), "role": "liaison", "at": NOW}
        ),
        LeadOffer.model_validate(
            case
            | lead
            | {
                "offer_id": bytes(16),
                "to_agency": AgencyId(bytes(16)),
                "term": 0,
                "offered_at": NOW,
                "expires": NOW + 1,
            }
        ),
        LeadAccept.model_validate(case | {"offer_id": bytes(16), "at": NOW}),
        LeadConfirm.model_validate(case | {"offer_id": bytes(16), "at": NOW}),
        LeadDecline.model_validate(case | lead | {"offer_id": bytes(16), "at": NOW}),
        LeadWithdraw.model_validate(case | lead | {"offer_id": bytes(16), "at": NOW}),
        CaseLink.model_validate(
            case
            | {
                "consent_id": bytes(16),
                "other": AgencyId(bytes(16)),
                "other_ref": CaseRef(bytes(16)),
            }
        ),
        CaseReview.model_validate(
            case
            | {"gaps": ("no_lead",), "changes": ("no_change",), "next_review": NOW + 1, "at": NOW}
        ),
        ProgressNote.model_validate(case | {"codes": ("contact_made",), "at": NOW}),
        RespondentEvent.model_validate(case | {"code": "order_served", "month": "2026-11"}),
        TemplateBand.model_validate(
            case | {"template_id": "safety_plan", "version": "1.0.0", "dated": "2026-11"}
        ),
        Escalation(
            escalation_id=bytes(16),
            level=1,
            reason_code="no_feedback",
            raised_at=NOW,
            due_at=NOW + 1,
        ),
        ServiceUptake(referral_ref=ref, state="not_started"),
        TriageRoute(
            referral_ref=ref,
            hub="HARBOR",
            chosen_program="CITY-HOSPITAL",
            criteria=("capacity",),
            capacity="has_capacity",
        ),
        AdvocateRequest.model_validate(
            case
            | {
                "requester_role": "police_liaison",
                "urgency": "urgent",
                "survivor_wants_contact": "yes",
                "at": NOW,
            }
        ),
        make_contact(),
        make_profile(),
        ContactLog(
            at=NOW,
            interaction_type="phone",
            purpose_code="scheduling",
            outcome_code="reached",
            parties=("HARBOR",),
        ),
        ClarificationRequest(topic_code="terminology", text="."),
        SystemProblem(code="slow", text="."),
    ]


def make_largest_of_cases(
    header: dict[str, object], seen: tuple[bytes, ...], texts: dict[int, str]
) -> list[ContentModel]:
    """One of each type of these families with every field set, and every list at its cap.

    Args:
        header: Every field of a case's content.
        seen: As many versions as one may name.
        texts: Cap in bytes -> a text of that size.
    """
    versioned = header | {"nonce": b"\xff" * 16, "supersedes": seen}
    return [
        *_make_largest_consents(versioned, texts),
        *_make_largest_of_case(header, versioned),
        *_make_largest_coordination(header),
        *_make_largest_contacts(header, seen, texts),
        AgreementShared(
            exercise=True,
            payload=_make_large_terms(),
            approvals=tuple(_make_approval(number) for number in range(MOST_APPROVALS_SAID)),
        ),
        AgreementEnded(
            exercise=True, agreement=b"\xff" * 32, at=LATEST_INSTANT, approval=_make_approval()
        ),
    ]


def _make_large_terms() -> bytes:
    """Terms that fill what they may take, until no cell more fits."""
    matrix: tuple[AgreementCell, ...] = ()
    for cell in (
        make_cell(categories=every("data_category"), roles=every("role")),
        make_cell(),
    ):
        while _count_terms((*matrix, cell)) <= MAX_TERMS_BYTES and len(matrix) < MOST_CELLS:
            matrix = (*matrix, cell)
    room = MAX_TERMS_BYTES - _count_terms(matrix)
    return make_terms(matrix=matrix, name="a" * min(40, 11 + room)).to_canonical()


def _count_terms(matrix: tuple[AgreementCell, ...]) -> int:
    return len(make_terms(matrix=matrix).to_canonical())


def _make_largest_consents(
    versioned: dict[str, object], texts: dict[int, str]
) -> list[ContentModel]:
    released = versioned | {
        "scopes": every("consent_scope"),
        "data_categories": every("data_category"),
        "purposes": every("purpose_of_use"),
        "circumstances": every("circumstance"),
        "form": "e_signed",
        "not_before": LATEST_INSTANT - DAY,
        "expires": LATEST_INSTANT,
        "signed_by": longest("consent_signer"),
        "language": longest("language"),
        "interpreter_used": True,
        "witness": True,
        "effective_at": LATEST_INSTANT,
    }
    stopped = versioned | {
        "effective_at": LATEST_INSTANT,
        "method": longest("withdrawal_method"),
        "reason_code": longest("consent_reason"),
    }
    return [
        *(make_release(kind, **released) for kind in (ConsentGrant, ConsentAmend, ConsentResume)),
        *(kind.model_validate(stopped) for kind in (ConsentPause, ConsentRevoke)),
        ConsentLift.model_validate(
            {name: held for name, held in stopped.items() if name != "reason_code"}
        ),
        ConsentWindow.model_validate(
            versioned
            | {
                "opens": LATEST_INSTANT - DAY,
                "closes": LATEST_INSTANT,
                "added_categories": every("data_category"),
            }
        ),
        ConsentPreferences.model_validate(
            versioned
            | {
                "safe_channels": ("email", "in_person", "phone", "secure_app", "text"),
                "unsafe_channels": ("post", "via_advocate", "voicemail"),
                "safe_hours": texts[240],
                "text_ok": True,
                "language": longest("language"),
                "accessible_format": longest("accessible_format"),
            }
        ),
        RollbackOrder.model_validate(
            {name: value for name, value in versioned.items() if name != "supersedes"}
            | {
                "order_id": b"\xff" * 16,
                "due": LATEST_INSTANT,
                "reason_code": longest("rollback_reason"),
                "targets": tuple(MessageId(bytes([n]) * 16) for n in range(MOST_TARGETS)),
            }
        ),
        PurgeAttestation.model_validate(
            {k: v for k, v in versioned.items() if k not in {"supersedes", "nonce"}}
            | {
                "order_id": b"\xff" * 16,
                "done_at": LATEST_INSTANT,
                "method": longest("purge_method"),
                "messages": LARGEST_INTEGER,
            }
        ),
    ]


def _make_largest_of_case(
    header: dict[str, object], versioned: dict[str, object]
) -> list[ContentModel]:
    agency = AgencyId(b"\xff" * 16)
    return [
        CaseStatus.model_validate(
            versioned
            | {
                "state": "closed",
                "effective": LATEST_INSTANT,
                "closure_reason": longest("closure_reason"),
            }
        ),
        BarrierUpdate.model_validate(
            versioned
            | {
                "code": longest("barrier"),
                "state": longest("barrier_state"),
                "since": "2026-11",
                "expires": LATEST_INSTANT,
            }
        ),
        make_action(
            **versioned,
            code=longest("urgent_action"),
            owner=_CODE,
            due_at=LATEST_INSTANT,
            state="cancelled",
        ),
        make_relocation(
            **versioned,
            options=every("relocation_option"),
            survivor_choice=longest("relocation_option"),
            choice_at=LATEST_INSTANT,
            constraints=every("relocation_constraint"),
            survivor_preference=longest("relocation_preference"),
            expires=LATEST_INSTANT,
        ),
        LeadAssign.model_validate(
            header
            | {
                "agency": agency,
                "role": longest("role"),
                "reason_code": longest("lead_reason"),
                "at": LATEST_INSTANT,
            }
        ),
        LeadOffer.model_validate(
            header
            | {
                "offer_id": b"\xff" * 16,
                "to_agency": agency,
                "term": LARGEST_INTEGER,
                "reason_code": longest("lead_reason"),
                "offered_at": LATEST_INSTANT - 1,
                "expires": LATEST_INSTANT,
            }
        ),
        LeadAccept.model_validate(header | {"offer_id": b"\xff" * 16, "at": LATEST_INSTANT}),
        LeadConfirm.model_validate(header | {"offer_id": b"\xff" * 16, "at": LATEST_INSTANT}),
        LeadDecline.model_validate(
            header
            | {
                "offer_id": b"\xff" * 16,
                "reason_code": longest("lead_reason"),
                "at": LATEST_INSTANT,
            }
        ),
        LeadWithdraw.model_validate(
            header
            | {
                "offer_id": b"\xff" * 16,
                "reason_code": longest("lead_reason"),
                "at": LATEST_INSTANT,
            }
        ),
        CaseLink.model_validate(header | {"other": agency, "other_ref": CaseRef(b"\xff" * 16)}),
        CaseReview.model_validate(
            header
            | {
                "gaps": tuple(code for code in every("review_gap") if code != "none"),
                "changes": every("case_change"),
                "next_review": LATEST_INSTANT,
                "at": LATEST_INSTANT - 1,
            }
        ),
        ProgressNote.model_validate(
            header | {"codes": every("progress_code"), "at": LATEST_INSTANT}
        ),
        RespondentEvent.model_validate(
            header | {"code": longest("respondent_event"), "month": "2026-11"}
        ),
        TemplateBand.model_validate(
            header
            | {
                "template_id": "risk_assessment",
                "version": "999.999.999",
                "instrument": longest("instrument"),
                "band": longest("risk_band"),
                "dated": "2026-11",
            }
        ),
    ]


def _make_largest_coordination(header: dict[str, object]) -> list[ContentModel]:
    ref = ReferralRef(b"\xff" * 16)
    return [
        Escalation.model_validate(
            header
            | {
                "escalation_id": b"\xff" * 16,
                "subject": ref,
                "level": 3,
                "reason_code": longest("escalation_reason"),
                "raised_at": LATEST_INSTANT - 1,
                "due_at": LATEST_INSTANT,
                "resolution": longest("escalation_resolution"),
            }
        ),
        ServiceUptake.model_validate(
            header
            | {
                "referral_ref": ref,
                "state": "disengaged",
                "started": "2026-10",
                "ended": "2026-11",
            }
        ),
        TriageRoute.model_validate(
            header
            | {
                "referral_ref": ref,
                "hub": _CODE,
                "chosen_program": _PROGRAM,
                "criteria": every("triage_criterion"),
                "capacity": longest("capacity"),
            }
        ),
        AdvocateRequest.model_validate(
            header
            | {
                "requester_role": longest("role"),
                "urgency": longest("time_sensitivity"),
                "survivor_wants_contact": longest("survivor_wants_contact"),
                "at": LATEST_INSTANT,
            }
        ),
    ]


def _make_largest_contacts(
    header: dict[str, object], seen: tuple[bytes, ...], texts: dict[int, str]
) -> list[ContentModel]:
    absolute = {"exercise": True, "nonce": b"\xff" * 16, "supersedes": seen}
    languages = tuple(sorted(sorted(codes("language"), key=len)[-MOST_LANGUAGES:]))
    slots = tuple(
        ContactSlot(
            slot="backup" if number else "primary",
            name=texts[120],
            role=longest("role"),
            phone=str(number) * 40,
            secure_email=texts[120],
            languages=languages,
        )
        for number in range(MOST_SLOTS)
    )
    programs = tuple(
        ProgramCapacity(program=f"{_CODE}-{'B' * 22}{number}", capacity=longest("capacity"))
        for number in range(10, 10 + MOST_PROGRAMS)
    )
    return [
        make_contact(
            **absolute,
            slots=slots,
            after_hours=AfterHours(method=longest("after_hours_method"), text=texts[280]),
            valid_from=LATEST_INSTANT,
        ),
        make_profile(
            **absolute,
            time_zone="A" * 40,
            subdivision="ABC",
            holidays=False,
            capacity=programs,
            eligibility=texts[560],
            mandate=every("mandate"),
            scope=every("service_type"),
            limits=every("service_limit"),
            access_points=every("entry_point"),
            referral_docs=every("referral_doc"),
            windows={
                "routine_days": 30,
                "routine_remind_days": 29,
                "priority_days": 30,
                "urgent_acknowledge_minutes": 1_440,
                "urgent_minutes": 1_440,
                "feedback_days": 30,
                "feedback_priority_days": 30,
                "feedback_urgent_minutes": 1_440,
            },
            decision_structure=texts[1_120],
        ),
        ContactLog.model_validate(
            header
            | {
                "at": LATEST_INSTANT,
                "interaction_type": longest("interaction_type"),
                "purpose_code": longest("purpose_code"),
                "outcome_code": longest("contact_outcome"),
                "parties": tuple(sorted(f"{'A' * 14}{n}" for n in range(10, 10 + MOST_PARTIES))),
                "duration_min": 1_440,
                "note": texts[1_120],
                "time_sensitivity": longest("time_sensitivity"),
                "deviation": longest("channel_deviation"),
            }
        ),
        ClarificationRequest.model_validate(
            header
            | {
                "topic_code": longest("clarification_topic"),
                "text": texts[1_120],
                "cross_cutting": True,
                "time_sensitivity": "priority",
            }
        ),
        SystemProblem(
            exercise=True, code=longest("system_problem"), text=texts[1_120], agenda=True
        ),
    ]
