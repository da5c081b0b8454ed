"""Reads back from a FHIR `Task` how a referral stands: the other direction of the export.

The Task may be one that this SDK wrote, or what another system made of it since. Only its reference
and codes are read. A Task that leaves open which of several states it means is refused: none is
chosen for it.

Spec: docs/reference/interop.md, "States".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.errors import ImportRefused
from quietway.interop.code_map import REASON_SYSTEM, REFERENCE_SYSTEM, STATE_SYSTEM
from quietway.interop.codings import read_field, refuse_modifiers
from quietway.interop.json_file import read_json_object
from quietway.interop.task import TASK
from quietway.interop.task_status import BSER_SYSTEM, find_state
from quietway_schemas.codebook.lists import codes
from quietway_schemas.errors import IdError
from quietway_schemas.ids import ReferralRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.interop.codings import Resource
    from quietway.interop.json_file import JsonValue


@dataclass(frozen=True, slots=True)
class TaskReport:
    """How a referral stands, by a Task.

    Attributes:
        referral_ref: The referral's reference; None where the Task has none of ours.
        state: A code of the list `referral_state`.
        reason_code: A code of the list `reason`, where the Task has one of ours.
    """

    referral_ref: ReferralRef | None
    state: str
    reason_code: str | None


def read_task_state(raw: bytes) -> TaskReport:
    """Read how a referral stands.

    Args:
        raw: One Task, at most 1 MiB.

    Raises:
        ImportRefused: It is no Task, is malformed, or does not say which state it means.
    """
    task = read_json_object(raw)
    if task.get("resourceType") != TASK.name:
        raise ImportRefused("not_a_referral", "resourceType")
    refuse_modifiers(task)
    status = task.get("status")
    if not isinstance(status, str) or status not in TASK.statuses:
        raise ImportRefused("malformed", "status")
    told = _read_concept(task, "businessStatus")
    state = find_state(status, own=told.get(STATE_SYSTEM), business=told.get(BSER_SYSTEM))
    if state is None:
        raise ImportRefused("unsupported", "businessStatus")
    reason = _read_concept(task, "statusReason").get(REASON_SYSTEM)
    return TaskReport(_read_reference(task), state, reason if reason in codes("reason") else None)


def _read_concept(task: Resource, field: str) -> Mapping[str, str]:
    return dict(read_field(task, field, many=False))


def _read_reference(task: Resource) -> ReferralRef | None:
    held = task.get("identifier", [])
    if not isinstance(held, list):
        raise ImportRefused("malformed", "identifier")
    for identifier in held:
        if (value := _read_own(identifier)) is not None:
            try:
                return ReferralRef.from_text(value)
            except IdError:
                raise ImportRefused("malformed", "identifier.value") from None
    return None


def _read_own(identifier: JsonValue) -> str | None:
    if not isinstance(identifier, dict):
        raise ImportRefused("malformed", "identifier")
    if identifier.get("system") != REFERENCE_SYSTEM:
        return None
    value = identifier.get("value")
    if not isinstance(value, str):
        raise ImportRefused("malformed", "identifier.value")
    return value
