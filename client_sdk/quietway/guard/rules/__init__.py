"""The classes of places, links, numbers and routines: for each a detector and a table.

`CLASSES` names them; a class is `NAME.py` with `find(view)` and `NAME.toml` with its rules. `find`
is called once for each view of a text, yields hits in positions of that view, and takes time in
proportion to its length. It never looks beyond the view that it was given.

Spec: docs/spec/guard.md, "Classes".
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from quietway.guard.rule_file import Rule, read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

CLASSES: Final = (
    "acp",
    "coordinates",
    "court",
    "crossing",
    "device",
    "email",
    "identity",
    "link",
    "phone",
    "place",
    "plus_code",
    "postcode",
    "routine",
    "street",
    "three_words",
    "town",
    "vehicle",
)  # fmt: skip
"""One a line, sorted."""

_DENIED: Final = Rule(
    id="place.denied",
    action="block",
    codes=("relocation_option/shelter_in_network",),
    examples=(),
    clean=(),
    passes_in=frozenset(),
)
"""The one rule without a table: what it finds is in the agency's own list."""


class Detector(Protocol):
    """What finds the hits of one class."""

    def __call__(self, view: View, /) -> Iterable[Hit]:
        """Yield every hit in a view."""
        ...


@cache
def list_detectors() -> Mapping[str, Detector]:
    """Give the detector of every class by its name, in the order of `CLASSES`."""
    modules = {name: import_module(f"quietway.guard.rules.{name}") for name in CLASSES}
    return {name: cast("Detector", module.find) for name, module in modules.items()}


@cache
def list_rules() -> Mapping[str, Rule]:
    """Give every rule by its id, in the order of the classes."""
    return {rule.id: rule for name in CLASSES for rule in read_rule_file(name).rules}


def find_rule(rule_id: str) -> Rule:
    """Give one rule, that of the denied names too.

    Raises:
        KeyError: There is none of that id.
    """
    return _DENIED if rule_id == _DENIED.id else list_rules()[rule_id]
