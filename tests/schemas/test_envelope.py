"""The fixed bytes of an envelope, held to the widths of the spec."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_schemas.envelope import (
    CORE_BYTES,
    Core,
    EnvelopeClass,
    Header,
    SubmissionRecord,
    unpack_records,
)
from quietway_schemas.errors import EnvelopeError, SchemaError
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import DAY, WEEK, from_text

HEADER = Header(EnvelopeClass.CASE, 2, 0x0102, MailboxId(b"m" * 16), EnvelopeId(b"e" * 16))
FLASH_HEADER = replace(HEADER, class_=EnvelopeClass.FLASH)
CORE = Core(
    agency=AgencyId(b"a" * 16),
    device=DeviceId(b"d" * 16),
    incarnation=b"i" * 8,
    manifest_version=1,
    conversation=ConversationId(b"c" * 16),
    audience_digest=b"h" * 32,
    seq=2,
    prev=b"p" * 32,
    created=3,
    expires=4,
    content=b"{}",
)


def make_record(header: Header) -> SubmissionRecord:
    return SubmissionRecord(header, b"w" * 32, b"s" * header.class_.sealed_bytes)


def test_the_header_has_the_37_bytes_of_its_table() -> None:
    raw = HEADER.pack()
    assert raw == bytes([1, 2, 2, 1, 2]) + b"m" * 16 + b"e" * 16
    assert Header.unpack(raw) == HEADER


@pytest.mark.parametrize(
    ("offset", "value", "field"),
    [(0, 2, "version"), (1, 3, "class"), (1, 0, "class"), (2, 3, "suite")],
)
def test_a_header_with_an_unknown_number_is_refused(offset: int, value: int, field: str) -> None:
    raw = bytearray(HEADER.pack())
    raw[offset] = value
    with pytest.raises(EnvelopeError) as refused:
        Header.unpack(bytes(raw))
    assert refused.value.field == field


@pytest.mark.parametrize("length", [0, 36, 38])
def test_a_header_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(EnvelopeError):
        Header.unpack(HEADER.pack().ljust(38, b"\0")[:length])


@pytest.mark.parametrize("epoch", [-1, 2**16])
def test_an_epoch_out_of_range_is_a_refusal_and_never_a_wrap(epoch: int) -> None:
    with pytest.raises(EnvelopeError, match="epoch"):
        replace(HEADER, epoch=epoch)


def test_the_core_has_the_184_bytes_of_its_table() -> None:
    raw = CORE.pack()
    assert len(raw) == CORE_BYTES + 2
    assert raw[40:44] == bytes([0, 0, 0, 1])
    assert raw[92:96] == bytes([0, 0, 0, 2])
    assert raw[128:144] == bytes(7) + b"\3" + bytes(7) + b"\4"
    assert raw[144:184] == bytes(40)
    assert Core.unpack(raw) == CORE


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"manifest_version": 0}, "manifest version"),
        ({"manifest_version": 2**32}, "manifest version"),
        ({"seq": 2**32}, "seq"),
        ({"created": -1}, "created"),
        ({"expires": 2**64}, "expires"),
        ({"incarnation": bytes(7)}, "incarnation"),
        ({"prev": bytes(31)}, "prev"),
        ({"audience_digest": bytes(33)}, "audience digest"),
        ({"checkpoint_root": b"r" * 32}, "checkpoint root"),
        ({"content": b"{"}, "content"),
    ],
)
def test_a_core_field_out_of_range_is_refused_by_name(
    changes: dict[str, int | bytes], field: str
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        replace(CORE, **changes)
    assert refused.value.field == field


def test_a_core_without_room_for_content_is_refused() -> None:
    with pytest.raises(EnvelopeError):
        Core.unpack(CORE.pack()[:-1])


@given(st.binary(max_size=260))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_core_that_packs_to_itself_or_a_typed_refusal(raw: bytes) -> None:
    try:
        core = Core.unpack(raw)
    except SchemaError:
        return
    assert core.pack() == raw


@pytest.mark.parametrize(
    ("class_", "day", "epoch"),
    [
        (EnvelopeClass.FLASH, "1970-01-01", 0),
        (EnvelopeClass.FLASH, "1970-01-02", 1),
        (EnvelopeClass.CASE, "1970-01-01", 0),
        (EnvelopeClass.CASE, "1970-01-04", 0),
        (EnvelopeClass.CASE, "1970-01-05", 1),
        (EnvelopeClass.CASE, "2026-11-22", 2968),
        (EnvelopeClass.CASE, "2026-11-23", 2969),
    ],
)
def test_epochs_are_utc_days_and_weeks_from_monday(
    class_: EnvelopeClass, day: str, epoch: int
) -> None:
    assert class_.epoch_of(from_text(f"{day}T00:00:00.000Z")) == epoch
    assert class_.epoch_of(from_text(f"{day}T23:59:59.999Z")) == epoch


@given(st.sampled_from(EnvelopeClass), st.integers(min_value=0, max_value=9_000 * DAY))
@settings(max_examples=100, deadline=None)
def test_every_instant_lies_in_its_own_epoch(class_: EnvelopeClass, now: int) -> None:
    epoch = class_.epoch_of(now)
    assert class_.epoch_start(epoch) <= now < class_.epoch_end(epoch)
    long = DAY if class_ is EnvelopeClass.FLASH else WEEK
    assert class_.epoch_end(epoch) - class_.epoch_start(epoch) == long


def test_an_instant_whose_epoch_does_not_fit_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="epoch"):
        EnvelopeClass.FLASH.epoch_of(2**16 * DAY)


def test_a_batch_of_both_classes_comes_back() -> None:
    records = [make_record(FLASH_HEADER), make_record(HEADER), make_record(FLASH_HEADER)]
    body = b"".join(record.pack() for record in records)
    assert len(body) == 2_629 * 2 + 8_069
    assert unpack_records(body) == records


@pytest.mark.parametrize("change", ["cut", "trailing", "class"])
def test_a_batch_that_is_not_whole_records_is_refused_with_its_place(change: str) -> None:
    whole = make_record(FLASH_HEADER).pack()
    second = bytearray(whole)
    second[1] = 2 if change == "class" else 1
    body = {
        "cut": whole + whole[:-1],
        "trailing": whole + b"\0",
        "class": whole + bytes(second),
    }[change]
    with pytest.raises(EnvelopeError) as refused:
        unpack_records(body)
    assert refused.value.index == 1


def test_an_empty_batch_and_one_of_129_records_are_refused() -> None:
    with pytest.raises(EnvelopeError):
        unpack_records(b"")
    whole = make_record(FLASH_HEADER).pack()
    assert len(unpack_records(whole * 128)) == 128
    with pytest.raises(EnvelopeError) as refused:
        unpack_records(whole * 129)
    assert refused.value.index == 128
