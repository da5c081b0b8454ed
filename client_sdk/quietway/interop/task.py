"""FHIR R4 `Task`: somebody is asked to do something, often to fulfil a `ServiceRequest`.

Which statuses are open follows from the dictionary's map of referral states: those of its closed
states are closed, all others are open. Not every task is a referral. A payment is none, nor is what
asks to stop or change something, nor what the person concerned is asked to do.

Spec: docs/reference/interop.md, "Task".
"""

from __future__ import annotations

from typing import Final

from quietway.interop.coded import VOID, Kind
from quietway.interop.service_request import ORDERS
from quietway.interop.task_status import find_status
from quietway_schemas.content.referral_states import CLOSED_STATES

PAYMENTS: Final = "http://terminology.hl7.org/CodeSystem/financialtaskcode"
TASK_CODES: Final = "http://hl7.org/fhir/CodeSystem/task-code"
"""What is to be done with the task's focus; only `fulfill` asks for the service itself."""

_GRAVITY: Final = (
    "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
)
_ASKED_OF_THE_PERSON: Final = frozenset(
    (
        (_GRAVITY, "general-information"),
        (_GRAVITY, "make-contact"),
        (_GRAVITY, "review-material"),
        ("http://hl7.org/fhir/uv/sdc/CodeSystem/temp", "complete-questionnaire"),
    )
)
STATUSES: Final = frozenset(
    (
        "draft",
        "requested",
        "received",
        "accepted",
        "rejected",
        "ready",
        "cancelled",
        "in-progress",
        "on-hold",
        "failed",
        "completed",
        VOID,
    )
)


def _asks_for_service(system: str, code: str) -> bool:
    if system == TASK_CODES:
        return code == "fulfill"
    return system != PAYMENTS and (system, code) not in _ASKED_OF_THE_PERSON


TASK: Final = Kind(
    name="Task",
    statuses=STATUSES,
    open_statuses=STATUSES - {find_status(state) for state in CLOSED_STATES},
    intents=ORDERS | {"plan"},
    services={"code": False},
    asks_for_service=_asks_for_service,
    # R4 has no such field in a task; a file of a later version means it all the same.
    prohibition="doNotPerform",
)
