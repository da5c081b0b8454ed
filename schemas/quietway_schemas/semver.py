"""Versions of the dictionary: three numbers, and which step lies between two of them.

Spec: docs/spec/dictionary.md, "A release" and "The least step".
"""

import re
from enum import IntEnum
from typing import Final, NamedTuple, Self

from quietway_schemas.errors import ContentError

VERSION_PATTERN: Final = r"^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})$"
_VERSION: Final = re.compile(VERSION_PATTERN.removesuffix("$") + r"\Z", re.ASCII)


class Step(IntEnum):
    """How far one version is from the one before; a larger step covers a smaller one."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


class SemVer(NamedTuple):
    """One version. Versions compare as their numbers do."""

    major: int
    minor: int
    patch: int

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read `MAJOR.MINOR.PATCH`.

        Raises:
            ContentError: It is something else; suffixes are.
        """
        found = _VERSION.match(text)
        if found is None:
            raise ContentError("version", "is not three numbers with dots between them")
        return cls(*(int(part) for part in found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def find_step(before: SemVer, after: SemVer) -> Step:
    """Say which step leads from a version to a later one; `NONE` where it is not later."""
    if after <= before:
        return Step.NONE
    if after.major > before.major:
        return Step.MAJOR
    return Step.MINOR if after.minor > before.minor else Step.PATCH
