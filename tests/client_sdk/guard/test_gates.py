"""An expression that is tried only where a piece of it stands finds all it would find anyway."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

import pytest

from quietway.guard import places, rules
from quietway.guard.expressions import Gated
from quietway.guard.reading import Reading
from quietway.guard.rules import list_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent


def find_gates() -> Iterator[tuple[str, Gated]]:
    for package in (places, rules):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for name, value in vars(import_module(module.name)).items():
                if isinstance(value, Gated):
                    yield f"{module.name}:{name}", value


GATES: Final = dict(find_gates())


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Give every view of every example, and of the sentences that tell a place."""
    examples = [example for rule in list_rules().values() for example in rule.examples]
    for half in ("seen", "unseen"):
        lines = (HERE / "places" / f"{half}.jsonl").read_text("utf-8").splitlines()
        examples += [json.loads(line)["text"] for line in lines]
    return [view.text for example in examples for view in Reading(example).views]


def list_missed(gate: Gated, texts: list[str]) -> list[str]:
    return [text for text in texts if gate.pattern.search(text) and not any(gate.finditer(text))]


@pytest.mark.parametrize("name", GATES)
def test_what_an_expression_finds_holds_one_of_its_pieces(name: str, texts: list[str]) -> None:
    assert any(GATES[name].finditer(text) for text in texts)
    assert list_missed(GATES[name], texts) == []


def test_a_piece_that_is_not_in_it_shuts_it_out(texts: list[str]) -> None:
    """Control: an expression behind a gate that never opens."""
    gate = Gated(r"\bstreet\b", ("\x00never",))
    assert list_missed(gate, texts)
