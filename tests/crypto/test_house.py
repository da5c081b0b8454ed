"""The room's own rules: nothing is imported unasked, tags stand in one place and in the spec."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
from pathlib import Path

import quietway_crypto
from quietway_crypto import encoding, errors

PACKAGE = Path(quietway_crypto.__file__).parent
SPEC = PACKAGE.parents[1] / "docs" / "spec" / "envelope.md"


def test_the_package_itself_imports_nothing() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    assert [type(node) for node in tree.body] == [ast.Expr]


def test_whoever_only_verifies_loads_nothing_that_opens() -> None:
    program = (
        "import sys, quietway_crypto.signing, quietway_crypto.encoding\n"
        "print(sorted(n for n in sys.modules if n.startswith('quietway_crypto.s')))\n"
    )
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ast.literal_eval(answer.stdout) == ["quietway_crypto.secret", "quietway_crypto.signing"]


def test_no_tag_is_a_prefix_of_another() -> None:
    for one, other in itertools.permutations(encoding.TAGS, 2):
        assert not other.startswith(one)


def test_the_tags_of_the_code_are_the_tags_of_the_specification() -> None:
    table = SPEC.read_text("utf-8").split("### Tags")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)) == encoding.TAGS


def test_every_tag_constant_is_in_the_set_of_tags() -> None:
    constants = {value for name, value in vars(encoding).items() if name.startswith("TAG_")}
    assert constants == encoding.TAGS


def test_a_tag_is_written_out_in_one_file_only() -> None:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        literals = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        written = [text for text in literals if text.startswith("quietway/v1/")]
        assert bool(written) == (path.name == "encoding.py")


def test_every_error_of_the_room_is_a_crypto_error_and_drawn_in_the_tree() -> None:
    classes = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception)
    ]
    assert all(issubclass(each, errors.CryptoError) for each in classes)
    assert all(each.__name__ in (errors.__doc__ or "") for each in classes)
    assert errors.CryptoError in classes


def test_the_open_error_says_one_constant_sentence() -> None:
    assert str(errors.OpenError()) == (
        "The envelope did not open: it was altered, or sealed to a key this device no longer has."
    )
