"""What a standard packet carries for each type of service, beyond what every packet carries.

The packet's required fields are the same for all services: that is the minimum, and it is always
enough to send. A profile names the optional fields that this service usually has to ask back for,
so that a form can offer them first. It refuses nothing: who has a reason to say less says less.

Spec: schemas/README.md, "Referrals".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quietway_schemas.codebook.lists import check
from quietway_schemas.content.referral import ReferralPacket

_HOUSING: Final = ("stated_goal", "entry_point")
_LEGAL: Final = ("stated_goal", "episode")
_CARE: Final = ("entry_point",)

PROFILES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "safehouse": _HOUSING,
        "health_medical": _CARE,
        "forensic_exam": _CARE,
        "psychosocial": ("stated_goal",),
        "police_security": _CARE,
        "legal_assistance": _LEGAL,
        "court_accompaniment": _LEGAL,
        "advocacy": ("stated_goal",),
        "livelihoods_financial": ("stated_goal",),
        "child_protection": _CARE,
        "child_services": ("stated_goal",),
        "housing_navigation": _HOUSING,
        "transitional_housing": (*_HOUSING, "episode"),
        "rapid_rehousing": (*_HOUSING, "episode"),
        "emergency_assistance": _CARE,
        "interpretation": (),
        "immigration_legal": _LEGAL,
        "long_term_support": ("stated_goal", "episode"),
        "other": (),
    }
)
"""Type of service -> the optional fields that it usually asks for."""


def list_asked_fields(service_type: str) -> tuple[str, ...]:
    """Name the optional fields that a type of service usually asks for.

    Raises:
        UnknownCodeError: No such type of service.
    """
    return PROFILES[check("service_type", service_type, "service_type")]


def find_absent_fields(packet: ReferralPacket) -> tuple[str, ...]:
    """Name the fields of the packet's profile that it leaves out."""
    asked = list_asked_fields(packet.service_type)
    return tuple(name for name in asked if getattr(packet, name) is None)
