"""Content: one spelling, nothing that was not asked for, and room in any language."""

import json

import pytest
from pydantic import BaseModel
from tests.schemas.samples import NOW, make_largest, make_packet, make_smallest, make_status

from quietway_schemas.canonical import encode_canonical
from quietway_schemas.content.base import ContentModel, Text, count_written_bytes
from quietway_schemas.content.case import CaseStatus
from quietway_schemas.content.crisis import (
    OF_ONE_AGENCY,
    HuddleCheckin,
    HuddleMembers,
    InHuddle,
)
from quietway_schemas.content.debrief import EventClosed
from quietway_schemas.content.message import MOST_TEXT_BYTES, MessageText
from quietway_schemas.content.oncall import AgencyOnCallChange
from quietway_schemas.content.registry import (
    CONTENT_TYPES,
    encode_content,
    find_class,
    parse_content,
)
from quietway_schemas.content.status import StatusIndicator, propose_expiry
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import (
    ContentError,
    JsonError,
    SchemaError,
    TooLongError,
    UnknownCodeError,
    UnknownFieldError,
)
from quietway_schemas.instants import DAY, HOUR

LETTERS = {"an Arabic letter": ("م", 2), "a quotation mark": ('"', 2), "a face": ("\U0001f600", 4)}
HEADER = {"type", "schema_version", "dictionary_version"}


@pytest.mark.parametrize("content", make_smallest(), ids=lambda held: held.type)
def test_every_type_comes_back_from_its_bytes(content: ContentModel) -> None:
    raw = encode_content(content)
    assert parse_content(raw, find_class(content)) == content


@pytest.mark.parametrize("letter", LETTERS)
def test_every_type_at_its_maximum_fits_its_class_in_any_language(letter: str) -> None:
    largest = make_largest(*LETTERS[letter])
    assert {content.type for content in largest} == set(CONTENT_TYPES)
    for content in largest:
        raw = encode_content(content)
        assert len(raw) <= find_class(content).content_room
        assert parse_content(raw, find_class(content)) == content


@pytest.mark.parametrize("content", make_largest("م", 2), ids=lambda held: held.type)
def test_the_largest_of_each_type_has_every_field_set(content: ContentModel) -> None:
    demand_every_field(content)


EITHER_OR = {
    (CaseStatus, "review_at"),
    (EventClosed, "checkin_at"),
    (HuddleCheckin, "checkin_at"),
    (HuddleMembers, "follows"),
    *((AgencyOnCallChange, name) for name in ("tier", "back_starts", "back_ends")),
}
"""Where one field is set, another is not: the longer of them is in the sample."""


def demand_every_field(held: BaseModel) -> None:
    """Without this, a new field could grow a type past its room unnoticed."""
    for name in type(held).model_fields:
        if (type(held), name) in EITHER_OR:
            continue
        if isinstance(held, InHuddle) and name in OF_ONE_AGENCY:
            continue
        value = getattr(held, name)
        assert value is not None, name
        assert value != (), name
        if isinstance(value, BaseModel):
            demand_every_field(value)


@pytest.mark.requirement("A16")
@pytest.mark.parametrize("content", make_smallest(), ids=lambda held: held.type)
def test_what_nobody_set_is_absent(content: ContentModel) -> None:
    """A16: the minimal profile is the default constructor."""
    written = set(json.loads(encode_content(content)))
    optional = {
        name for name, field in type(content).model_fields.items() if not field.is_required()
    }
    assert not written & (optional - HEADER - content.model_fields_set)


def test_a_default_that_is_written_is_refused() -> None:
    held = json.loads(encode_content(make_status()))
    for name, value in (("exercise", False), ("identifiability", "pseudonymous"), ("handling", [])):
        raw = encode_canonical({**held, name: value})
        with pytest.raises(ContentError, match="one form"):
            parse_content(raw, EnvelopeClass.CASE)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"mood": "calm"}, UnknownFieldError),
        ({"code": "at_her_sisters"}, UnknownCodeError),
        ({"type": "status.novel"}, UnknownCodeError),
        ({"type": 7}, UnknownCodeError),
        ({"schema_version": 2}, ContentError),
        ({"dictionary_version": "9.0.0"}, ContentError),
        ({"expires": "tomorrow"}, ContentError),
        ({"confidence": True}, ContentError),
    ],
)
def test_what_this_version_does_not_know_is_refused_with_a_type(
    change: dict[str, object], error: type[SchemaError]
) -> None:
    held = json.loads(encode_content(make_status()))
    with pytest.raises(error):
        parse_content(encode_canonical({**held, **change}), EnvelopeClass.CASE)


@pytest.mark.parametrize("name", ["code", "state", "effective", "expires", "confidence"])
def test_a_missing_field_is_named(name: str) -> None:
    held = json.loads(encode_content(make_status()))
    del held[name]
    with pytest.raises(ContentError) as refused:
        parse_content(encode_canonical(held), EnvelopeClass.CASE)
    assert refused.value.field == name


def test_a_type_in_the_other_class_of_envelope_is_refused() -> None:
    raw = encode_content(make_status())
    with pytest.raises(ContentError, match="other class"):
        parse_content(raw, EnvelopeClass.FLASH)


def test_a_content_over_the_room_of_its_class_is_refused() -> None:
    raw = encode_canonical({"type": "message.text", "text": "x" * 1_200})
    with pytest.raises(JsonError):
        parse_content(raw, EnvelopeClass.FLASH)


@pytest.mark.parametrize("text", ["", " ", "\n", "a\x00", "a\tb", "a\x1b[2J", "a\x85", "a\u2028b"])
def test_a_text_that_is_empty_or_steers_a_screen_is_refused(text: str) -> None:
    with pytest.raises(ContentError, match="text"):
        MessageText(text=text)


def test_a_text_at_its_cap_passes_and_one_byte_more_does_not() -> None:
    assert MessageText(text="م" * (MOST_TEXT_BYTES // 2))
    for text in ("م" * (MOST_TEXT_BYTES // 2) + "x", "x\n" * (MOST_TEXT_BYTES // 3 + 1)):
        with pytest.raises(TooLongError) as refused:
            MessageText(text=text)
        assert refused.value.limit_bytes == MOST_TEXT_BYTES


def test_the_cap_counts_bytes_as_they_are_written() -> None:
    for text in ('"\\\n', "plain", "مرحبا", "\U0001f600", "a\x7f"):
        assert count_written_bytes(text) == len(encode_canonical({"t": text})) - len('{"t":""}')


def test_a_content_shows_nothing_of_what_it_says() -> None:
    packet = make_packet(purpose_text="Her words.")
    shown = f"{packet!r} {packet} {packet.referring!r} {packet.referring}"
    assert "words" not in shown
    assert "advocate" not in shown


def test_a_refusal_repeats_nothing_of_what_was_said() -> None:
    for change in ({"purpose_text": "Her words.\x00"}, {"purpose_text": ["Her words."]}):
        with pytest.raises(ContentError) as refused:
            make_packet(**change)
        assert "words" not in f"{refused.value!r} {refused.value.__cause__} {refused.value.args}"


def test_whoever_identifies_a_person_says_on_which_ground() -> None:
    with pytest.raises(ContentError, match="disclosure_basis"):
        MessageText(text="Hello", identifiability="identifying")
    with pytest.raises(ContentError, match="disclosure_basis"):
        MessageText(text="Hello", identifiability="identifying", disclosure_basis="non_identifying")
    assert MessageText(
        text="Hello", identifiability="identifying", disclosure_basis="survivor_release"
    )


@pytest.mark.requirement("A27")
def test_a_status_indicator_has_no_field_for_words_or_places_and_always_ends() -> None:
    """A27: status indicators instead of whereabouts; coded, no free text, expiry mandatory."""
    fields = StatusIndicator.model_fields
    assert not any(isinstance(mark, Text) for held in fields.values() for mark in held.metadata)
    assert {"code", "state", "confidence", "effective", "expires"} < set(fields)
    for expires in (NOW, NOW - 1, NOW + 30 * DAY + 1):
        with pytest.raises(ContentError, match="expires"):
            make_status(expires=expires)
    with pytest.raises(UnknownCodeError):
        make_status(code="12 Elm Street")


@pytest.mark.requirement("A27")
def test_a_sentence_fits_into_no_field_of_a_status_indicator() -> None:
    """A27: no free text, shown by trying every field."""
    for name in StatusIndicator.model_fields:
        with pytest.raises(SchemaError):
            make_status(**{name: "she is at 12 Elm Street"})


def test_what_calls_for_action_is_proposed_to_stand_for_a_day() -> None:
    assert propose_expiry("checkin_missed", NOW) == NOW + 24 * HOUR
    assert propose_expiry("safety_plan_active", NOW) == NOW + 14 * DAY


def test_lists_of_ids_are_sorted_and_without_doubles() -> None:
    for content in make_largest("م", 2):
        for name in ("devices", "message_ids"):
            held = getattr(content, name, None)
            if held is None:
                continue
            for wrong in (held[::-1], (held[0], held[0]), ()):
                with pytest.raises(ContentError):
                    type(content).model_validate({"type": content.type, name: wrong})


def test_the_place_of_what_is_answered_never_stands_alone() -> None:
    with pytest.raises(ContentError, match="in_reply_place"):
        MessageText(text="Yes.", in_reply_place=bytes(44))
    assert MessageText(text="Yes.", in_reply_to=bytes(32)).in_reply_place is None
