"""Alarms of the log, and their rows: each stays until a person has acknowledged it.

Spec: docs/spec/transparency-log.md, "Alarms".
"""

from __future__ import annotations

from typing import TypeAlias

from quietway.engine.codec import Fields, write_row
from quietway.events import ForkFound, LogUnproven, UnknownOwnVersion
from quietway_schemas.ids import AgencyId

LogAlarm: TypeAlias = ForkFound | LogUnproven | UnknownOwnVersion
_SIZE_BYTES = 8


def name_alarm(alarm: LogAlarm) -> bytes:
    """Name an alarm, so that the same thing is told once."""
    match alarm:
        case ForkFound():
            return b"fork/" + alarm.fork_id
        case LogUnproven():
            return b"unproven/" + alarm.agency.value + _number(alarm.size)
        case UnknownOwnVersion():
            return b"version/" + _number(alarm.index)


def write_alarm(alarm: LogAlarm) -> bytes:
    """Write an alarm for the store."""
    match alarm:
        case ForkFound():
            return write_row(fork=alarm.fork_id, at=alarm.at)
        case LogUnproven():
            return write_row(agency=str(alarm.agency), size=alarm.size, at=alarm.at)
        case UnknownOwnVersion():
            return write_row(index=alarm.index, manifest=alarm.manifest_hash, at=alarm.at)


def read_alarm(name: bytes, raw: bytes) -> LogAlarm:
    """Read back what `write_alarm` wrote.

    Raises:
        SchemaError, CryptoError: It is not what this room writes.
    """
    held = Fields(raw)
    if name.startswith(b"fork/"):
        return ForkFound(held.raw("fork"), held.number("at"))
    if name.startswith(b"unproven/"):
        agency = AgencyId.from_text(held.text("agency"))
        return LogUnproven(agency, held.number("size"), held.number("at"))
    return UnknownOwnVersion(held.number("index"), held.raw("manifest"), held.number("at"))


def _number(value: int) -> bytes:
    return value.to_bytes(_SIZE_BYTES, "big")
