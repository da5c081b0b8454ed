"""The one permitted patch: a named defence out of action, so that its test shows what it is worth.

A control is the second half of a security or reliability test. It names one function of the
product, replaces it for the length of the test, and asserts that the attack then succeeds. Nothing
else in the tests patches anything, and the product has no switch that turns a defence off.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def without(
    monkeypatch: pytest.MonkeyPatch, defence: str, replacement: Callable[..., object]
) -> None:
    """Replace one named function of the product for the length of a test.

    Args:
        monkeypatch: pytest's own, which undoes the replacement.
        defence: `module:function` or `module:Class.method`.
        replacement: What stands in its place: the product as it would be without the defence.

    Raises:
        AttributeError: There is no such name, so the control no longer controls anything.
        TypeError: It is no function.
    """
    module_name, _, path = defence.partition(":")
    owner: object = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    if not callable(getattr(owner, name)):
        raise TypeError(f"{defence} is not a function: the control would prove nothing.")
    monkeypatch.setattr(owner, name, replacement)
