"""The words of the tree: it speaks of itself alone, and names things as the glossary does."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import pytest
from tests.house.pages import ROOT, list_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCT: Final = ("crypto", "schemas", "protocol", "client_sdk", "server", "desk", "migrations")

# Folders of one machine have no place in what is meant for all, nor has what was never finished.
# The classes of one letter keep this file from finding itself.
MACHINE_PATHS: Final = re.compile(
    r"(?<![\w.~-])/(?:w[o]rk|r[o]ot|h[o]me|U[s]ers)/[\w.]|[A-Z]:\\U[s]ers\\"
)
UNFINISHED: Final = re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X)\b")
LEFT_ALONE: Final = ("LICENSE", "requirements/")

SPECIFICATION: Final = re.compile(r"^Spec: ([\w./-]+\.md)", re.MULTILINE)

# One word for each thing (docs/glossary.md), so none of those that mean anything and everything.
VAGUE: Final = {"manager", "helper", "helpers", "util", "utils", "misc", "common"}
NOT_SAID: Final = {"encrypt", "decrypt", "encrypted", "decrypted"}


def list_texts() -> list[Path]:
    names = [(path, str(path.relative_to(ROOT))) for path in list_files()]
    return [path for path, name in names if not name.startswith(LEFT_ALONE)]


def read_text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def list_sources() -> list[Path]:
    return [
        path
        for path in list_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PRODUCT
    ]


def list_defined_names(path: Path) -> Iterator[str]:
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def split_words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, UNFINISHED], ids=["paths", "marks"])
def test_no_file_speaks_of_anything_but_the_project(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in list_texts()
        for match in pattern.finditer(read_text(path))
    ]
    assert found == []


def test_names_of_the_product_are_words_of_the_glossary() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in list_sources()
        for name in list_defined_names(path)
        if split_words(name) & (VAGUE | NOT_SAID)
    ]
    assert found == []


@pytest.mark.parametrize("package", ["crypto/quietway_crypto", "schemas/quietway_schemas"])
def test_importing_a_lower_floor_imports_nothing_of_it(package: str) -> None:
    body = ast.parse((ROOT / package / "__init__.py").read_text("utf-8")).body
    assert [type(node) for node in body] == [ast.Expr]


def test_each_file_of_the_product_opens_by_saying_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in list_sources()
        if len(ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "") < len("What it is.")
    ]
    assert silent == []


def test_each_file_names_a_specification_that_is_there() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in list_files()
        if path.suffix == ".py"
        for named in SPECIFICATION.findall(read_text(path))
        if not (ROOT / named).exists()
    ]
    assert missing == []


def test_the_patterns_find_what_they_are_for() -> None:
    for folder in ("home", "root", "work", "Users"):
        assert MACHINE_PATHS.search(f"see /{folder}/ada")
    for path in ("docs/home/page", "https://example.org/users/1", "a/network/x"):
        assert not MACHINE_PATHS.search(path)
    assert UNFINISHED.search("# TO" + "DO: later")
