"""Who may import whom: the contracts of pyproject.toml catch what they are there to catch.

The tree as it is keeps them. Then a copy of it is made in which each contract is broken once: the
control that shows they are not empty words.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from tests.house.pages import ROOT

PYPROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FOLDERS: Final = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
CONTRACTS: Final = [each["name"] for each in PYPROJECT["tool"]["importlinter"]["contracts"]]

# Which import, planted in which file, breaks which contract (named by how it begins).
PLANTED: Final = (
    ("Floors", "protocol/quietway_protocol/states.py", "import quietway.errors"),
    ("The relay cannot read", "server/quietway_server/errors.py", "import quietway_crypto.seal"),
    ("Pure rooms", "crypto/quietway_crypto/padding.py", "import time"),
    ("Nothing is compressed", "crypto/quietway_crypto/kdf.py", "import zlib"),
    ("Files are taken apart", "client_sdk/quietway/files.py", "import quietway.cleaning.worker"),
    ("One door to the databases", "client_sdk/quietway/errors.py", "import sqlalchemy"),
    ("One door to the primitives", "schemas/quietway_schemas/ids.py", "import nacl"),
    ("One door to the list of words", "client_sdk/quietway/errors.py", "import mnemonic"),
    ("One door to pictures", "desk/quietway_desk/plain.py", "import segno"),
    ("One door to documents", "client_sdk/quietway/errors.py", "import lxml"),
    ("One door to FastAPI", "server/quietway_server/errors.py", "import fastapi"),
    ("One door to the network", "client_sdk/quietway/errors.py", "import httpx"),
    ("One door to counting", "server/quietway_server/errors.py", "import prometheus_client"),
    ("Rooms of the relay", "server/quietway_server/errors.py", "import quietway_server.ports"),
    ("No circles", "crypto/quietway_crypto/errors.py", "import quietway_crypto.padding"),
)


def lint(tree: Path) -> dict[str, str]:
    """Run import-linter over a tree: the name of each contract, and KEPT or BROKEN."""
    paths = [str(tree / folder.partition("/")[0]) for folder in FOLDERS]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return dict(re.findall(r"^(\S.*) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE))


def copy_tree(tree: Path) -> Path:
    """Copy the seven packages and their contracts."""
    shutil.copy(ROOT / "pyproject.toml", tree)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    tree = copy_tree(tmp_path_factory.mktemp("tree"))
    for _, name, statement in PLANTED:
        path = tree / name
        path.write_text(path.read_text("utf-8") + f"\n{statement}\n", "utf-8")
    return lint(tree)


def test_the_tree_as_it_is_keeps_every_contract(tmp_path: Path) -> None:
    assert lint(copy_tree(tmp_path)) == dict.fromkeys(CONTRACTS, "KEPT")


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_contract_catches_an_import_planted_against_it(
    contract: str, verdicts: dict[str, str]
) -> None:
    assert any(contract.startswith(begins) for begins, _, _ in PLANTED)
    assert verdicts[contract] == "BROKEN"
