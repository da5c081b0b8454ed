"""What a person does in a huddle who was not given a role yet: by the roles of their device.

A proposal of the dictionary: the lead assigns another one with a word.

Spec: docs/spec/crises.md, "Who takes part".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ROLE_THERE: Final[Mapping[str, str]] = {
    "frontline_advocate": "survivor_voice",
    "law_enforcement_advocate": "safety_liaison",
    "police_liaison": "safety_liaison",
    "hospital_social_worker": "medical_liaison",
    "legal_aid": "legal_liaison",
    "court_services": "legal_liaison",
    "shelter_staff": "housing_liaison",
    "child_welfare": "child_liaison",
}
"""Code of `role` -> code of `huddle_role`, in the order in which they are looked for."""
_ELSE: Final = "communications"


def propose_role(roles: Collection[str]) -> str:
    """Propose what somebody does in a huddle, by the roles of their device."""
    return next((there for role, there in ROLE_THERE.items() if role in roles), _ELSE)
