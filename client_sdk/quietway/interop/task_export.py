"""A referral becomes a FHIR R4 `Task`, for the case management system that it came from.

A Task holds codes, two times and the referral's own random reference. It names no person, no staff
and no agency, and carries no words: whoever reads it knows the referral by its reference, or learns
nothing. A drill is marked as one.

Spec: docs/reference/interop.md, "Export".
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Final

from quietway.interop.code_map import (
    REASON_SYSTEM,
    REFERENCE_SYSTEM,
    SERVICE_SYSTEM,
    STATE_SYSTEM,
    find_priority,
    find_standard_code,
)
from quietway.interop.task_status import BSER_SYSTEM, find_business_code, find_status
from quietway_schemas.content.referral import ReferralAnswer
from quietway_schemas.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.interop.task_status import ValueSet
    from quietway.views.referrals import Referral

# The standard's own mark for what is about nobody.
_DRILL: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}


def write_task(referral: Referral, *, value_set: ValueSet = "r4") -> bytes:
    """Write a referral as one FHIR `Task`.

    Args:
        referral: As `client.referrals.find` gives it.
        value_set: Whose statuses to use: `r4` has all, `gravity` has neither `ready` nor
            `received`.

    Returns:
        JSON in ASCII, with a line break at the end.
    """
    return _write(_make_task(referral, value_set))


def write_tasks(referrals: Iterable[Referral], *, value_set: ValueSet = "r4") -> bytes:
    """Write referrals as one FHIR `Bundle` of the type `collection`, an entry for each."""
    entries: list[dict[str, object]] = [
        {
            # A reference is 16 random bytes, which is what a random UUID is made of.
            "fullUrl": uuid.UUID(bytes=referral.ref.value, version=4).urn,
            "resource": _make_task(referral, value_set),
        }
        for referral in referrals
    ]
    return _write({"resourceType": "Bundle", "type": "collection"} | _where("entry", entries))


def _make_task(referral: Referral, value_set: ValueSet) -> dict[str, object]:
    packet = referral.packet
    authored = packet.referring.at
    business = find_business_code(referral.state)
    standard = find_standard_code(packet.service_type)
    reason = _find_reason(referral)
    return {
        "resourceType": "Task",
        **({"meta": {"security": [_DRILL]}} if packet.exercise else {}),
        "identifier": [{"system": REFERENCE_SYSTEM, "value": str(referral.ref)}],
        "status": find_status(referral.state, value_set),
        **({"statusReason": _concept((REASON_SYSTEM, reason))} if reason else {}),
        "businessStatus": _concept(
            (STATE_SYSTEM, referral.state), *([(BSER_SYSTEM, business)] if business else [])
        ),
        "intent": "order",
        "priority": find_priority(packet.time_sensitivity),
        "code": _concept((SERVICE_SYSTEM, packet.service_type), *([standard] if standard else [])),
        "authoredOn": to_text(authored),
        # The standard wants it no earlier than the first, even where a clock was behind.
        "lastModified": to_text(max(authored, _find_last_change(referral))),
    }


def _find_last_change(referral: Referral) -> int:
    return max((step.at for step in referral.history if step.counted), default=0)


def _find_reason(referral: Referral) -> str | None:
    """Find the reason that came with the state in which the referral is now."""
    for step in reversed(referral.history):
        if step.counted and isinstance(step.content, ReferralAnswer):
            return step.content.reason_code
    return None


def _concept(*codings: tuple[str, str]) -> dict[str, object]:
    return {"coding": [{"system": system, "code": code} for system, code in codings]}


def _where(name: str, held: list[dict[str, object]]) -> dict[str, object]:
    # FHIR has no empty lists.
    return {name: held} if held else {}


def _write(resource: dict[str, object]) -> bytes:
    return json.dumps(resource, indent=2).encode("ascii") + b"\n"
