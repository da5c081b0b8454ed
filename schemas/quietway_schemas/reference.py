"""Writes `docs/reference/dictionary.md`: every type, field and code, for people to look up.

`python -m quietway_schemas.reference docs/reference/dictionary.md` writes it, with `--check` it
only compares and ends with status 1 where the page differs. The models and lists are the source.

Spec: schemas/README.md, "Exported".
"""

import datetime as dt
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from quietway_schemas.codebook.lists import (
    DICTIONARY_VERSION,
    CodeIn,
    entries,
    label,
    list_names,
    list_title,
)
from quietway_schemas.content.base import CaseContent, ContentModel, Text
from quietway_schemas.content.registry import CONTENT_TYPES, ContentType
from quietway_schemas.content.roles import (
    ADVOCATES_AND_LEADS,
    CASEWORK,
    EVERYONE,
    Roles,
    list_roles,
)
from quietway_schemas.fields import Base64
from quietway_schemas.ids import Id
from quietway_schemas.instants import LATEST_INSTANT

_ROLES: Final[Mapping[Roles, str]] = {
    EVERYONE: "everyone",
    CASEWORK: "all who work on cases",
    ADVOCATES_AND_LEADS: "advocates and leads",
}
_OF_EVERY_TYPE: Final = frozenset(ContentModel.model_fields)
_OF_A_CASE: Final = frozenset(CaseContent.model_fields) - _OF_EVERY_TYPE
_HEAD: Final = """# The dictionary

Version {version}. `make schemas` writes this page from the models and code lists: change those.

What may be said, field by field and code by code. A field that is not required is left out where it
would say nothing. Times are milliseconds since 1970-01-01T00:00:00Z. Spanish labels that survivors
read await a professional translator. Which rule is held where: [validation](../spec/validation.md).
"""
_ALWAYS: Final = ("type", "schema_version", "dictionary_version")
_PLAIN: Final[Mapping[object, str]] = {bool: "true or false", dt.date: "day, as `2026-11-22`"}


def make_page() -> str:
    """Write the whole page."""
    return "\n".join(_list_lines()) + "\n"


def _list_lines() -> Iterator[str]:
    yield _HEAD.format(version=DICTIONARY_VERSION)
    yield "## Fields that every type has\n"
    yield from _list_fields(ContentModel, _OF_EVERY_TYPE)
    yield "\n## Fields of whatever concerns a case\n"
    yield "Marked *case* below. They are left out unless set; some types ask for some of them.\n"
    yield from _list_fields(CaseContent, _OF_A_CASE)
    yield "\n## Types\n"
    for row in CONTENT_TYPES.values():
        yield from _list_type(row)
    yield "## Codes\n"
    for name in list_names():
        yield f"### List `{name}`\n\n{list_title(name)}.\n"
        yield "| code | English | Spanish |\n|---|---|---|"
        for code in entries(name):
            yield f"| `{code}` | {label(name, code)} | {label(name, code, 'es')} |"
        yield ""


def _list_type(row: ContentType) -> Iterator[str]:
    model = row.model
    yield f"### `{row.name}`\n"
    yield f"{_tell(model)}\n"
    case = " *case*;" if issubclass(model, CaseContent) else ""
    within = " within one agency alone;" if row.within_agency else ""
    yield (
        f"Class {row.envelope_class.name.lower()};{case}{within} said by"
        f" {_name_roles(row.roles.senders)}, received by {_name_roles(row.roles.receivers)}.\n"
    )
    common = _OF_A_CASE if issubclass(model, CaseContent) else frozenset[str]()
    own = {
        name
        for name, field in model.model_fields.items()
        if name not in _OF_EVERY_TYPE and (name not in common or field.is_required())
    }
    if own:
        yield from _list_fields(model, own)
        yield ""


def _tell(model: type[BaseModel]) -> str:
    paragraph = (model.__doc__ or "").split("\n\n")[0]
    told = " ".join(paragraph.split()).partition(": ")[2]
    return told[:1].upper() + told[1:]


def _name_roles(roles: Roles) -> str:
    named = _ROLES.get(roles)
    return named or ", ".join(f"`{role}`" for role in list_roles(roles))


def _list_fields(
    model: type[BaseModel], names: typing.Collection[str], prefix: str = ""
) -> Iterator[str]:
    if not prefix:
        yield "| field | holds | required |\n|---|---|---|"
    for name, field in model.model_fields.items():
        if name not in names:
            continue
        required = "yes" if field.is_required() or name in _ALWAYS else ""
        yield f"| `{prefix}{name}` | {_describe_field(field)} | {required} |"
        part = _find_part(field.annotation)
        if part is not None:
            yield from _list_fields(part, part.model_fields, f"{prefix}{name}.")


def _describe_field(field: FieldInfo) -> str:
    return _describe(field.annotation, field.metadata)


def _find_part(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_find_part(inner) for inner in typing.get_args(annotation))
    return next((part for part in found if part is not None), None)


def _describe(annotation: Any, marks: Sequence[object] = ()) -> str:
    origin = typing.get_origin(annotation)
    inner = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _describe(inner[0], (*inner[1:], *marks))
    if origin in {typing.Union, types.UnionType}:
        return _describe(next(held for held in inner if held is not type(None)), marks)
    if origin is tuple:
        return f"list of {_count(marks)}{_describe(inner[0])}"
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inner)
    told = (_describe_mark(mark) for mark in _unfold(marks))
    return next((found for found in told if found), "") or _describe_plain(annotation, marks)


def _describe_mark(mark: object) -> str:
    match mark:
        case CodeIn(list_name):
            return f"code of [`{list_name}`](#list-{list_name})"
        case Text(most_bytes, most_characters):
            cap = f"{most_characters} characters, " if most_characters else ""
            return f"free text, {cap}{most_bytes:,} bytes at most"
        case Base64(least, most):
            return f"{most:,} bytes" if least == most else f"{least} to {most:,} bytes"
    pattern = getattr(mark, "pattern", None)
    if isinstance(pattern, str):
        # In a table, a bar would begin the next cell.
        like = pattern.replace("|", "\\|")
        return "month, as `2026-11`" if pattern.startswith("^(19|20)") else f"text like `{like}`"
    return ""


def _describe_plain(annotation: Any, marks: Sequence[object]) -> str:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if annotation is int:
        return _describe_number(tuple(_unfold(marks)))
    if issubclass(annotation, Id):
        return f"id `{annotation.prefix}_...`"
    return "object:" if issubclass(annotation, BaseModel) else "text"


def _describe_number(marks: Sequence[object]) -> str:
    least, most = _find_bound(marks, "ge"), _find_bound(marks, "le")
    if most == LATEST_INSTANT:
        return "time"
    return "number" if most is None else f"number, {least} to {most:,}"


def _count(marks: Sequence[object]) -> str:
    least, most = _find_bound(marks, "min_length") or 0, _find_bound(marks, "max_length")
    if most is not None:
        return f"{least} to {most}: "
    return f"{least} or more: " if least else ""


def _find_bound(marks: Sequence[object], name: str) -> int | None:
    found = (getattr(mark, name, None) for mark in _unfold(marks))
    return next((bound for bound in found if bound is not None), None)


def _unfold(marks: Sequence[object]) -> Iterator[object]:
    for mark in marks:
        yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` compare it.

    Returns:
        0, or 1 where the page differs, or 2 for a call that makes no sense.
    """
    pages = [argument for argument in arguments if argument != "--check"]
    if len(pages) != 1:
        sys.stderr.write("Name one page, for instance: docs/reference/dictionary.md\n")
        return 2
    page, made = Path(pages[0]), make_page()
    if "--check" not in arguments:
        page.write_text(made, encoding="utf-8")
    if page.is_file() and page.read_text(encoding="utf-8") == made:
        return 0
    sys.stderr.write(f"{page.name} differs from the models: run this again without --check.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
