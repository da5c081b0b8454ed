"""The code lists of the dictionary, for whoever shows them to people.

A partner app fills its menus from here and shows labels where codes travel. Nothing here changes a
list.

Spec: schemas/README.md, "The codebook".
"""

from __future__ import annotations

from quietway_schemas.codebook import lists
from quietway_schemas.codebook.lists import DICTIONARY_VERSION

__all__ = ["DICTIONARY_VERSION", "label_of", "labels", "list_names"]


def list_names() -> tuple[str, ...]:
    """Name all lists, sorted."""
    return lists.list_names()


def labels(list_name: str) -> dict[str, str]:
    """Give a list as code -> English label, in its own order; empty where there is none."""
    if list_name not in lists.list_names():
        return {}
    return {code: entry.label for code, entry in lists.entries(list_name).items()}


def label_of(list_name: str, code: str) -> str:
    """Say in English what a code means; one that the list does not have comes back as it is."""
    return labels(list_name).get(code, code)
