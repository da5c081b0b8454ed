"""The files that an operator copies hold what they say, and name only what exists.

What judges them better is asked where the machine has it: systemd of its units, by its own scale of
exposure (0 is none, 10 is all).
"""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from quietway_server.__main__ import _parser
from quietway_server.core.quota import BLOB_PART_BYTES, ENVELOPES_BODY_BYTES
from quietway_server.log import EVENTS
from quietway_server.metrics import METRICS
from quietway_server.options import SETTINGS
from quietway_server.settings import read_settings

ROOT: Final = Path(__file__).resolve().parents[2]
DEPLOY: Final = ROOT / "deploy"
UNITS: Final = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED: Final = 2.0
SANDBOX: Final = {
    "CapabilityBoundingSet": "",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "SystemCallArchitectures": "native",
    "LimitCORE": "0",
    "UMask": "0077",
    "User": "quietway",
}


def _read_unit(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    unit.read(path)
    return unit


def _read_variables(text: str) -> dict[str, str]:
    return dict(re.findall(r"(QUIETWAY_RELAY_[A-Z_]+)=(\S+)", text))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_shut_in_and_starts_a_command_that_exists(path: Path) -> None:
    service = _read_unit(path)["Service"]
    assert {name: service[name] for name in SANDBOX} == SANDBOX
    command = re.search(r"quietway-relay (\w+)", service["ExecStart"])
    assert command is not None
    assert command[1] in _commands()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_finds_little_that_a_unit_is_exposed_to(path: Path) -> None:
    judge = shutil.which("systemd-analyze")
    if judge is None:
        return  # the test above holds the directives themselves
    asked = [judge, "security", "--offline=true", "--no-pager", str(path)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    figure = re.search(r"exposure level for \S+: ([0-9.]+)", told)
    assert figure is not None, told
    assert float(figure[1]) <= MOST_EXPOSED


def test_the_relay_comes_back_whatever_ended_it() -> None:
    for name in ("quietway-relay", "quietway-watch"):
        unit = _read_unit(DEPLOY / "systemd" / f"{name}.service")
        assert unit["Service"]["Restart"] == "always"
        assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_settings_that_are_given_are_settings_and_are_taken() -> None:
    known = {setting.variable for setting in SETTINGS}
    for name in ("relay.env", "Containerfile"):
        variables = _read_variables((DEPLOY / name).read_text("utf-8"))
        assert set(variables) <= known
    settings = read_settings({}, _read_variables((DEPLOY / "relay.env").read_text("utf-8")))
    assert settings.public_url == "https://relay.example.org"


def test_the_proxy_keeps_no_list_of_who_came_and_compresses_nothing() -> None:
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    everywhere, site = re.split(r"^relay\.example\.org ", text, flags=re.MULTILINE)
    assert "log default {\n\t\texclude http.log.error http.handlers\n" in everywhere
    directives = {line.split()[0] for line in site.splitlines() if line.strip()}
    assert not directives & {"log", "encode", "log_append", "tracing", "metrics"}
    assert "-X-Forwarded-For" in text
    largest = re.search(r"max_size (\d+)KB", text)
    assert largest is not None
    assert int(largest[1]) * 1000 >= max(ENVELOPES_BODY_BYTES, BLOB_PART_BYTES)


def test_the_container_runs_as_nobody_special_and_holds_the_pinned_libraries() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    stage = text.rpartition("\nFROM ")[2]
    user, entry = stage.index("\nUSER quietway\n"), stage.index("\nENTRYPOINT")
    assert user < entry
    assert "--require-hashes" in text
    for source in re.findall(r"requirements/\w+\.lock", text):
        assert (ROOT / source).is_file()
    assert shlex.split(stage.rpartition("CMD ")[2].strip("[]\n "))[0] in _commands()


def test_every_alert_stands_on_a_metric_that_exists_and_says_what_to_do() -> None:
    text = (DEPLOY / "alerts.yml").read_text("utf-8")
    known = {metric.shown for metric in METRICS}
    known |= {f"{metric.shown}_bucket" for metric in METRICS if metric.kind == "histogram"}
    rules = text.split("- alert: ")[1:]
    page = (ROOT / "docs" / "reference" / "operating.md").read_text("utf-8")
    listed = re.findall(r"^\| `(quietway_[a-z_]+)", page.rpartition("\n## ")[2], re.MULTILINE)
    assert [name for name in listed if name not in text] == []
    assert len(rules) >= 10
    for rule in rules:
        expression = re.search(r"expr: (.+)", rule)
        assert expression is not None
        used = set(re.findall(r"quietway_[a-z_]+", expression[1]))
        assert used
        assert used <= known
        assert set(re.findall(r'event="(\w+)"', expression[1])) <= EVENTS
        assert re.search(r"severity: (page|ticket)", rule)
        assert "action: " in rule


def _commands() -> set[str]:
    (commands,) = (a.choices for a in _parser()._actions if a.dest == "command" and a.choices)
    return set(commands)
