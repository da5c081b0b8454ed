"""`quietway-relay doctor`: is everything as a relay needs it, and what to do where it is not.

Rules: nothing is changed, and nothing is made that is missing. `LOOKS` is all that is looked at. A
look that can't be taken is a finding too, and never the end of the others.

Spec: docs/reference/operating.md, "Doctor".
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway_server.errors import RelayError
from quietway_server.options import find_unknown
from quietway_server.tending.database import look_at_database
from quietway_server.tending.findings import FAIL, Finding, fail, ok, warn
from quietway_server.tending.machine import (
    look_at_clock,
    look_at_disk,
    look_at_files,
    look_at_ports,
    look_at_versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from quietway_server.settings import Settings


def examine(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """Look at everything."""
    findings = list(_look_at_environment(environment))
    for look in LOOKS:
        try:
            findings += look(settings)
        except (OSError, RelayError) as error:
            told = error.strerror if isinstance(error, OSError) else str(error)
            findings.append(fail("look", f"a look could not be taken: {told}"))
    return findings


def tell(findings: list[Finding], *, as_json: bool) -> int:
    """Print the findings; give the exit status: 1 where something fails."""
    if as_json:
        rows = [
            {"about": each.about, "found": each.found, "state": each.state} for each in findings
        ]
        sys.stdout.write(json.dumps({"findings": rows}, indent=2) + "\n")
    else:
        for each in findings:
            sys.stdout.write(f"{each.state:<4}  {each.about}: {each.found}\n")
    return 1 if any(each.state == FAIL for each in findings) else 0


def _look_at_environment(environment: Mapping[str, str]) -> Iterable[Finding]:
    unknown = find_unknown(environment)
    for name in unknown:
        yield warn("environment", f"{name} is no setting: correct its name, or unset it")
    if not unknown:
        yield ok("environment", "every QUIETWAY_RELAY_ variable is a setting")


def _look_at_settings(settings: Settings) -> Iterable[Finding]:
    if settings.public_url:
        yield ok("public url", settings.public_url)
    for about, is_unwise, advice in _UNWISE:
        if is_unwise(settings):
            yield warn(about, advice)


_UNWISE: Final[tuple[tuple[str, Callable[[Settings], bool], str], ...]] = (
    (
        "public url",
        lambda settings: not settings.public_url,
        "none: only this machine can be a client; set --public-url",
    ),
    (
        "password",
        lambda settings: bool(settings.postgres and urlsplit(settings.postgres).password),
        "in the address, where whoever lists processes may read it: use --database-password-file",
    ),
    (
        "blobs",
        lambda settings: settings.max_blob_bytes > settings.lane_blob_bytes,
        "--max-blob-bytes is more than --lane-blob-bytes: files of that size never fit",
    ),
    (
        "blobs",
        lambda settings: 0 < settings.all_blob_bytes < settings.lane_blob_bytes,
        "--lane-blob-bytes is more than --all-blob-bytes: one lane can fill the relay",
    ),
    (
        "operator",
        lambda settings: settings.operator_port is None,
        "no listener: set --operator-port to be told of trouble",
    ),
)
"""What a relay can be started with and should not: what it is about, when, and what to do."""
LOOKS: Final[tuple[Callable[[Settings], Iterable[Finding]], ...]] = (
    look_at_versions,
    _look_at_settings,
    look_at_clock,
    look_at_files,
    look_at_disk,
    look_at_database,
    look_at_ports,
)
