"""Positions all over the globe, in every notation that the page lists: seeded, so always the same.

The encoders are written from their specifications, apart from the product's readers.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Position = tuple[float, float]
COUNT: Final = 300
_BANDS: Final = "CDEFGHJKLMNPQRSTUVWX"
_COLUMNS: Final = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
_ROWS: Final = "ABCDEFGHJKLMNPQRSTUV"
_BASE32: Final = "0123456789bcdefghjkmnpqrstuvwxyz"


def make_positions(seed: int) -> list[Position]:
    """Make positions spread evenly over the globe, short of the poles, where UTM ends."""
    random = Random(seed)
    return [
        (
            max(-79.9, min(83.9, math.degrees(math.asin(random.uniform(-1, 1))))),
            random.uniform(-180, 180),
        )
        for _ in range(COUNT)
    ]


def _sides(at: Position, names: str = "NSEW") -> tuple[str, str]:
    return names[0 if at[0] >= 0 else 1], names[2 if at[1] >= 0 else 3]


def _split(angle: float) -> tuple[int, int, float]:
    seconds = round(abs(angle) * 3600, 1)
    return int(seconds // 3600), int(seconds % 3600 // 60), round(seconds % 60, 1)


def _both(at: Position, form: str, names: str = "NSEW", gap: str = " ") -> str:
    parts = []
    for angle, side in zip(at, _sides(at, names), strict=True):
        degrees, minutes, seconds = _split(angle)
        decimal = minutes + seconds / 60
        parts.append(
            form.format(d=degrees, m=minutes, s=seconds, i=int(seconds), dm=decimal, side=side)
        )
    return gap.join(parts)


def _words(at: Position, form: str, names: tuple[str, str, str, str], gap: str) -> str:
    sides = names[0 if at[0] >= 0 else 1], names[2 if at[1] >= 0 else 3]
    parts = []
    for angle, side in zip(at, sides, strict=True):
        degrees, minutes, seconds = _split(angle)
        parts.append(form.format(d=degrees, m=minutes, i=int(seconds), side=side))
    return gap.join(parts)


def to_utm(at: Position) -> tuple[int, str, int, int]:
    """Give zone, band, easting and northing in metres, by Krueger's series on WGS 84."""
    latitude, longitude = map(math.radians, at)
    zone = int((at[1] + 180) // 6) % 60 + 1
    n = 0.003358431319 / 2
    e = 2 * math.sqrt(n) / (1 + n)
    radius = 6378137 / (1 + n) * (1 + n**2 / 4)
    t = math.sinh(math.atanh(math.sin(latitude)) - e * math.atanh(e * math.sin(latitude)))
    turned = longitude - math.radians(zone * 6 - 183)
    xi, eta = math.atan2(t, math.cos(turned)), math.atanh(math.sin(turned) / math.hypot(1, t))
    alpha = n / 2 - 2 * n**2 / 3
    easting = 500000 + 0.9996 * radius * (eta + alpha * math.cos(2 * xi) * math.sinh(2 * eta))
    northing = 0.9996 * radius * (xi + alpha * math.sin(2 * xi) * math.cosh(2 * eta))
    band = _BANDS[min(19, int((at[0] + 80) // 8))]
    return zone, band, round(easting), round(northing + (10_000_000 if at[0] < 0 else 0))


def _utm(at: Position, form: str) -> str:
    zone, band, easting, northing = to_utm(at)
    return form.format(zone=zone, band=band, e=easting, n=northing)


def _mgrs(at: Position, gap: str, places: int) -> str:
    zone, band, easting, northing = to_utm(at)
    column = _COLUMNS[zone % 3][easting // 100_000 - 1]
    row = _ROWS[(northing // 100_000 + (5 if zone % 2 == 0 else 0)) % 20]
    digits = [f"{value % 100_000:05d}"[:places] for value in (easting, northing)]
    return gap.join([f"{zone}{band}", column + row, *digits])


def to_geohash(at: Position, places: int) -> str:
    """Give the geohash of a position."""
    spans, bits = [[-180.0, 180.0], [-90.0, 90.0]], ""
    for index in range(places * 5):
        span, value = spans[index % 2], at[1 - index % 2]
        middle = sum(span) / 2
        bits += "1" if value >= middle else "0"
        span[0 if value >= middle else 1] = middle
    return "".join(_BASE32[int(bits[start : start + 5], 2)] for start in range(0, len(bits), 5))


def _h3(at: Position) -> str:
    """Give an index of a cell of H3, any: where it lies is of no matter to who reads its form."""
    random = Random(str(at))
    resolution = random.randint(5, 15)
    digits = [random.randint(0, 6) if place < resolution else 7 for place in range(15)]
    bits = 1 << 59 | resolution << 52 | random.randint(0, 121) << 45
    return f"{bits | sum(digit << 3 * (14 - place) for place, digit in enumerate(digits)):x}"


_ES: Final = ("norte", "sur", "este", "oeste")
_FR: Final = ("nord", "sud", "est", "ouest")
_EN: Final = ("north", "south", "east", "west")

NOTATIONS: Final[dict[str, tuple[str, Callable[[Position], str]]]] = {
    "decimal, comma": ("decimal", lambda at: f"{at[0]:.6f}, {at[1]:.6f}"),
    "decimal, four places": ("decimal", lambda at: f"{at[0]:.4f},{at[1]:.4f}"),
    "decimal, zeros dropped": ("decimal", lambda at: f"({round(at[0], 6)} {round(at[1], 6)})"),
    "decimal, labelled": ("decimal", lambda at: f"Lat: {at[0]:.3f} Long: {at[1]:.3f}"),
    "decimal, JSON": ("decimal", lambda at: f'{{"lat": {at[0]:.5f}, "lng": {at[1]:.5f}}}'),
    "decimal, sides after": (
        "decimal",
        lambda at: f"{abs(at[0]):.4f}° {_sides(at)[0]}, {abs(at[1]):.4f}° {_sides(at)[1]}",
    ),
    "decimal, sides before": (
        "decimal",
        lambda at: f"{_sides(at)[0]}{abs(at[0]):.4f} {_sides(at)[1]}{abs(at[1]):.4f}",
    ),
    "decimal, comma as point": (
        "decimal",
        lambda at: f"{at[0]:.5f}; {at[1]:.5f}".replace(".", ","),
    ),
    "decimal, well-known text": ("decimal", lambda at: f"POINT({at[1]:.6f} {at[0]:.6f})"),
    "decimal, ISO 6709": ("decimal", lambda at: f"{at[0]:+08.4f}{at[1]:+09.4f}/"),
    "degrees, plain marks": ("dms", lambda at: _both(at, "{d}°{m:02d}'{s:04.1f}\"{side}")),
    "degrees, primes": ("dms", lambda at: _both(at, "{d}° {m}\u2032 {s}\u2033 {side}", gap=", ")),
    "degrees, side before": ("dms", lambda at: _both(at, "{side} {d}° {m}' {s}\"", gap=", ")),
    "degrees, decimal minutes": ("dms", lambda at: _both(at, "{d}° {dm:06.3f}' {side}")),
    "degrees, geocaching": ("dms", lambda at: _both(at, "{side}{d:02d} {dm:06.3f}")),
    "degrees, ordinal sign": ("dms", lambda at: _both(at, "{d}º{m}'{i}''{side}", "NSEO")),
    "degrees, letters": ("dms", lambda at: _both(at, "{d}d{m:02d}m{i:02d}s {side}")),
    "degrees, colons": ("dms", lambda at: _both(at, "{d:02d}:{m:02d}:{i:02d}{side}")),
    "degrees, spaces": ("dms", lambda at: _both(at, "{d} {m:02d} {i:02d} {side}")),
    "degrees, run together": (
        "dms",
        lambda at: "{}{} {}{}".format(
            "{:02d}{:02d}{:02.0f}".format(*_split(int(at[0]) + 0.25)[:2], 12),
            _sides(at)[0],
            "{:03d}{:02d}{:02.0f}".format(*_split(int(at[1]) + 0.25)[:2], 34),
            _sides(at)[1],
        ),
    ),
    "degrees, English words": (
        "dms",
        lambda at: _words(at, "{d} degrees {m} minutes {i} seconds {side}", _EN, ", "),
    ),
    "degrees, Spanish words": (
        "dms",
        lambda at: _words(at, "{d} grados {m} minutos {i} segundos {side}", _ES, " y "),
    ),
    "degrees, French words": (
        "dms",
        lambda at: _words(at, "{d} degrés {m} minutes {i} secondes {side}", _FR, ", "),
    ),
    "UTM": ("utm", lambda at: _utm(at, "{zone}{band} {e} {n}")),
    "UTM, units": ("utm", lambda at: _utm(at, "{zone}{band} {e}mE {n}mN")),
    "UTM, words": ("utm", lambda at: _utm(at, "UTM zone {zone}{band}, {e} E, {n} N")),
    "UTM, zone last": ("utm", lambda at: _utm(at, "{e} {n}, zone {zone}{band}")),
    "MGRS": ("mgrs", lambda at: _mgrs(at, "", 5)),
    "MGRS, spaces": ("mgrs", lambda at: _mgrs(at, " ", 5)),
    "MGRS, hundred metres": ("mgrs", lambda at: _mgrs(at, "", 3)),
    "geo:": ("geo_uri", lambda at: f"geo:{at[0]:.4f},{at[1]:.4f}"),
    "geo:, uncertain": ("geo_uri", lambda at: f"geo:{at[0]:.2f},{at[1]:.2f};u=35"),
    "geohash": ("geohash", lambda at: f"geohash: {to_geohash(at, 9)}"),
    "geohash, in words": ("geohash", lambda at: f"the geohash is {to_geohash(at, 7)}"),
    "H3": ("h3", _h3),
}
"""Notation to the rule that must find it, and how a position is written in it."""
