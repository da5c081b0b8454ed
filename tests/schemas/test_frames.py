"""The frames of a mailbox session, and the poll page."""

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_schemas import frames
from quietway_schemas.envelope import EnvelopeClass, Header
from quietway_schemas.errors import ContentError, EnvelopeError, JsonError, SchemaError
from quietway_schemas.ids import EnvelopeId, MailboxId


def make_frame(seq: int, class_: EnvelopeClass) -> frames.EnvelopeFrame:
    header = Header(class_, 2, 9, MailboxId(b"m" * 16), EnvelopeId(b"e" * 16))
    return frames.EnvelopeFrame(seq, header, b"s" * class_.sealed_bytes)


CONTROL = [
    frames.Hello(after=0, witness_now=bytes(16)),
    frames.Hello(after=7, witness_now=bytes(16), witness_was=b"w" * 16),
    frames.Welcome(latest=9, acknowledged=3, now=5, witness="changed"),
    frames.Ack(through=4),
    frames.Ack(seqs=(1, 2, 9)),
    frames.Latest(latest=0),
    frames.Closing(problem="overloaded", detail="Come back later."),
]


ANSWERS = [
    frames.Accepted(through=1),
    frames.Refused(at=2, problem="conflict", index=0),
    frames.Refused(at=3, problem="overloaded", retry_after=5),
    frames.Closing(problem="overloaded", detail="Come back later."),
]


@pytest.mark.parametrize("frame", ANSWERS)
def test_every_answer_to_a_batch_comes_back(frame: frames.AnswerFrame) -> None:
    assert frames.decode_answer(frames.encode_control(frame)) == frame


@given(st.integers(1, 2**32 - 1))
def test_the_quick_way_to_say_accepted_says_the_same(through: int) -> None:
    assert frames.encode_accepted(through) == frames.encode_control(
        frames.Accepted(through=through)
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"frame":"accepted","through":0}',
        '{"frame":"refused","at":1}',
        '{"frame":"refused","at":1,"problem":"No Such"}',
        '{"frame":"refused","at":1,"problem":"conflict","index":-1}',
        '{"frame":"ack","through":1}',
        "{}",
    ],
)
def test_an_answer_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        frames.decode_answer(text)


@pytest.mark.parametrize("frame", CONTROL)
def test_every_control_frame_comes_back(frame: frames.ControlFrame) -> None:
    text = frames.encode_control(frame)
    assert frames.decode_control(text) == frame
    assert frames.decode_control(text.encode()) == frame


@pytest.mark.parametrize(
    "text",
    [
        '{"frame":"ack"}',
        '{"frame":"ack","through":1,"seqs":[1]}',
        '{"frame":"ack","seqs":[]}',
        '{"frame":"ack","seqs":[2,1]}',
        '{"frame":"ack","seqs":[1,1]}',
        '{"frame":"ack","through":-1}',
        '{"frame":"ack","through":"1"}',
        '{"frame":"ack","through":true}',
        '{"frame":"hello","after":0}',
        '{"frame":"hello","after":0,"witness_now":"AAAA"}',
        '{"frame":"latest","latest":0,"more":1}',
        '{"frame":"welcome","latest":1,"acknowledged":0,"now":0,"witness":"lost"}',
        '{"frame":"goodbye"}',
        '{"frame":7}',
        "{}",
    ],
)
def test_a_control_frame_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        frames.decode_control(text)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"frame":"ack","frame":"ack"}', "\ud800", "{" * 20_000]
)
def test_a_text_that_is_not_json_as_we_accept_it_is_refused(text: str) -> None:
    with pytest.raises(JsonError):
        frames.decode_control(text)


def test_an_ack_names_at_most_256_envelopes() -> None:
    assert frames.Ack(seqs=tuple(range(256)))
    with pytest.raises(ContentError, match="seqs"):
        frames.Ack(seqs=tuple(range(257)))


@pytest.mark.parametrize("class_", EnvelopeClass)
def test_an_envelope_frame_has_the_bytes_of_the_spec(class_: EnvelopeClass) -> None:
    frame = make_frame(258, class_)
    raw = frame.pack()
    assert raw[:9] == b"\x01" + bytes(6) + b"\x01\x02"
    assert len(raw) == 9 + 37 + class_.sealed_bytes
    assert frames.EnvelopeFrame.unpack(raw) == frame
    for damaged in (raw[:-1], raw + b"\0", b"\x02" + raw[1:], raw[:1], b"", bytes(len(raw))):
        with pytest.raises(EnvelopeError):
            frames.EnvelopeFrame.unpack(damaged)


@pytest.mark.parametrize(("class_", "fits"), [(EnvelopeClass.FLASH, 6), (EnvelopeClass.CASE, 2)])
def test_a_page_takes_what_fits_and_always_has_one_size(class_: EnvelopeClass, fits: int) -> None:
    waiting = [make_frame(seq, class_) for seq in range(1, 9)]
    page = frames.MailboxPage.fill(8, 1_000, waiting)
    assert len(page.entries) == fits
    assert len(page.pack()) == len(frames.MailboxPage(0, 1_000).pack()) == frames.PAGE_BYTES
    assert frames.MailboxPage.unpack(page.pack()) == page
    with pytest.raises(EnvelopeError, match="more than fits"):
        frames.MailboxPage(8, 1_000, tuple(waiting[: fits + 1]))


@pytest.mark.parametrize("change", ["padding", "count", "short", "order"])
def test_a_page_out_of_form_is_refused(change: str) -> None:
    raw = bytearray(frames.MailboxPage(2, 5, (make_frame(1, EnvelopeClass.FLASH),)).pack())
    match change:
        case "padding":
            raw[-1] = 1
        case "count":
            raw[17] = 2
        case "short":
            del raw[-1]
        case _:
            raw[18 + 2_605 : 18 + 2 * 2_605] = raw[18 : 18 + 2_605]
            raw[17] = 2
    with pytest.raises(EnvelopeError):
        frames.MailboxPage.unpack(bytes(raw))


@given(st.binary(max_size=64), st.sampled_from(["frame", "page", "control"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_with_a_typed_error(
    raw: bytes, what: Literal["frame", "page", "control"]
) -> None:
    padded = raw.ljust(frames.PAGE_BYTES, b"\0")
    try:
        match what:
            case "frame":
                frames.EnvelopeFrame.unpack(b"\x01" + raw)
            case "page":
                assert frames.MailboxPage.unpack(padded).pack() == padded
            case "control":
                frames.decode_control(raw)
    except SchemaError:
        return
