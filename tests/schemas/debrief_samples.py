"""The smallest and the largest of what is said when an event is over."""

from typing import Final

from quietway_schemas.canonical import LARGEST_INTEGER
from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.base import ContentModel
from quietway_schemas.content.crisis import OF_ONE_AGENCY
from quietway_schemas.content.debrief import (
    MOST_RISKS,
    MOST_TAKING_PART,
    SECTIONS,
    AfterActionReview,
    AgencyDrillScore,
    EventClosed,
    EventNote,
    ExposureRisk,
    MissingNote,
    ReviewItem,
    ReviewUpdate,
    SectionText,
)
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import DAY, LATEST_INSTANT

NOW: Final = 1_795_377_600_000
EVENT: Final = b"\x05" * 16
HARBOR: Final = AgencyId(b"\x01" * 16)
MERCY: Final = AgencyId(b"\x02" * 16)


def every(list_name: str) -> tuple[str, ...]:
    return tuple(sorted(codes(list_name)))


def longest(list_name: str) -> str:
    return max(sorted(codes(list_name)), key=len)


def make_note(**changes: object) -> EventNote:
    fields: dict[str, object] = {"event_id": EVENT, "epoch": 0, "codes": ("took_part",), "at": NOW}
    return EventNote.model_validate(fields | changes)


def make_closed(**changes: object) -> EventClosed:
    fields: dict[str, object] = {
        "event_id": EVENT,
        "epoch": 0,
        "outcome": "danger_over",
        "noted": (HARBOR,),
        "no_checkin_reason": "danger_over",
        "review_due": NOW + 7 * DAY,
        "at": NOW,
    }
    return EventClosed.model_validate(fields | changes)


def make_review(**changes: object) -> AfterActionReview:
    fields: dict[str, object] = {
        "event_id": EVENT,
        "epoch": 0,
        "nonce": bytes(16),
        "worked_well": ("clear_lead",),
        "at": NOW,
    }
    return AfterActionReview.model_validate(fields | changes)


def make_item(**changes: object) -> ReviewItem:
    fields: dict[str, object] = {
        "event_id": EVENT,
        "epoch": 0,
        "item_id": b"\x06" * 16,
        "category": "training_need",
        "owner": MERCY,
        "due": NOW + 30 * DAY,
        "raised_at": NOW,
    }
    return ReviewItem.model_validate(fields | changes)


def make_update(**changes: object) -> ReviewUpdate:
    fields: dict[str, object] = {
        "event_id": EVENT,
        "epoch": 0,
        "item_id": b"\x06" * 16,
        "state": "done",
        "at": NOW,
    }
    return ReviewUpdate.model_validate(fields | changes)


def make_score(**changes: object) -> AgencyDrillScore:
    fields: dict[str, object] = {
        "exercise": True,
        "drill_id": b"\x07" * 16,
        "scenario": "a",
        "outcome": "passed",
        "at": NOW,
    }
    return AgencyDrillScore.model_validate(fields | changes)


def make_smallest_debriefs() -> list[ContentModel]:
    """One of each type, with nothing that could be left out."""
    return [
        make_note(),
        make_closed(),
        make_review(),
        make_item(),
        make_update(),
        make_score(),
    ]


def make_largest_debriefs(
    header: dict[str, object], seen: tuple[bytes, ...], texts: dict[int, str]
) -> list[ContentModel]:
    """One of each type with every field set, and every text and list at its cap."""
    header = {name: held for name, held in header.items() if name not in OF_ONE_AGENCY}
    header |= {"epoch": LARGEST_INTEGER}
    agencies = tuple(AgencyId(bytes([number]) * 16) for number in range(2 * MOST_TAKING_PART))
    reason = longest("missing_note_reason")
    risks = tuple(
        ExposureRisk(code=code, follow_up=longest("exposure_follow_up"), followed=True)
        for code in every("aar_exposure")[:MOST_RISKS]
    )
    return [
        make_note(
            **header,
            codes=tuple(code for code in every("event_note") if code != "not_needed"),
            at=LATEST_INSTANT,
            text=texts[1_120],
        ),
        make_closed(
            **header,
            outcome=longest("event_outcome"),
            noted=agencies[:MOST_TAKING_PART],
            missing=tuple(
                MissingNote(agency=held, reason_code=reason) for held in agencies[MOST_TAKING_PART:]
            ),
            no_checkin_reason=longest("no_checkin_reason"),
            review_due=LATEST_INSTANT,
            at=LATEST_INSTANT - 1,
        ),
        make_review(
            **header,
            nonce=b"\xff" * 16,
            supersedes=seen,
            worked_well=every("aar_strength"),
            barriers=every("aar_barrier"),
            timing=every("aar_timing"),
            data_gaps=tuple(code for code in every("aar_gap") if code != "none"),
            exposure_risks=risks,
            texts=tuple(SectionText(section=held, text=texts[560][:280]) for held in SECTIONS),
            at=LATEST_INSTANT,
        ),
        make_item(
            **header,
            category=longest("aar_category"),
            due=LATEST_INSTANT,
            raised_at=LATEST_INSTANT - 1,
            text=texts[1_120],
        ),
        make_update(
            **header,
            state="dropped",
            at=LATEST_INSTANT,
            reason_code=longest("aar_item_reason"),
        ),
        make_score(
            scenario="a" * 40,
            outcome=longest("drill_outcome"),
            at=LATEST_INSTANT,
            verified_first=True,
            **dict.fromkeys(
                (
                    "expected_people",
                    "missed_people",
                    "unexpected_people",
                    "tiers_reached",
                    "guard_findings",
                    "actions_expected",
                    "actions_set",
                    "claimed_s",
                    "verified_s",
                    "activated_s",
                    "closed_s",
                ),
                LARGEST_INTEGER,
            ),
        ),
    ]
