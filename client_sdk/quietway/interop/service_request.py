"""FHIR R4 `ServiceRequest`: somebody asks that a service be done for a person.

Only an active one is open: a draft is nobody's request yet, and one on hold waits for its own
system.

Spec: docs/reference/interop.md, "ServiceRequest".
"""

from __future__ import annotations

from typing import Final

from quietway.interop.coded import VOID, Kind

ORDERS: Final = frozenset(
    ("order", "original-order", "reflex-order", "filler-order", "instance-order")
)

SERVICE_REQUEST: Final = Kind(
    name="ServiceRequest",
    statuses=frozenset(("draft", "active", "on-hold", "revoked", "completed", VOID, "unknown")),
    open_statuses=frozenset(("active",)),
    intents=ORDERS | {"plan", "directive"},
    services={"code": False, "category": True},
    prohibition="doNotPerform",
)
