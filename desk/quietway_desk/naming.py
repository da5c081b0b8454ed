"""Names that people can type: the first eight characters of an id, where that is enough.

An id says nothing about anybody, so there is nothing better to call a device, an alert or an event
by. Any beginning that only one of them has is taken, of a device with or without `dev_` before it.

Spec: docs/reference/desk.md, "quietway device".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from quietway_desk.refusals import NotListed, UsageRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway import Alert, Client, Crisis, OwnDevice, PartnerDevice
    from quietway.content import DeviceId

    Device = TypeVar("Device", OwnDevice, PartnerDevice)

SHORTEST: Final = 4
_SHOWN: Final = 8
_PREFIX: Final = "dev_"


def call_device(device: object) -> str:
    """Give the short name of a device."""
    return str(device).removeprefix(_PREFIX)[:_SHOWN]


def call_id(raw: bytes) -> str:
    """Give the short name of an alert, an event, or a part of one."""
    return raw.hex()[:_SHOWN]


def find_begun(name: str, ids: Iterable[bytes], what: str, listed_by: str) -> bytes:
    """Find the one of these ids that a name means.

    Args:
        name: What was typed.
        ids: Which there are.
        what: What they are ids of, as `An alert`.
        listed_by: The command that lists them.

    Raises:
        NotListed: There is none.
        UsageRefused: The name is too short, or means several.
    """
    wanted = name.strip().lower()
    if len(wanted) < SHORTEST:
        raise UsageRefused(f"Type at least {SHORTEST} characters of its name.")
    found = [held for held in dict.fromkeys(ids) if held.hex().startswith(wanted)]
    if len(found) > 1:
        raise UsageRefused("Several begin like that: type more of the name.")
    if not found:
        raise NotListed(f"{what} called {name}", listed_by)
    return found[0]


def find_alert(client: Client, name: str) -> Alert:
    """Find an alert by the beginning of its id, a drill's or a real one.

    Raises:
        NotListed: There is none.
        UsageRefused: The name is too short, or means several.
    """
    drills = client.alerts.list(open_only=False, exercise=True)
    ids = [held.alert_id for held in (*client.alerts.list(open_only=False), *drills)]
    return client.alerts.show(find_begun(name, ids, "An alert", "quietway alert list --all"))


def find_crisis(client: Client, name: str) -> Crisis:
    """Find an event by the beginning of its id, a drill or a real one.

    Raises:
        NotListed: There is none.
        UsageRefused: The name is too short, or means several.
    """
    known = (*client.crises.list(), *client.crises.list(exercise=True))
    found = find_begun(name, [held.event_id for held in known], "An event", "quietway crisis list")
    return client.crises.show(found)


def find_member(crisis: Crisis, name: str) -> DeviceId | None:
    """Find who takes part by the beginning of their device's id; None where nobody is meant."""
    wanted = name.strip().lower().removeprefix(_PREFIX)
    devices = (seat.device for seat in crisis.members)
    return next((device for device in devices if _is_begun(device, wanted)), None)


def find_colleague(client: Client, name: str) -> DeviceId | None:
    """Find a colleague's device by the beginning of its id; None where none is meant.

    What is a partner's code means the partner, whatever a device is called.
    """
    if any(name.casefold() == held.agency_code.casefold() for held in client.partners.list()):
        return None
    wanted = name.strip().lower().removeprefix(_PREFIX)
    devices = (held.device for held in client.devices.list() if held.device != client.device_id)
    return next((device for device in devices if _is_begun(device, wanted)), None)


def demand_member(crisis: Crisis, name: str) -> DeviceId:
    """Find who takes part, as `find_member` does.

    Raises:
        NotListed: Nobody is meant.
    """
    found = find_member(crisis, name)
    if found is None:
        listed_by = f"quietway crisis show {call_id(crisis.event_id)}"
        raise NotListed(f"A device called {name} among those who take part", listed_by)
    return found


def _is_begun(device: object, wanted: str) -> bool:
    return len(wanted) >= SHORTEST and str(device).removeprefix(_PREFIX).startswith(wanted)


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
