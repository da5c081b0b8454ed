"""`quietway-relay support-bundle`: one file for whoever helps, which names nobody.

Rules: what goes in is chosen here, line by line: versions, numbers among the settings, which of the
others are set, revision, counts rounded up, metrics, the doctor's verdicts without their texts, the
last events. No path, address, name, id or content: of a text it is told whether it is there. The
file is one JSON object, to be read before it is handed on.

Spec: docs/reference/operating.md, "Support bundle".
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import ProxyHandler, build_opener

from quietway_server.bootstrap import inspect_store
from quietway_server.errors import RelayError, StartError
from quietway_server.options import SETTINGS
from quietway_server.tending.doctor import examine
from quietway_server.tending.machine import LIBRARIES, find_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_server.settings import Settings

FORMAT: Final = 1
_SECONDS: Final = 5.0
_MOST_BYTES: Final = 2**20


def write_bundle(settings: Settings, to: str, environment: Mapping[str, str]) -> int:
    """Write the bundle; give the exit status.

    Raises:
        StartError: It can't be written; the sentence says what to do.
    """
    told = json.dumps(gather(settings, environment), indent=2, sort_keys=True) + "\n"
    path = Path(to)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(told)
    except OSError:
        raise StartError(
            f"{path} can't be written: choose a name that is not there yet, where this user may"
            " write."
        ) from None
    sys.stdout.write(f"quietway-relay: wrote {path}\n")
    sys.stderr.write("It is one JSON object: read it before you hand it to anybody.\n")
    return 0


def gather(settings: Settings, environment: Mapping[str, str]) -> dict[str, Any]:
    """Put together what the bundle says."""
    return {
        "format": FORMAT,
        "versions": {
            "python": platform.python_version(),
            "system": platform.system(),
            **{name: find_version(name) for name in ("quietway", *LIBRARIES)},
        },
        "settings": {setting.name: _show(setting.name, settings) for setting in SETTINGS},
        "database": _look_at_database(settings),
        "doctor": [
            {"about": each.about, "state": each.state} for each in examine(settings, environment)
        ],
        "events": _ask(settings, "/events", json.loads),
        "metrics": _ask(settings, "/metrics", _read_metrics),
    }


def _show(name: str, settings: Settings) -> int | str:
    value = getattr(settings, name, None)
    if isinstance(value, int):
        return value
    return "set" if value not in {None, "", ()} else "not set"


def _look_at_database(settings: Settings) -> dict[str, Any]:
    try:
        seen = inspect_store(settings)
    except RelayError:
        return {"readable": False}
    return {
        "readable": True,
        "revision": seen.revision,
        "head": seen.head,
        "kind": "postgresql" if settings.postgres else "sqlite",
        "version": seen.version,
        "whole": seen.is_whole,
        "rows": {name: round_up(count) for name, count in seen.rows.items()},
    }


def round_up(count: int) -> int:
    """Round a count up to a power of two: enough to see how large something is, and no more."""
    return 1 << (count - 1).bit_length() if count > 0 else 0


def _ask(settings: Settings, path: str, read: Any) -> Any:
    """Ask the operator's listener, where there is one; never by way of a proxy."""
    if not settings.operator_port:
        return None
    host = settings.operator_host
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{settings.operator_port}{path}"
    try:
        with build_opener(ProxyHandler({})).open(address, timeout=_SECONDS) as answer:
            return read(answer.read(_MOST_BYTES).decode("utf-8"))
    except (OSError, ValueError):
        return None


def _read_metrics(text: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines if name.startswith("quietway_")}
