"""Every text of every content type is listed: none can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from tests.schemas.samples import make_largest, make_packet

from quietway.guard.fields import find_kinds, holds_text, list_texts
from quietway.guarding.gate import list_kinds_with_text
from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.content.base import ContentModel, InDictionary
from quietway_schemas.content.contact import AfterHours, ContactSlot, DirectoryContact
from quietway_schemas.content.registry import CONTENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_WORDS: Final = {
    "attachment.file": {"media_type"},
    "directory.profile": {"time_zone"},
    "log.checkpoint": {"note"},
}
"""Free of form as a string, and no words of a person: a media type, a zone, what a log signs."""


def list_strings(model: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield each field that holds a string which is neither a code nor bound to a pattern."""
    for name, held in model.model_fields.items():
        for part in _list_models((held.annotation,)):
            yield from list_strings(part)
        if _is_free((held.annotation,), tuple(held.metadata)):
            yield model, name


def _list_models(types: tuple[Any, ...]) -> Iterator[type[BaseModel]]:
    for held in types:
        if isinstance(held, type) and issubclass(held, BaseModel):
            yield held
        else:
            yield from _list_models(get_args(held))


def _is_free(types: tuple[Any, ...], marks: tuple[Any, ...]) -> bool:
    for held in types:
        if get_origin(held) is Literal:
            continue
        if get_origin(held) is Annotated:
            inner, *more = get_args(held)
            if _is_free((inner,), (*marks, *more)):
                return True
        elif held is str:
            return not _is_bound(marks)
        elif _is_free(get_args(held), marks):
            return True
    return False


def _is_bound(marks: tuple[Any, ...]) -> bool:
    for mark in marks:
        inner = getattr(mark, "metadata", [])
        if isinstance(mark, CodeIn | InDictionary) or _is_bound(tuple(inner)):
            return True
        if isinstance(getattr(mark, "pattern", None), str):
            return True
    return False


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("name", CONTENT_TYPES)
def test_every_string_of_a_content_type_is_a_code_has_a_form_or_is_read(name: str) -> None:
    """A26: no field through which a house or street could be said unread, today or tomorrow."""
    free = list(list_strings(CONTENT_TYPES[name].model))
    unread = {field for model, field in free if field not in find_kinds(model)}  # type: ignore[arg-type]  # parts of contents
    assert unread <= NO_WORDS.get(name, set())


def test_the_walk_sees_a_text_that_nobody_marked() -> None:
    class Tomorrow(ContentModel):
        type: Literal["tomorrow"] = "tomorrow"
        whereabouts: str
        nested: tuple[AfterHours, ...]

    assert (Tomorrow, "whereabouts") in set(list_strings(Tomorrow))
    assert holds_text(Tomorrow)


def test_texts_are_found_wherever_they_stand() -> None:
    slot = {"role": "shelter_staff", "phone": "extension 4", "secure_email": "a@b.example"}
    slots = tuple(
        ContactSlot.model_validate({**slot, "slot": which, "name": which})
        for which in ("primary", "backup")
    )
    content = DirectoryContact(
        slots=slots,
        after_hours=AfterHours(method="on_call_phone", text="Ring twice."),
        valid_from=1,
        nonce=bytes(16),
    )
    assert {held.path: held.kind for held in list_texts(content)} == {
        "slots.0.name": "prose",
        "slots.0.phone": "professional_contact",
        "slots.0.secure_email": "professional_contact",
        "slots.1.name": "prose",
        "slots.1.phone": "professional_contact",
        "slots.1.secure_email": "professional_contact",
        "after_hours.text": "professional_contact",
    }


def test_a_referral_has_its_words_and_the_ways_to_its_staff() -> None:
    kinds = {held.path: held.kind for held in list_texts(make_packet())}
    assert kinds["purpose_text"] == "prose"
    assert kinds["referring.contact"] == "professional_contact"
    assert "pathway" not in kinds


def test_what_holds_no_text_yields_none_and_what_does_yields_all() -> None:
    for content in make_largest("a", 1):
        paths = [held.path for held in list_texts(content)]
        assert bool(paths) == (content.type in list_kinds_with_text()), content.type
        assert len(set(paths)) == len(paths)


def test_a_text_shows_in_no_repr() -> None:
    shown = repr(list(list_texts(make_packet(purpose_text="417 Elm Street"))))
    assert "purpose_text" in shown
    assert "Elm" not in shown
