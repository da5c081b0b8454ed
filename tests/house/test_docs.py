"""The written pages keep up with the code.

Whatever a user may name is documented, links lead somewhere, and the examples run.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from tests.house.pages import (
    ROOT,
    find_examples,
    find_first_program,
    find_links,
    list_pages,
)
from typer.main import get_command

from quietway_desk.app import app
from quietway_schemas import problems
from quietway_server.options import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFERENCE = ROOT / "docs" / "reference"
PAGES = list_pages()
PAGES_WITH_EXAMPLES = [page for page in PAGES if find_examples(page.read_text("utf-8"))]
SOURCES = [
    str(ROOT / folder)
    for folder in ("crypto", "schemas", "protocol", "client_sdk", "server", "desk", "migrations")
]
PUBLIC_MODULES = (
    "quietway",
    "quietway.codes",
    "quietway.content",
    "quietway.interop",
    "quietway.testing",
)
PAGE_OF = {"quietway.interop": "interop.md"}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read_reference(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def list_commands(command: object, path: str) -> Iterator[str]:
    below: dict[str, object] = getattr(command, "commands", {})
    for name, each in below.items():
        yield from list_commands(each, f"{path} {name}")
    if not below:
        yield path


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_each_public_name_is_documented(module: str) -> None:
    page = read_reference(PAGE_OF.get(module, "sdk.md"))
    names = importlib.import_module(module).__all__
    assert names
    assert [name for name in names if not re.search(rf"`[^`\n]*\b{name}\b", page)] == []


def test_the_page_of_every_call_is_what_the_code_says() -> None:
    script = ROOT / "client_sdk" / "make_api_reference.py"
    page = REFERENCE / "api.md"
    done = subprocess.run(
        [sys.executable, str(script), "--check", str(page)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_setting_of_the_relay_is_documented() -> None:
    page = read_reference("settings.md")
    wanted = [name for setting in SETTINGS for name in (setting.option, setting.variable)]
    assert [name for name in wanted if f"`{name}`" not in page] == []


def test_each_problem_code_is_documented() -> None:
    page = read_reference("problems.md")
    assert [code for code in problems.PROBLEMS if f"`{code}`" not in page] == []


def test_each_make_target_is_documented() -> None:
    page = read_reference("make.md")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## .", makefile, re.MULTILINE))
    documented = set(re.findall(r"^\| `make ([a-z-]+)` \|", page, re.MULTILINE))
    assert targets == documented


def test_each_make_target_carries_its_sentence() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))


def test_each_command_of_the_desk_is_documented() -> None:
    page = read_reference("desk.md")
    commands = list(list_commands(get_command(app), "quietway"))
    assert len(commands) > 5
    assert [command for command in commands if f"`{command}" not in page] == []


def test_the_page_of_dependencies_lists_exactly_those_of_the_project() -> None:
    page = (ROOT / "docs" / "decisions" / "dependencies.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    declared = {
        re.match(r"[a-z0-9-]+", line)[0]  # type: ignore[index]  # a requirement begins with a name
        for line in (*project["dependencies"], *extras)
    }
    listed = re.findall(r"^\| ([a-z0-9-]+) \| (?!licence)", page, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == declared


def test_each_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    linked = set(find_links((folder / "README.md").read_text("utf-8")))
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} <= linked


def test_each_page_stands_in_the_index() -> None:
    folder = ROOT / "docs"
    linked = {
        (folder / target).resolve()
        for target in find_links((folder / "README.md").read_text("utf-8"))
    }
    pages = {page for page in folder.rglob("*.md") if page.parent.name != "decisions"}
    assert pages - {folder / "README.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_link_leads_to_a_file(page: Path) -> None:
    targets = [target.partition("#")[0] for target in find_links(page.read_text("utf-8"))]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_first_program_is_short() -> None:
    assert len(find_first_program().splitlines()) < 20


@pytest.mark.parametrize("page", PAGES_WITH_EXAMPLES, ids=named)
def test_the_examples_of_a_page_run_and_print_what_it_says(page: Path, tmp_path: Path) -> None:
    examples = find_examples(page.read_text("utf-8"))
    program = tmp_path / "page.py"
    program.write_text("\n".join(example.code for example in examples), "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(SOURCES), "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if any(example.prints is not None for example in examples):
        assert done.stdout == "".join(example.prints or "" for example in examples)
