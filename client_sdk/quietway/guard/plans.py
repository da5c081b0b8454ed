"""Whether digits are a telephone number somewhere: the numbering plans of countries.

The plans are libphonenumber's. They are imported when first asked, which takes a sixth of a second
once, and each question tens of microseconds; so only digits whose form says too little are asked,
and the answers are kept until `forget`, since a text is looked at in several views.

Spec: docs/spec/guard.md, "Telephone numbers".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

REGIONS: Final[tuple[str, ...]] = tuple(read_rule_file("phone").tables["regions"]["names"])
"""Whose plans are asked of a number that does not say its country, as ISO 3166-1 names them."""


@lru_cache(maxsize=256)
def is_valid_somewhere(digits: str, regions: tuple[str, ...] = REGIONS) -> bool:
    """Say whether digits are a valid number of one of some regions.

    Args:
        digits: Digits, with a leading plus sign where one was written.
        regions: Whose plans are asked.
    """
    import phonenumbers  # noqa: PLC0415  # most texts hold no digits that are asked about

    return any(
        number is not None and phonenumbers.is_valid_number(number)
        for number in (_parse(digits, region) for region in regions)
    )


@lru_cache(maxsize=256)
def is_nobodys(digits: str) -> bool:
    """Say whether a number is free to call, or a company's or a service's by its plan.

    Args:
        digits: Digits with a leading plus sign.
    """
    import phonenumbers  # noqa: PLC0415  # as above

    kinds = phonenumbers.PhoneNumberType
    number = _parse(digits, None)
    return number is not None and phonenumbers.number_type(number) in {
        kinds.TOLL_FREE,
        kinds.SHARED_COST,
        kinds.PREMIUM_RATE,
        kinds.UAN,
    }


def forget() -> None:
    """Let go of the numbers that were asked about, when the guard has looked at the text."""
    is_valid_somewhere.cache_clear()
    is_nobodys.cache_clear()


def _parse(digits: str, region: str | None) -> PhoneNumber | None:
    import phonenumbers  # noqa: PLC0415  # as above

    try:
        return phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
