"""The table of one class: `rules/NAME.toml`, read once.

A rule carries its own test: what it must find, and what the whole guard must leave alone.

Spec: docs/spec/guard.md, "Classes".
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway.guard.finding import Action, Field


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a class.

    Attributes:
        id: `class.name`.
        action: What is done about a finding.
        codes: What says it better, as `list/code` of the codebook.
        examples: Sentences in which this rule must find something.
        clean: Sentences in which no rule may find anything.
        passes_in: Fields in which it does not look.
    """

    id: str
    action: Action
    codes: tuple[str, ...]
    examples: tuple[str, ...]
    clean: tuple[str, ...]
    passes_in: frozenset[Field]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A class: its rules in order, and whatever else its detector reads from the file.

    Attributes:
        name: Name of the class, of its module and of its file.
        rules: Its rules.
        tables: The file's other tables, by name.
    """

    name: str
    rules: tuple[Rule, ...]
    tables: Mapping[str, Any]


@cache
def read_rule_file(name: str) -> RuleFile:
    """Read the table of a class.

    Args:
        name: The class, such as `vehicle`.
    """
    file = resources.files("quietway.guard.rules").joinpath(f"{name}.toml")
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    rules = tuple(_make_rule(row) for row in tables.pop("rule"))
    return RuleFile(tables.pop("class"), rules, tables)


def _make_rule(row: dict[str, Any]) -> Rule:
    return Rule(
        id=row["id"],
        action=cast("Action", row["action"]),
        codes=tuple(row.get("codes", ())),
        examples=tuple(row["examples"]),
        clean=tuple(row["clean"]),
        passes_in=frozenset(row.get("passes_in", ())),
    )
