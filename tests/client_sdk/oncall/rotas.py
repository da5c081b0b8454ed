"""Rotas for the tests of who is on call: devices by number, times as people say them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from quietway.oncall.rota import Crew, Rota, Shift, write_rota
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from quietway_schemas.content.oncall import AgencyRota

CHICAGO = "America/Chicago"


def dev(number: int) -> DeviceId:
    return DeviceId(bytes([number]) * 16)


def local(text: str, zone: str = CHICAGO, *, fold: int = 0) -> int:
    """Give the moment of a local time, as `2026-11-23 09:00`."""
    read = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(read.timestamp() * 1_000)


def crew(primary: int, *backup: int) -> Crew:
    return Crew(dev(primary), tuple(map(dev, backup)))


def make_rota(
    *shifts: tuple[int, str, str],
    crews: tuple[Crew, ...] = (crew(1, 2), crew(2, 1)),
    zone: str = CHICAGO,
    weeks: int = 1,
) -> Rota:
    made = tuple(Shift(number, starts, ends) for number, starts, ends in shifts)
    return Rota(zone, crews, made or (Shift(0, "Mon 00:00", "Mon 00:00"),), weeks)


def written(rota: Rota, nonce: int = 0, supersedes: tuple[bytes, ...] = ()) -> AgencyRota:
    return write_rota(rota, nonce=bytes([nonce]) * 16, supersedes=supersedes)
