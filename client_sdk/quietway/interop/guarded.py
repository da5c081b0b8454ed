"""Says in which fields of a file that stay behind the guard found something.

What stays behind can still be copied by hand, by whoever has the file open beside this program. So
a report names the fields and the rules; never the words. Codes, systems, references and addresses
of definitions are for machines, and are not read.

Spec: docs/reference/interop.md, "What the guard found".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.guard.inspecting import inspect
from quietway.interop.dropped import DEEPEST_NAME, tell_name
from quietway.interop.json_file import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.interop.json_file import JsonValue

MOST_READ: Final = 64 * 1024
"""Characters of a file that are read; what goes beyond is told as `unread`."""
UNREAD: Final = "unread"
_FOR_MACHINES: Final = frozenset(
    ("code", "id", "profile", "reference", "resourceType", "system", "url", "versionId")
)


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """What the guard found in one field of a file that stays behind.

    Attributes:
        field: Its dotted name, as in `dropped`.
        rules: Ids of the rules, sorted; `unread`, of `file`, where it held more than is read.
    """

    field: str
    rules: tuple[str, ...]


def guard_fields(resource: JsonValue) -> tuple[FieldFinding, ...]:
    """Say what the guard found in the texts of a file, by field."""
    found: dict[str, set[str]] = {}
    left = MOST_READ
    for path, text in _list_texts(resource, ()):
        if left <= 0 or len(text) > left:
            found.setdefault(FILE, set()).add(UNREAD)
        rules = {finding.rule for finding in inspect(text[: max(left, 0)])}
        left -= len(text)
        if rules:
            found.setdefault(".".join(path), set()).update(rules)
    return tuple(FieldFinding(name, tuple(sorted(found[name]))) for name in sorted(found))


def _list_texts(value: JsonValue, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for held in value:
            yield from _list_texts(held, path)
    elif isinstance(value, dict):
        for name, held in value.items():
            if name not in _FOR_MACHINES:
                # What lies deeper is told by its outermost names, as what was left behind is.
                deeper = (*path, tell_name(name)) if len(path) < DEEPEST_NAME else path
                yield from _list_texts(held, deeper)
