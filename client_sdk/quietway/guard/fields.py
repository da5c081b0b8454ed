"""Every text of a content, with the kind of text that it is.

The models say themselves which of their fields are free text (`Text`), so a content type that is
new tomorrow is read like the others. What a model does not mark is a code, a number or a name with
a form of its own, and stands in no list here; a test walks the whole registry.

Spec: docs/spec/guard.md, "Where it is asked".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_args

from quietway_schemas.content.attachment import AttachmentFile
from quietway_schemas.content.base import ContentPart, Text
from quietway_schemas.content.contact import AfterHours, ContactSlot
from quietway_schemas.content.log import LogCheckpoint
from quietway_schemas.content.referral import Referring, VspContact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quietway.guard.finding import Field

_KINDS: Final[Mapping[tuple[type[ContentPart], str], Field]] = {
    (AfterHours, "text"): "professional_contact",
    (AttachmentFile, "name"): "file_name",
    (ContactSlot, "phone"): "professional_contact",
    (ContactSlot, "secure_email"): "professional_contact",
    (Referring, "contact"): "professional_contact",
    (VspContact, "contact"): "professional_contact",
}
"""What is not prose: how an office is reached, and the names of files."""

_OF_MACHINES: Final = frozenset({(LogCheckpoint, "note")})
"""What no person writes: the relay's log signs it, and a reader verifies it."""


@dataclass(frozen=True, slots=True)
class TextField:
    """One text of a content.

    Attributes:
        path: Where it stands, as `slots.0.phone`.
        text: What it says.
        kind: What kind of text it is.
    """

    path: str
    text: str = field(repr=False)
    kind: Field


def list_texts(content: ContentPart, path: str = "") -> Iterator[TextField]:
    """Yield every text of a content and of the parts inside it.

    Args:
        content: The content, or a part of one.
        path: Where the part stands.
    """
    kinds = find_kinds(type(content))
    for name in type(content).model_fields:
        yield from _list_in(getattr(content, name), f"{path}{name}", kinds.get(name))


@cache
def find_kinds(model: type[ContentPart]) -> Mapping[str, Field]:
    """Say which fields of a model are texts, and of which kind."""
    return {
        name: _KINDS.get((model, name), "prose")
        for name, held in model.model_fields.items()
        if (model, name) not in _OF_MACHINES
        and ((model, name) in _KINDS or _is_marked((held.annotation, *held.metadata)))
    }


def holds_text(model: type[ContentPart]) -> bool:
    """Say whether a model, or a part inside it, has a field of text."""
    inner = (held.annotation for held in model.model_fields.values())
    return bool(find_kinds(model)) or any(map(holds_text, list_parts(tuple(inner))))


def list_parts(types: tuple[Any, ...]) -> Iterator[type[ContentPart]]:
    """Yield the models that stand anywhere within some annotations."""
    for held in types:
        if isinstance(held, type) and issubclass(held, ContentPart):
            yield held
        else:
            yield from list_parts(get_args(held))


def _is_marked(held: tuple[Any, ...]) -> bool:
    return any(isinstance(one, Text) or _is_marked(get_args(one)) for one in held)


def _list_in(value: object, path: str, kind: Field | None) -> Iterator[TextField]:
    if isinstance(value, ContentPart):
        yield from list_texts(value, f"{path}.")
    elif isinstance(value, tuple):
        for number, held in enumerate(value):
            yield from _list_in(held, f"{path}.{number}", kind)
    elif isinstance(value, str) and kind is not None:
        yield TextField(path, value, kind)
