"""Ladders and claims: one form each, whole, and a secret that does not print."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.errors import EnvelopeError
from quietway_schemas.holds import (
    HORIZON_SECONDS,
    MOST_CLAIM_BYTES,
    MOST_CLAIM_RECORDS,
    MOST_LADDER_BYTES,
    MOST_PLACES,
    Claim,
    Ladder,
    Place,
    Tier,
)
from quietway_schemas.ids import EnvelopeId, MailboxId

if TYPE_CHECKING:
    from collections.abc import Callable


def make_record(mailbox: int, envelope: int = 0) -> SubmissionRecord:
    ids = MailboxId(mailbox.to_bytes(16, "big")), EnvelopeId(envelope.to_bytes(16, "big"))
    header = Header(EnvelopeClass.FLASH, 2, 20_000, *ids)
    return SubmissionRecord(header, b"w" * 32, bytes([mailbox % 256]) * 2_560)


def make_place(mailbox: int, envelope: int = 0) -> Place:
    return Place(mailbox.to_bytes(32, "little"), make_record(mailbox, envelope))


def make_tier(due: int, *mailboxes: int) -> Tier:
    return Tier(due, tuple(make_place(mailbox, due) for mailbox in mailboxes))


LADDER = Ladder((make_tier(0, 1, 2), make_tier(900, 3), make_tier(14_400, 1, 4)))
CLAIM = Claim(b"secretsecretsecretsecretsecretse", (make_record(1), make_record(2)))


@st.composite
def make_ladders(draw: st.DrawFn) -> Ladder:
    dues = draw(st.lists(st.integers(0, HORIZON_SECONDS), min_size=1, max_size=4, unique=True))
    boxes = st.lists(st.integers(0, 2**16), min_size=1, max_size=3, unique=True)
    return Ladder(tuple(make_tier(due, *draw(boxes)) for due in sorted(dues)))


@given(make_ladders())
@settings(max_examples=60, deadline=None)
def test_a_ladder_reads_back_as_it_was_written(ladder: Ladder) -> None:
    raw = ladder.pack()
    size = 2 + 3 * len(ladder.tiers) + 2_661 * len(ladder.places)
    assert (len(raw), Ladder.unpack(raw)) == (size, ladder)


@given(st.lists(st.integers(0, 2**16), min_size=1, max_size=5, unique=True), st.binary())
@settings(max_examples=60, deadline=None)
def test_a_claim_reads_back_as_it_was_written(mailboxes: list[int], secret: bytes) -> None:
    claim = Claim(secret[:32].ljust(32, b"\0"), tuple(make_record(box) for box in mailboxes))
    raw = claim.pack()
    assert (len(raw), Claim.unpack(raw)) == (33 + 2_629 * len(mailboxes), claim)


def test_a_ladder_has_the_bytes_of_its_table() -> None:
    raw = LADDER.pack()
    assert raw[:5] == bytes([1, 3, 0, 0, 2])
    second = 5 + 2 * 2_661
    assert raw[second : second + 3] == bytes([900 >> 8, 900 & 255, 1])
    assert raw[5:37] == LADDER.places[0].cancel_hash
    assert raw[37 : 37 + 2_629] == LADDER.places[0].record.pack()


def test_the_largest_of_both_have_the_sizes_that_the_spec_gives() -> None:
    tiers = tuple(make_tier(due, *range(1, MOST_PLACES + 1)) for due in range(4))
    claim = Claim(CLAIM.secret, tuple(make_record(n) for n in range(MOST_CLAIM_RECORDS)))
    assert len(Ladder(tiers).pack()) == MOST_LADDER_BYTES == 532_214
    assert len(claim.pack()) == MOST_CLAIM_BYTES == 525_833
    assert Ladder.unpack(Ladder(tiers).pack()).places[-1].record.header.mailbox.value[-1] == 50
    assert Claim.unpack(claim.pack()) == claim


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_bytes_with_one_bit_turned_are_another_ladder_or_a_typed_refusal(
    data: st.DataObject,
) -> None:
    raw = bytearray(LADDER.pack())
    at = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[at // 8] ^= 1 << at % 8
    try:
        read = Ladder.unpack(bytes(raw))
    except EnvelopeError:
        return
    assert read != LADDER
    assert read.pack() == raw


@given(st.binary(max_size=64), st.sampled_from([Ladder, Claim]))
@settings(max_examples=150, deadline=None)
def test_short_bytes_are_a_typed_refusal(raw: bytes, form: type[Ladder | Claim]) -> None:
    for body in (raw, b"\x01" + raw):
        with pytest.raises(EnvelopeError):
            form.unpack(body)


@pytest.mark.parametrize("form", [LADDER, CLAIM], ids=["ladder", "claim"])
@pytest.mark.parametrize(
    "bend",
    [
        lambda raw: raw[:0],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: b"\x02" + raw[1:],
        lambda raw: raw + raw,
    ],
    ids=["nothing", "short", "long", "version", "twice"],
)
def test_what_is_not_whole_is_refused(form: Ladder | Claim, bend: Callable[[bytes], bytes]) -> None:
    with pytest.raises(EnvelopeError):
        type(form).unpack(bend(form.pack()))


def test_a_ladder_with_a_place_less_than_it_counts_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="cut short"):
        Ladder.unpack(LADDER.pack()[:-2_661])


@pytest.mark.parametrize(
    ("tiers", "field"),
    [
        ((), "tiers"),
        (tuple(make_tier(due, 1) for due in range(5)), "tiers"),
        ((make_tier(5, 1), make_tier(5, 2)), "due"),
        ((make_tier(6, 1), make_tier(5, 2)), "due"),
        ((Tier(0, (make_place(1),)), Tier(1, (make_place(1),))), "envelope id"),
        (
            (Tier(0, (make_place(1),)), Tier(1, (Place(bytes([1] + [0] * 31), make_record(2)),))),
            "cancel hash",
        ),
    ],
    ids=["no tier", "five", "at one time", "backwards", "one id twice", "one hash for two"],
)
def test_tiers_that_are_no_ladder_are_refused_by_field(tiers: tuple[Tier, ...], field: str) -> None:
    with pytest.raises(EnvelopeError) as refused:
        Ladder(tiers)
    assert refused.value.field == field


def test_one_mailbox_may_stand_on_several_tiers_with_one_hash_or_two() -> None:
    other = Place(b"h" * 32, make_record(1, 7))
    assert Ladder((make_tier(0, 1), make_tier(5, 1), Tier(6, (other,)))).places[2] == other


@pytest.mark.parametrize("due", [-1, HORIZON_SECONDS + 1])
def test_a_time_outside_the_horizon_is_refused(due: int) -> None:
    with pytest.raises(EnvelopeError, match="due"):
        replace(LADDER.tiers[0], due=due)


@pytest.mark.parametrize("count", [0, MOST_PLACES + 1])
def test_a_tier_has_1_to_50_places(count: int) -> None:
    with pytest.raises(EnvelopeError, match="places"):
        make_tier(0, *range(count))


def test_a_mailbox_stands_once_on_a_tier_and_in_a_claim() -> None:
    with pytest.raises(EnvelopeError, match="mailbox"):
        Tier(0, (make_place(1, 1), make_place(1, 2)))
    with pytest.raises(EnvelopeError, match="mailbox"):
        Claim(CLAIM.secret, (make_record(1, 1), make_record(1, 2)))


def test_records_of_the_other_class_are_refused_with_their_place() -> None:
    case = SubmissionRecord(
        replace(LADDER.places[0].record.header, class_=EnvelopeClass.CASE), b"w" * 32, bytes(8_000)
    )
    with pytest.raises(EnvelopeError, match="class"):
        Place(bytes(32), case)
    with pytest.raises(EnvelopeError) as refused:
        replace(CLAIM, records=(make_record(1), case))
    assert (refused.value.field, refused.value.index) == ("class", 1)
    raw = bytearray(LADDER.pack())
    raw[5 + 2_661 + 32 + 1] = 2
    with pytest.raises(EnvelopeError) as refused:
        Ladder.unpack(bytes(raw))
    assert (refused.value.field, refused.value.index) == ("class", 1)


def test_neither_a_secret_nor_sealed_bytes_print() -> None:
    assert "secretsecret" not in repr(CLAIM)
    assert "\\x01\\x01" not in repr(CLAIM)
    with pytest.raises(EnvelopeError, match="cancel secret"):
        replace(CLAIM, secret=b"short")
