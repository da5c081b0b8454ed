"""The code lists of the dictionary, for whoever shows them to people.

A partner app fills its menus from here and shows labels where codes travel. Nothing here changes a
list.

Spec: schemas/README.md, "The codebook".
"""

from __future__ import annotations

from quietway_schemas.codebook import lists
from quietway_schemas.codebook.lists import DICTIONARY_VERSION
from quietway_schemas.codebook.subcodes import LocalCode, LocalCodes
from quietway_schemas.locale import ENGLISH, LANGUAGES

__all__ = [
    "DICTIONARY_VERSION",
    "ENGLISH",
    "LANGUAGES",
    "LocalCode",
    "LocalCodes",
    "label_of",
    "labels",
    "list_names",
]


def list_names() -> tuple[str, ...]:
    """Name all lists, sorted."""
    return lists.list_names()


def labels(list_name: str, language: str = ENGLISH) -> dict[str, str]:
    """Give a list as code -> label, in its own order; empty where there is none.

    Args:
        list_name: Which list.
        language: One of `LANGUAGES`; any other is answered in English.
    """
    if list_name not in lists.list_names():
        return {}
    return {code: lists.label(list_name, code, language) for code in lists.entries(list_name)}


def label_of(list_name: str, code: str, language: str = ENGLISH) -> str:
    """Say what a code means; one that the list does not have comes back as it is."""
    return labels(list_name, language).get(code, code)
