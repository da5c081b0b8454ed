"""By which way to reach another agency: a table of purposes and urgencies. Pure.

Rules: the table proposes. Who takes a way that is not in its cell says why, and the log keeps it.

Spec: docs/spec/contacts.md, "Ways to reach somebody".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import check

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICE: Final = "service"
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "consent_verification": "word",
        "information_request": "word",
        "referral_feedback": "word",
        "scheduling": "word",
        "status_update": "word",
        "case_conference": "meeting",
        "warm_handoff": "meeting",
    }
)
"""Which kind a purpose is; all others ask for a service."""
_TIERS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = MappingProxyType(
    {
        (_SERVICE, "standard"): ("secure_message", "phone", "secure_email"),
        (_SERVICE, "priority"): ("secure_message", "phone"),
        (_SERVICE, "urgent"): ("phone", "secure_message"),
        ("word", "standard"): ("secure_message", "secure_email", "phone", "scheduled_meeting"),
        ("word", "priority"): ("secure_message", "phone"),
        ("word", "urgent"): ("phone", "secure_message"),
        ("meeting", "standard"): ("scheduled_meeting", "secure_message", "phone"),
        ("meeting", "priority"): ("phone", "scheduled_meeting", "secure_message"),
        ("meeting", "urgent"): ("phone", "in_person", "secure_message"),
    }
)
TIER_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email": "secure_email",
        "in_person": "in_person",
        "phone": "phone",
        "secure_message": "secure_message",
        "virtual": "scheduled_meeting",
    }
)
"""Which way each `interaction_type` is; the others are none that the table proposes."""


def list_tiers(purpose_code: str, time_sensitivity: str) -> tuple[str, ...]:
    """Give the ways to reach an agency, the first one first (codes of `channel_tier`).

    Raises:
        UnknownCodeError: There is no such purpose or urgency.
    """
    check("purpose_code", purpose_code, "purpose_code")
    check("time_sensitivity", time_sensitivity, "time_sensitivity")
    return _TIERS[_KINDS.get(purpose_code, _SERVICE), time_sensitivity]


def deviates(interaction_type: str, purpose_code: str, time_sensitivity: str) -> bool:
    """Say whether contact was made in a way that the table does not propose.

    Raises:
        UnknownCodeError: There is no such way, purpose or urgency.
    """
    check("interaction_type", interaction_type, "interaction_type")
    return TIER_OF.get(interaction_type) not in list_tiers(purpose_code, time_sensitivity)
