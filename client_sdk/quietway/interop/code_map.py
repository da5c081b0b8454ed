"""Codes of other systems and ours: the service that is asked for, and how soon.

Services go through `service_codes.json`, where each code of another system names one of ours; our
own codes, under their own system, are themselves. Urgency goes through the dictionary. Nothing is
guessed: a code that is not in the map is no service.

Spec: docs/reference/interop.md, "Codes".
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import codes, entries

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER: Final = "other"
SERVICE_SYSTEM: Final = "urn:quietway:code:service_type"
STATE_SYSTEM: Final = "urn:quietway:code:referral_state"
REASON_SYSTEM: Final = "urn:quietway:code:reason"
REFERENCE_SYSTEM: Final = "urn:quietway:referral_ref"


def find_service(system: str, code: str) -> str | None:
    """Find our service for a code of another system, or for our own; None where there is none."""
    if system == SERVICE_SYSTEM:
        return code if code in codes("service_type") else None
    return _read_map().get(system, {}).get(code)


def find_standard_code(service_type: str) -> tuple[str, str] | None:
    """Find the one code (system, code) that stands for a service of ours.

    None where the map has several for it: to choose one would say more than was said.
    """
    found = [
        (system, code)
        for system, held in _read_map().items()
        for code, service in held.items()
        if service == service_type
    ]
    return found[0] if len(found) == 1 else None


def find_urgency(priority: str) -> str | None:
    """Find our time sensitivity for a FHIR request priority."""
    return _urgencies().get(priority)


def find_priority(time_sensitivity: str) -> str:
    """Find the FHIR request priority for a time sensitivity; of two, the one that says less."""
    mapped = entries("time_sensitivity")[time_sensitivity].maps_to["fhir_request_priority"]
    return mapped.split()[0]


@cache
def _urgencies() -> Mapping[str, str]:
    return {
        priority: code
        for code, entry in entries("time_sensitivity").items()
        for priority in entry.maps_to["fhir_request_priority"].split()
    }


@cache
def _read_map() -> Mapping[str, Mapping[str, str]]:
    raw = files("quietway.interop").joinpath("service_codes.json").read_bytes()
    held: dict[str, dict[str, str]] = json.loads(raw)
    return held
