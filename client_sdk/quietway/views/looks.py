"""Who looked at certain messages: the report for auditors, and for the survivor's advocate. Pure.

Rules: a log that does not hold together is named beside what it says, so that nobody takes a short
list for a whole one.

Spec: docs/spec/access-log.md, "Who looked".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_schemas.content.access import OVERRIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from quietway.views.access import AccessEntry, AccessLog
    from quietway_schemas.ids import DeviceId, MessageId
    from quietway_schemas.instants import Instant

    FindHolder = Callable[[DeviceId], tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Look:
    """One time that somebody looked, or took something out.

    Attributes:
        at: When, by the device's clock.
        device: On which device.
        program: The program that its certificate names, or empty.
        roles: Its roles, as the agency certifies them now, or did last.
        action: `open`, `export`, `print` or `forward_attempt`.
        purpose: A code of the list `purpose_of_use`, or None.
        messages: Which of the messages that were asked about.
        findings: What does not hold about the line; none where all of it does.
        is_own: True where it was this device, whose own lines prove nothing to itself.
    """

    at: Instant
    device: DeviceId
    program: str
    roles: tuple[str, ...]
    action: str
    purpose: str | None
    messages: tuple[MessageId, ...]
    findings: tuple[str, ...] = ()
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class LogGap:
    """A device whose log does not hold together: it may have looked without being in the list.

    Attributes:
        device: Which.
        findings: As `AccessLog.findings`.
        missing: Runs of numbers that are not here.
    """

    device: DeviceId
    findings: tuple[str, ...]
    missing: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class AccessReport:
    """Who looked at the messages that were asked about.

    Attributes:
        looks: Oldest first.
        gaps: Where lines are missing or do not hold, by device.
    """

    looks: tuple[Look, ...]
    gaps: tuple[LogGap, ...]


def fold_looks(
    logs: Iterable[AccessLog], messages: Iterable[MessageId], find_holder: FindHolder
) -> AccessReport:
    """Report who looked at these messages.

    Args:
        logs: Of all devices, verified.
        messages: Which.
        find_holder: Gives the program and the roles of a device.
    """
    kept, asked = list(logs), frozenset(messages)
    looks = [
        _make_look(log, entry, asked, find_holder)
        for log in kept
        for entry in log.entries
        # Who sent it all the same has not looked at anything by that.
        if entry.action != OVERRIDE and not asked.isdisjoint(entry.message_ids)
    ]
    return AccessReport(
        looks=tuple(sorted(looks, key=lambda look: (look.at, look.device))),
        gaps=tuple(LogGap(log.device, log.findings, log.missing) for log in kept if log.findings),
    )


def _make_look(
    log: AccessLog, entry: AccessEntry, asked: frozenset[MessageId], find_holder: FindHolder
) -> Look:
    program, roles = find_holder(log.device)
    return Look(
        at=entry.at,
        device=log.device,
        program=program,
        roles=roles,
        action=entry.action,
        purpose=entry.purpose,
        messages=tuple(name for name in entry.message_ids if name in asked),
        findings=entry.findings,
        is_own=log.is_own,
    )
