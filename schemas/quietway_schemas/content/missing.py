"""Which fields are missing, all of them at once, before anything is built or sealed (C38).

A model refuses the first field that it misses, and so does the reader of what was opened. A person
who fills in a form wants to hear of all of them. What a type of service usually asks for besides is
`profiles`; it refuses nothing.

Spec: schemas/README.md, "Referrals".
"""

from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from quietway_schemas.content.base import ContentModel


def list_missing(kind: type[ContentModel], given: Mapping[str, object]) -> tuple[str, ...]:
    """Name the required fields that are not given, in the order of the type.

    Args:
        kind: The type of content that is about to be built.
        given: What there is so far: field -> value; a part is a mapping or the part itself. None
            and a blank text count as not given.

    Returns:
        Names; those within a part with a dot, as `referring.staff`.
    """
    return tuple(_list_missing(kind, given))


def _list_missing(
    model: type[BaseModel], given: Mapping[str, object], prefix: str = ""
) -> Iterator[str]:
    for name, field in model.model_fields.items():
        value = given.get(name)
        part = _find_part(field.annotation)
        if part is not None and isinstance(value, Mapping):
            yield from _list_missing(part, value, f"{prefix}{name}.")
        elif field.is_required() and (value is None or _is_blank(value)):
            yield f"{prefix}{name}"


def _find_part(annotation: object) -> type[BaseModel] | None:
    for held in (annotation, *get_args(annotation)):
        if isinstance(held, type) and issubclass(held, BaseModel):
            return held
    return None


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()
