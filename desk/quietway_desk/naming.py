"""Names of devices that people can type: the first eight characters of an id, where that is enough.

An id says nothing about anybody, so there is nothing better to call a device by. Any beginning that
only one of an agency's devices has is taken, with or without `dev_` before it.

Spec: docs/reference/desk.md, "quietway device".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from quietway_desk.refusals import NotListed, UsageRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway import OwnDevice, PartnerDevice

    Device = TypeVar("Device", OwnDevice, PartnerDevice)

SHORTEST: Final = 4
_SHOWN: Final = 8
_PREFIX: Final = "dev_"


def call_device(device: object) -> str:
    """Give the short name of a device."""
    return str(device).removeprefix(_PREFIX)[:_SHOWN]


def find_named(
    name: str, devices: Iterable[Device], listed_by: str = "quietway device list"
) -> Device:
    """Find the one of these devices that a name means.

    Raises:
        NotListed: There is none.
        UsageRefused: The name is too short, or means several.
    """
    wanted = name.strip().lower().removeprefix(_PREFIX)
    if len(wanted) < SHORTEST:
        raise UsageRefused(f"Name the device by at least {SHORTEST} characters.")
    found = [held for held in devices if str(held.device).removeprefix(_PREFIX).startswith(wanted)]
    if len(found) > 1:
        raise UsageRefused("Several devices begin like that: type more of the name.")
    if not found:
        raise NotListed(f"A device called {name}", listed_by)
    return found[0]
