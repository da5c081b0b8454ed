"""The few coded fields of a FHIR R4 `ServiceRequest` that a referral can use.

This is an allow-list: status, intent, priority, the codes of `code` and `category`, and the fields
that a reader must understand or refuse (`doNotPerform`, `implicitRules`, `modifierExtension`). No
reference, display, identifier, narrative, note, date or id of the file is read at all, so none can
pass on.

Spec: docs/reference/interop.md, "FHIR R4 ServiceRequest".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from quietway.errors import ImportRefused
from quietway.interop.dropped import name_dropped_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quietway.interop.json_file import JsonValue

TIME_SENSITIVITY: Final = {
    "routine": "standard",
    "urgent": "priority",
    "asap": "urgent",
    "stat": "urgent",
}
"""FHIR's request-priority and ours. A missing priority means normal in FHIR."""

_STATUSES: Final = frozenset(
    ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
)
_REQUESTS: Final = frozenset(
    (
        "plan",
        "directive",
        "order",
        "original-order",
        "reflex-order",
        "filler-order",
        "instance-order",
    )
)
_USED: Final = frozenset(
    (
        "resourceType",
        "status",
        "intent",
        "priority",
        "doNotPerform",
        "code.coding.system",
        "code.coding.code",
        "category.coding.system",
        "category.coding.code",
    )
)
# What stands inside these describes other things and people; a list of it would help nobody.
_WHOLE: Final = frozenset(("contained", "text", "meta", "extension"))

_OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class CodedRequest:
    """What the file says in codes.

    Attributes:
        service_type: A code of the list `service_type`; `other` where no code of the file is in our
            map.
        time_sensitivity: A code of the list `time_sensitivity`.
        dropped: Names of the fields that were left behind, sorted.
        unmapped: Names of the fields that were read and whose codes our map does not have.
    """

    service_type: str
    time_sensitivity: str
    dropped: tuple[str, ...]
    unmapped: tuple[str, ...]


def read_coded_request(resource: Mapping[str, JsonValue]) -> CodedRequest:
    """Read the coded fields of a resource.

    Raises:
        ImportRefused: `not_a_referral`, `not_open`, `unsupported` or `malformed`, with the field.
    """
    _refuse_what_is_not_open(resource)
    _refuse_what_must_be_understood(resource)
    service_type, unmapped = _map_service(resource)
    return CodedRequest(
        service_type=service_type,
        time_sensitivity=_map_priority(resource),
        dropped=name_dropped_fields(dict(resource), used=_USED, whole=_WHOLE),
        unmapped=unmapped,
    )


def _refuse_what_is_not_open(resource: Mapping[str, JsonValue]) -> None:
    if resource.get("resourceType") != "ServiceRequest":
        raise ImportRefused("not_a_referral", "resourceType")
    status = resource.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise ImportRefused("malformed", "status")
    if status != "active":
        raise ImportRefused("not_open", "status")


def _refuse_what_must_be_understood(resource: Mapping[str, JsonValue]) -> None:
    # A modifier turns the meaning of the rest around: whoever does not understand it may not go on.
    for field in ("implicitRules", "modifierExtension"):
        if field in resource:
            raise ImportRefused("unsupported", field)
    forbids = resource.get("doNotPerform", False)
    if not isinstance(forbids, bool):
        raise ImportRefused("malformed", "doNotPerform")
    if forbids:
        raise ImportRefused("unsupported", "doNotPerform")
    intent = resource.get("intent")
    if not isinstance(intent, str):
        raise ImportRefused("malformed", "intent")
    if intent not in _REQUESTS:
        # A proposal or an option is nobody's decision yet.
        raise ImportRefused("unsupported", "intent")


def _map_priority(resource: Mapping[str, JsonValue]) -> str:
    priority = resource.get("priority", "routine")
    if not isinstance(priority, str):
        raise ImportRefused("malformed", "priority")
    if priority not in TIME_SENSITIVITY:
        raise ImportRefused("unsupported", "priority")
    return TIME_SENSITIVITY[priority]


def _map_service(resource: Mapping[str, JsonValue]) -> tuple[str, tuple[str, ...]]:
    unmapped: list[str] = []
    # What is asked for comes first; the domain it belongs to stands in where that is not in the
    # map.
    for field in ("code", "category"):
        found = list(_read_codings(resource, field))
        for system, code in found:
            if service_type := _service_codes().get(system, {}).get(code):
                return service_type, tuple(unmapped)
        if found:
            unmapped.append(f"{field}.coding.code")
    return _OTHER, tuple(unmapped)


def _read_codings(resource: Mapping[str, JsonValue], field: str) -> Iterator[tuple[str, str]]:
    held = resource.get(field, [])
    for concept in held if isinstance(held, list) else [held]:
        if not isinstance(concept, dict):
            raise ImportRefused("malformed", field)
        codings = concept.get("coding", [])
        if not isinstance(codings, list):
            raise ImportRefused("malformed", f"{field}.coding")
        for coding in codings:
            yield _read_coding(coding, field)


def _read_coding(coding: JsonValue, field: str) -> tuple[str, str]:
    if not isinstance(coding, dict):
        raise ImportRefused("malformed", f"{field}.coding")
    system, code = coding.get("system", ""), coding.get("code", "")
    if not isinstance(system, str):
        raise ImportRefused("malformed", f"{field}.coding.system")
    if not isinstance(code, str):
        raise ImportRefused("malformed", f"{field}.coding.code")
    return system, code


@cache
def _service_codes() -> Mapping[str, Mapping[str, str]]:
    raw = files("quietway.interop").joinpath("service_codes.json").read_bytes()
    codes: dict[str, dict[str, str]] = json.loads(raw)
    return codes
