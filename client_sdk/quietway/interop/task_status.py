"""The dictionary's map between our referral states and the statuses of a FHIR `Task`.

A state has one status, or for Gravity another, whose value set has neither `ready` nor `received`.
A status may stand for several states; then the business status says which. Where nothing says
which, none is chosen.

Spec: docs/reference/interop.md, "States".
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from quietway_schemas.codebook.lists import entries

ValueSet: TypeAlias = Literal["r4", "gravity"]
BSER_SYSTEM: Final = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"


def find_status(state: str, value_set: ValueSet = "r4") -> str:
    """Find the status of a Task for a state of ours."""
    mapped = entries("referral_state")[state].maps_to
    status = mapped["fhir_task_status"].split()[0]
    return mapped.get("gravity", status) if value_set == "gravity" else status


def find_business_code(state: str) -> str | None:
    """Find the business status that the Bidirectional Services eReferral guide has for a state."""
    return entries("referral_state")[state].maps_to.get("bser")


def find_state(status: str, *, own: str | None, business: str | None) -> str | None:
    """Find the state that a Task is in.

    Args:
        status: Its status.
        own: Our own code for the state, where the Task has one. It counts only while the status
            can mean it: another system may have moved the status on and left the code behind.
        business: The business status of the guide, where the Task has one.

    Returns:
        The state, or None where the Task does not say which of several it is, or none has it.
    """
    possible = [state for state in entries("referral_state") if status in _statuses(state)]
    if own in possible:
        return own
    for told in (
        [state for state in possible if business and find_business_code(state) == business],
        [state for state in possible if find_status(state) == status],
    ):
        if len(told) == 1:
            return told[0]
    return None


def _statuses(state: str) -> set[str]:
    mapped = entries("referral_state")[state].maps_to
    return {*mapped["fhir_task_status"].split(), find_status(state, "gravity")}
