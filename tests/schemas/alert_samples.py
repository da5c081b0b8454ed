"""The smallest and the largest of what is said of alerts."""

from typing import Final

from tests.schemas.case_samples import longest

from quietway_schemas.content.alert import (
    MOST_ROUNDS,
    AlertClaimed,
    AlertDeclined,
    AlertHandedOff,
    AlertMinimal,
    AlertReleased,
    AlertVerify,
    AlertVerifySecond,
)
from quietway_schemas.content.base import ContentModel
from quietway_schemas.holds import HORIZON_SECONDS
from quietway_schemas.ids import AgencyId, CaseRef, DeviceId, MessageId
from quietway_schemas.instants import LATEST_INSTANT

NOW: Final = 1_795_377_600_000
_LAST: Final = {"alert_id": b"\xff" * 16, "at": LATEST_INSTANT, "exercise": True}


def make_alert(**changes: object) -> AlertMinimal:
    fields: dict[str, object] = {
        "case_ref": CaseRef(bytes(16)),
        "alert_id": bytes(16),
        "ladder_id": bytes(16),
        "code": "needs_lead_now",
        "urgency": "urgent",
        "raised_at": NOW,
        "tiers": (0,),
    }
    return AlertMinimal.model_validate({**fields, **changes})


def make_smallest_of_alerts() -> list[ContentModel]:
    said: dict[str, object] = {"alert_id": bytes(16), "at": NOW}
    why = said | {"reason_code": "shift_ended"}
    return [
        make_alert(),
        AlertClaimed.model_validate(said),
        AlertDeclined.model_validate(why),
        AlertReleased.model_validate(why),
        AlertHandedOff.model_validate(why | {"to_device": DeviceId(bytes(16))}),
        AlertVerify.model_validate(said | {"source_class": "record", "result": "supports"}),
        AlertVerifySecond.model_validate(said | {"verification": MessageId(bytes(16))}),
    ]


def make_largest_of_alerts(header: dict[str, object]) -> list[ContentModel]:
    """Make the largest of each type.

    Args:
        header: All that a content of a case has beside its own fields.
    """
    last = _LAST | {"round": MOST_ROUNDS - 1}
    why = last | {"reason_code": longest("alert_reason")}
    return [
        make_alert(
            **header,
            alert_id=b"\xff" * 16,
            ladder_id=b"\xff" * 16,
            code=longest("alert_code"),
            urgency=longest("time_sensitivity"),
            raised_at=LATEST_INSTANT,
            tiers=(0, *range(HORIZON_SECONDS - 2, HORIZON_SECONDS + 1)),
            round=MOST_ROUNDS - 1,
            raised_by=AgencyId(b"\xff" * 16),
            raised_on=DeviceId(b"\xff" * 16),
        ),
        AlertClaimed.model_validate(last),
        AlertDeclined.model_validate(why),
        AlertReleased.model_validate(why),
        AlertHandedOff.model_validate(why | {"to_device": DeviceId(b"\xff" * 16)}),
        AlertVerify.model_validate(
            _LAST
            | {
                "source_class": longest("verification_source"),
                "result": longest("verify_result"),
                "basis": longest("verification_basis"),
            }
        ),
        AlertVerifySecond.model_validate(_LAST | {"verification": MessageId(b"\xff" * 16)}),
    ]
