"""Reads the few coded fields of a FHIR R4 resource that a referral can use.

Each kind of resource is a `Kind`: a table of which of its statuses are open, which of its intents
are a decision, and which fields hold the service. The reading is the same for all of them, and it
is an allow-list: no reference, display, identifier, narrative, note, date or id of the file is read
at all, so none can pass on.

What a file is, is judged before how it stands: a payment that is completed is no referral.

Spec: docs/reference/interop.md, "What is read".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.errors import ImportRefused
from quietway.interop.code_map import OTHER, find_service, find_urgency
from quietway.interop.codings import read_field, refuse_modifiers
from quietway.interop.dropped import name_dropped_fields
from quietway.interop.guarded import guard_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from quietway.interop.codings import Resource
    from quietway.interop.guarded import FieldFinding

VOID: Final = "entered-in-error"
"""The status of a record that should not be there: it is never taken."""

# What stands inside these describes other things and people; a list of it would help nobody.
_WHOLE: Final = frozenset(("contained", "text", "meta", "extension"))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource that can become a referral.

    Attributes:
        name: Its `resourceType`.
        statuses: All that the standard has.
        open_statuses: Those in which something is still asked for.
        intents: Those that are somebody's decision.
        services: Fields that may hold the service, in the order in which they are asked; whether
            the field repeats.
        asks_for_service: Tells by system and code of `code` whether it is a referral at all.
        prohibition: A field that turns the request into a prohibition, if there is one.
    """

    name: str
    statuses: frozenset[str]
    open_statuses: frozenset[str]
    intents: frozenset[str]
    services: Mapping[str, bool]
    asks_for_service: Callable[[str, str], bool] = lambda _system, _code: True
    prohibition: str | None = None

    @property
    def used(self) -> frozenset[str]:
        """The paths of all fields that are read: the allow-list."""
        codings = {f"{field}.coding.{part}" for field in self.services for part in _CODING}
        plain = {"resourceType", "status", "intent", "priority"}
        return frozenset(codings | plain | ({self.prohibition} if self.prohibition else set()))


_CODING: Final = ("system", "code")


@dataclass(frozen=True, slots=True)
class CodedRequest:
    """What a file says in codes.

    Attributes:
        kind: `ServiceRequest` or `Task`.
        service_type: A code of the list `service_type`; `other` where no code of the file is in our
            map.
        time_sensitivity: A code of the list `time_sensitivity`.
        dropped: Names of the fields that were left behind, sorted.
        unmapped: Names of the fields that hold codes from which no service could be read.
        cautions: Names of the fields that a person must know of before the referral is sent:
            `doNotPerform` says that the file asks that something is *not* done.
        found: What the guard found in the texts that were left behind, by field.
    """

    kind: str
    service_type: str
    time_sensitivity: str
    dropped: tuple[str, ...]
    unmapped: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    found: tuple[FieldFinding, ...] = ()


def read_coded(resource: Resource, kind: Kind, *, allow_closed: bool = False) -> CodedRequest:
    """Read the coded fields of a resource of one kind.

    Args:
        resource: The file as read; its `resourceType` is the kind's.
        kind: Its table.
        allow_closed: Whether to take what is not open. What was entered in error is never taken.

    Raises:
        ImportRefused: `not_a_referral`, `not_open`, `unsupported` or `malformed`, with the field.
    """
    found = {
        field: tuple(read_field(resource, field, many=many))
        for field, many in kind.services.items()
    }
    if not all(kind.asks_for_service(system, code) for system, code in found["code"]):
        raise ImportRefused("not_a_referral", "code.coding.code")
    _check_status(resource, kind, allow_closed=allow_closed)
    _check_meaning(resource, kind)
    forbids = _read_prohibition(resource, kind)
    service_type, unmapped = _map_service({} if forbids else found)
    return CodedRequest(
        kind=kind.name,
        service_type=service_type,
        time_sensitivity=_map_priority(resource),
        dropped=name_dropped_fields(dict(resource), used=kind.used, whole=_WHOLE),
        # What must not be done is no service, so its code is not read as one.
        unmapped=tuple(_name(field) for field in found if found[field]) if forbids else unmapped,
        cautions=(forbids,) if forbids else (),
        found=guard_fields(dict(resource)),
    )


def _check_status(resource: Resource, kind: Kind, *, allow_closed: bool) -> None:
    status = resource.get("status")
    if not isinstance(status, str) or status not in kind.statuses:
        raise ImportRefused("malformed", "status")
    if status == VOID or not (allow_closed or status in kind.open_statuses):
        raise ImportRefused("not_open", "status")


def _check_meaning(resource: Resource, kind: Kind) -> None:
    refuse_modifiers(resource)
    intent = resource.get("intent")
    if not isinstance(intent, str):
        raise ImportRefused("malformed", "intent")
    if intent not in kind.intents:
        # A proposal or an option is nobody's decision yet.
        raise ImportRefused("unsupported", "intent")


def _read_prohibition(resource: Resource, kind: Kind) -> str | None:
    if kind.prohibition is None:
        return None
    forbids = resource.get(kind.prohibition, False)
    if not isinstance(forbids, bool):
        raise ImportRefused("malformed", kind.prohibition)
    return kind.prohibition if forbids else None


def _map_priority(resource: Resource) -> str:
    # A missing priority means normal in FHIR.
    priority = resource.get("priority", "routine")
    if not isinstance(priority, str):
        raise ImportRefused("malformed", "priority")
    urgency = find_urgency(priority)
    if urgency is None:
        raise ImportRefused("unsupported", "priority")
    return urgency


def _map_service(
    found: Mapping[str, tuple[tuple[str, str], ...]],
) -> tuple[str, tuple[str, ...]]:
    unmapped: list[str] = []
    # What is asked for comes first; the domain it belongs to stands in where that is not in the
    # map.
    for field, codings in found.items():
        for system, code in codings:
            if service_type := find_service(system, code):
                return service_type, tuple(unmapped)
        if codings:
            unmapped.append(_name(field))
    return OTHER, tuple(unmapped)


def _name(field: str) -> str:
    return f"{field}.coding.code"
