"""The plan of the house: its folders, and what a partner app gets when it installs it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest
from tests.house.pages import ROOT

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

PACKAGES = {
    "quietway",
    "quietway_crypto",
    "quietway_desk",
    "quietway_migrations",
    "quietway_protocol",
    "quietway_schemas",
    "quietway_server",
}
NOT_IN_THE_BASE = {"alembic", "fastapi", "rich", "starlette", "structlog", "typer", "uvicorn"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def read_metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.requirement("D07")
@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "server",
        "client_sdk",
        "crypto",
        "schemas",
        "migrations",
        "tests",
        "docs",
        "Makefile",
    ],
)
def test_the_top_level_is_the_one_of_the_design(name: str) -> None:
    """D07: the layout is pyproject, server, client_sdk, crypto, schemas, migrations, and so on."""
    assert (ROOT / name).exists()


@pytest.mark.requirement("D07")
def test_the_wheel_holds_the_seven_packages_and_nothing_else(wheel: Path) -> None:
    """D07: whatever the folders are called, what is installed has seven safe names."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)


def test_the_wheel_carries_the_files_that_are_no_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert any(name.startswith("quietway_schemas/codebook/") for name in names if ".json" in name)
    assert "quietway_server/store/metadata.lock" in names
    assert not [name for name in names if re.search(r"(^|/)(tests?|__pycache__)/", name)]


def test_a_partner_app_installs_neither_a_server_nor_a_user_interface(wheel: Path) -> None:
    required = read_metadata(wheel).get_all("Requires-Dist") or []
    base = {re.split(r"[^\w-]", line)[0] for line in required if "extra ==" not in line}
    assert {"pydantic", "pynacl"} <= base
    assert not base & NOT_IN_THE_BASE


def test_the_wheel_says_its_licence(wheel: Path) -> None:
    metadata = read_metadata(wheel)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
