"""Files sealed chunk by chunk: sizes by Padmé, chunks bound to their place, one error for all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_crypto.blob import BlobTerms, check_blob_commitment, open_blob, seal_blob
from quietway_crypto.blob_rights import hash_opening, hash_writer
from quietway_crypto.blob_sizes import (
    CHUNK_BYTES,
    LARGEST_LENGTH,
    SMALLEST_PADDED,
    count_chunks,
    measure_blob,
    pad_length,
    padme,
)
from quietway_crypto.errors import BlobRefusedError, EncodingError, KeyRefusedError
from quietway_crypto.secret import Secret

TYPE = b"application/pdf"


def terms_of(length: int, **others: object) -> BlobTerms:
    parts = {
        "key": Secret(bytes(range(32))),
        "blob_id": bytes(range(16)),
        "header": bytes(range(24)),
        "media_type": TYPE,
        "length": length,
        **others,
    }
    return BlobTerms(**parts)  # type: ignore[arg-type]  # a test names any of them


def sealed_of(content: bytes, **others: object) -> list[bytes]:
    return list(seal_blob(terms_of(len(content), **others), [content]))


def opened(terms: BlobTerms, pieces: list[bytes]) -> bytes:
    return b"".join(open_blob(terms, pieces[0], pieces[1:]))


def refused(terms: BlobTerms, pieces: list[bytes]) -> None:
    with pytest.raises(BlobRefusedError):
        opened(terms, pieces)


@pytest.mark.parametrize(
    ("length", "padded"),
    [(2, 2), (9, 10), (100, 104), (1000, 1024), (65_537, 67_584), (1_000_000, 1_015_808)],
)
def test_padme_gives_what_its_algorithm_says_by_hand(length: int, padded: int) -> None:
    assert padme(length) == padded


@settings(max_examples=400, deadline=None)
@given(st.integers(min_value=9, max_value=LARGEST_LENGTH))
def test_padding_costs_at_most_an_eighth_and_never_shrinks(length: int) -> None:
    padded = padme(length)
    assert length <= padded
    assert 100 * (padded - length) <= 12 * length
    assert padded <= padme(length + 1)
    assert padme(padded) == padded


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=LARGEST_LENGTH - 1))
def test_a_longer_file_is_never_a_smaller_blob(length: int) -> None:
    assert SMALLEST_PADDED <= pad_length(length) <= pad_length(length + 1)
    assert measure_blob(pad_length(length)) <= measure_blob(pad_length(length + 1))
    assert pad_length(length) >= length + 8


def test_lengths_that_no_file_has_are_refused() -> None:
    for length in (-1, LARGEST_LENGTH + 1):
        with pytest.raises(EncodingError):
            pad_length(length)


@pytest.mark.parametrize("length", [0, 1, 65_527, 65_528, 65_529, 67_576, 67_577, 200_000])
def test_a_file_comes_back_and_its_blob_has_the_size_that_was_told(length: int) -> None:
    content = (bytes(range(251)) * (length // 251 + 1))[:length]
    pieces = sealed_of(content)
    assert sum(map(len, pieces)) == measure_blob(pad_length(length))
    assert len(pieces) == 1 + count_chunks(pad_length(length))
    assert opened(terms_of(length), pieces) == content


def test_the_pieces_in_which_a_content_comes_make_no_difference() -> None:
    content = bytes(range(256)) * 300
    whole = sealed_of(content)
    in_pieces = [content[at : at + 777] for at in range(0, len(content), 777)]
    assert list(seal_blob(terms_of(len(content)), in_pieces)) == whole


def test_every_flipped_bit_of_head_chunk_end_and_commitment_is_refused() -> None:
    pieces = sealed_of(b"x" * 70_000)
    for number, piece in enumerate(pieces):
        for at in (0, 1, 16, 31, len(piece) - 17, len(piece) - 1):
            for bit in (0, 7):
                altered = bytearray(piece)
                altered[at] ^= 1 << bit
                refused(terms_of(70_000), [*pieces[:number], bytes(altered), *pieces[number + 1 :]])


def test_a_blob_under_other_terms_is_refused() -> None:
    pieces = sealed_of(b"x" * 100)
    for others in (
        {"key": bytes(32)},
        {"blob_id": bytes(16)},
        {"header": bytes(24)},
        {"media_type": b"image/png"},
    ):
        refused(terms_of(100, **others), pieces)
    refused(terms_of(101), pieces)
    refused(terms_of(99), pieces)
    refused(terms_of(70_000), pieces)


def test_chunks_dropped_moved_doubled_cut_or_added_are_refused() -> None:
    length = 4 * CHUNK_BYTES
    commitment, *chunks = sealed_of(b"x" * length)
    terms = terms_of(length)
    one, two, *rest = chunks
    for wrong in (
        [],
        chunks[:-1],
        chunks[1:],
        [two, one, *rest],
        [one, one, two, *rest],
        [*chunks, chunks[-1]],
        [*chunks, b""],
        [*chunks, bytes(17)],
        [one[:-1], two, *rest],
        [one + two, *rest],
    ):
        refused(terms, [commitment, *wrong])


def test_the_commitment_is_judged_before_anything_is_opened() -> None:
    pieces = sealed_of(b"x")
    with pytest.raises(BlobRefusedError):
        next(iter(open_blob(terms_of(1), bytes(32), iter(()))))
    check_blob_commitment(terms_of(1), pieces[0])
    for short in (b"", pieces[0][:31]):
        with pytest.raises(BlobRefusedError):
            check_blob_commitment(terms_of(1), short)


def test_a_content_of_another_length_than_told_is_not_sealed_to_its_end() -> None:
    for content in (b"x" * 9, b"x" * 11):
        with pytest.raises(EncodingError):
            list(seal_blob(terms_of(10), [content]))


def test_terms_of_other_lengths_are_refused() -> None:
    with pytest.raises(KeyRefusedError):
        terms_of(1, key=bytes(31))
    for others in ({"blob_id": bytes(15)}, {"header": bytes(23)}, {"media_type": b""}):
        with pytest.raises(EncodingError):
            terms_of(1, **others)
    assert repr(terms_of(1)) == "<BlobTerms>"


def test_the_two_secrets_have_hashes_of_their_own() -> None:
    assert hash_opening(bytes(32)) != hash_writer(bytes(32))
