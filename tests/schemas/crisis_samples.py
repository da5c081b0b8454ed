"""The smallest and the largest of what is said of a crisis."""

from typing import Final

from quietway_schemas.canonical import LARGEST_INTEGER
from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.base import ContentModel
from quietway_schemas.content.crisis import (
    MOST_MEMBERS,
    MOST_MESSAGE_BYTES,
    MOST_NAMED,
    MOST_PARTIES,
    MOST_SUMMARISED,
    OF_ONE_AGENCY,
    ActionItem,
    ActionUpdate,
    CrisisActivate,
    CrisisAnswer,
    DecisionLog,
    HuddleCheckin,
    HuddleHandover,
    HuddleLeft,
    HuddleMember,
    HuddleMembers,
    HuddleMessage,
    HuddleParty,
    HuddleStopped,
    HuddleSummary,
    Logistics,
    SummaryAction,
)
from quietway_schemas.ids import AgencyId, CaseRef, DeviceId
from quietway_schemas.instants import DAY, LATEST_INSTANT

NOW: Final = 1_795_377_600_000
ID: Final = b"\x05" * 16


def longest(list_name: str) -> str:
    return max(codes(list_name), key=len)


def agency(number: int) -> AgencyId:
    return AgencyId(bytes([number]) * 16)


def device(number: int) -> DeviceId:
    return DeviceId(bytes([number]) * 16)


def make_party(number: int = 1, *devices: int, **changes: object) -> HuddleParty:
    fields: dict[str, object] = {
        "agency": agency(number),
        "members": tuple(
            HuddleMember(device=device(held), role="scribe") for held in devices or (number,)
        ),
    }
    return HuddleParty.model_validate({**fields, **changes})


def make_activation(**changes: object) -> CrisisActivate:
    fields: dict[str, object] = {
        "case_ref": CaseRef(b"\x01" * 16),
        "event_id": ID,
        "opener": agency(1),
        "opener_device": device(1),
        "nonce": ID,
        "criteria": ("imminent_harm",),
        "event_type": "threat_escalation",
        "mode": "huddle_room",
        "verify_state": "unverified",
        "lead": agency(1),
        "parties": (agency(1),),
        "at": NOW,
    }
    return CrisisActivate.model_validate({**fields, **changes})


def make_members(**changes: object) -> HuddleMembers:
    fields: dict[str, object] = {
        "event_id": ID,
        "epoch": 0,
        "owner": device(1),
        "parties": (make_party(1),),
        "change": "opened",
        "at": NOW,
    }
    return HuddleMembers.model_validate({**fields, **changes})


def make_item(**changes: object) -> ActionItem:
    fields: dict[str, object] = {
        "event_id": ID,
        "epoch": 0,
        "action_id": ID,
        "code": "call_lead",
        "owner": agency(1),
        "due_at": NOW + 1,
        "at": NOW,
    }
    return ActionItem.model_validate({**fields, **changes})


def make_logistics(**changes: object) -> Logistics:
    fields: dict[str, object] = {
        "event_id": ID,
        "epoch": 0,
        "kind": "transport",
        "recipients": (device(2),),
        "window_from": NOW,
        "window_to": NOW,
        "handover_code": bytes(6),
        "at": NOW,
        "expires": NOW + 1,
    }
    return Logistics.model_validate({**fields, **changes})


def make_smallest_of_crises() -> list[ContentModel]:
    """One of each type, with nothing that could be left out."""
    said: dict[str, object] = {"event_id": ID, "epoch": 0}
    at = {"at": NOW}
    return [
        make_activation(),
        CrisisAnswer(event_id=ID, answer="accept", at=NOW),
        make_members(),
        HuddleLeft.model_validate(said | at),
        HuddleStopped.model_validate(said | at | {"agency": agency(2)}),
        HuddleMessage.model_validate(said | {"text": "."}),
        HuddleHandover.model_validate(
            said | at | {"offer_id": ID, "step": "offered", "to": device(2)}
        ),
        HuddleCheckin.model_validate(said | at | {"checkin_at": NOW + 1}),
        make_item(),
        ActionUpdate.model_validate(said | at | {"action_id": ID, "state": "done"}),
        DecisionLog.model_validate(
            said | at | {"decision_id": ID, "text": ".", "rationale": "capacity"}
        ),
        HuddleSummary.model_validate(
            said
            | at
            | {
                "event_type": "threat_escalation",
                "mode": "phone",
                "verify_state": "unverified",
                "lead": agency(1),
                "opened_at": NOW,
                "members": 1,
            }
        ),
        make_logistics(),
    ]


def make_largest_of_crises(header: dict[str, object], texts: dict[int, str]) -> list[ContentModel]:
    """One of each type with every field set, and every text and list at its cap.

    Args:
        header: Every field of a case's content.
        texts: Cap in bytes -> a text of that size.
    """
    shared = {name: held for name, held in header.items() if name not in OF_ONE_AGENCY}
    event = shared | {"event_id": b"\xff" * 16}
    said = event | {"epoch": LARGEST_INTEGER}
    late = {"at": LATEST_INSTANT - DAY}
    agencies = tuple(agency(number) for number in range(MOST_PARTIES))
    return [
        make_activation(
            **header,
            criteria=tuple(sorted(codes("crisis_criterion"))),
            event_type=longest("event_type"),
            mode=longest("communication_mode"),
            verify_state=longest("verification_state"),
            lead=agencies[0],
            parties=agencies,
            timebox_min=240,
            alert_id=b"\xff" * 16,
            at=LATEST_INSTANT,
        ),
        CrisisAnswer.model_validate(
            header
            | late
            | {"event_id": ID, "answer": longest("crisis_answer"), "not_partners": agencies}
        ),
        HuddleMembers.model_validate(
            said
            | late
            | {
                "prev": b"\xff" * 32,
                "owner": device(0),
                "parties": _make_most_parties(),
                "change": longest("huddle_change"),
            }
        ),
        HuddleLeft.model_validate(said | late),
        HuddleStopped.model_validate(said | late | {"agency": agency(2)}),
        HuddleMessage.model_validate(said | {"text": texts[MOST_MESSAGE_BYTES]}),
        HuddleHandover.model_validate(
            said | late | {"offer_id": ID, "step": longest("handover_step"), "to": device(1)}
        ),
        HuddleCheckin.model_validate(
            said | late | {"no_checkin_reason": longest("no_checkin_reason")}
        ),
        ActionItem.model_validate(
            said
            | late
            | {
                "action_id": ID,
                "code": longest("urgent_action"),
                "owner": agency(1),
                "owner_device": device(1),
                "due_at": LATEST_INSTANT,
                "note": texts[280],
            }
        ),
        ActionUpdate.model_validate(said | late | {"action_id": ID, "state": "dropped"}),
        DecisionLog.model_validate(
            said
            | late
            | {
                "decision_id": ID,
                "text": texts[MOST_MESSAGE_BYTES],
                "rationale": longest("decision_rationale"),
            }
        ),
        _make_largest_summary(said | late, texts[1_120]),
        Logistics.model_validate(
            said
            | late
            | {
                "kind": longest("logistics_kind"),
                "recipients": tuple(device(number) for number in range(MOST_NAMED)),
                "window_from": LATEST_INSTANT,
                "window_to": LATEST_INSTANT,
                "handover_code": b"\xff" * 6,
                "expires": LATEST_INSTANT,
            }
        ),
    ]


def _make_largest_summary(said: dict[str, object], text: str) -> HuddleSummary:
    action = SummaryAction(
        code=longest("urgent_action"),
        owner=agency(1),
        due_at=LATEST_INSTANT,
        state=longest("action_state"),
    )
    return HuddleSummary.model_validate(
        said
        | {
            "event_type": longest("event_type"),
            "mode": longest("communication_mode"),
            "verify_state": longest("verification_state"),
            "lead": agency(1),
            "opened_at": LATEST_INSTANT,
            "members": MOST_MEMBERS,
            "actions": (action,) * MOST_SUMMARISED,
            "decisions": (longest("decision_rationale"),) * MOST_SUMMARISED,
            "checkin_at": LATEST_INSTANT,
            "text": text,
            "final": True,
        }
    )


def _make_most_parties() -> tuple[HuddleParty, ...]:
    held = {
        number: [one for one in range(MOST_MEMBERS) if one % MOST_PARTIES == number]
        for number in range(MOST_PARTIES)
    }
    role = longest("huddle_role")
    return tuple(
        HuddleParty(
            agency=agency(number),
            ground=longest("disclosure_basis"),
            vouched_by=agency(1),
            members=tuple(HuddleMember(device=device(one), role=role) for one in devices),
        )
        for number, devices in held.items()
    )
