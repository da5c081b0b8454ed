"""Words: the published answers of BIP 39, patience with how they are typed, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_crypto.errors import EncodingError, WordsRefusedError
from quietway_crypto.words import SEED_WORDS, read_words, seed_to_words, to_words, words_to_seed

# vectors.json of BIP 39, English, 256 bits: those that can be written out by rule.
LEGAL = "legal winner thank year wave sausage worth useful "
LETTER = "letter advice cage absurd amount doctor acoustic avoid "
PUBLISHED = [
    (b"\x00" * 32, "abandon " * 23 + "art"),
    (b"\x7f" * 32, LEGAL * 2 + LEGAL.replace("useful", "title")),
    (b"\x80" * 32, LETTER * 2 + LETTER.replace("avoid", "bless")),
    (b"\xff" * 32, "zoo " * 23 + "vote"),
]
seeds = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(("seed", "text"), PUBLISHED)
def test_the_words_are_those_that_bip_39_publishes(seed: bytes, text: str) -> None:
    assert seed_to_words(seed) == tuple(text.split())


@settings(deadline=None)
@given(seeds)
def test_a_seed_comes_back_from_its_words(seed: bytes) -> None:
    words = seed_to_words(seed)
    assert len(words) == SEED_WORDS
    assert words_to_seed(" ".join(words)).reveal() == seed


@settings(deadline=None)
@given(seeds, st.sampled_from([" ", "\n", "\t", ", ", "\r\n ", "\u00a0"]), st.booleans())
def test_words_are_read_however_people_type_them(seed: bytes, between: str, shout: bool) -> None:
    words = [word.upper() if shout else word.title() for word in seed_to_words(seed)]
    for numbered in ("{word}", "{n}. {word}", "{n}) {word}", "{n} {word}", "{n}.{word}"):
        text = between.join(numbered.format(n=n, word=word) for n, word in enumerate(words, 1))
        assert words_to_seed(f"  {text}\n").reveal() == seed


@settings(deadline=None)
@given(seeds, st.integers(0, SEED_WORDS - 1))
def test_a_word_that_is_not_in_the_list_is_named_by_its_number_alone(seed: bytes, at: int) -> None:
    words = list(seed_to_words(seed))
    words[at] = "quietway"
    with pytest.raises(WordsRefusedError) as refused:
        words_to_seed(" ".join(words))
    assert refused.value.number == at + 1
    sentence = str(refused.value)
    assert sentence.startswith(f"Word {at + 1} is not in the list")
    assert "quietway" not in sentence


@pytest.mark.parametrize("count", [0, 1, 12, 23, 25])
def test_another_number_of_words_is_told(count: int) -> None:
    with pytest.raises(WordsRefusedError, match=f"There are {count} words") as refused:
        words_to_seed("abandon " * count)
    assert refused.value.number is None


def test_words_in_another_order_fail_their_checksum() -> None:
    words = list(seed_to_words(bytes(range(32))))
    words[3], words[7] = words[7], words[3]
    with pytest.raises(WordsRefusedError, match="their order"):
        words_to_seed(" ".join(words))


def test_a_text_without_end_is_refused_unread() -> None:
    with pytest.raises(WordsRefusedError, match="longer than any words"):
        read_words("abandon " * 1_000)


def test_a_digest_shows_its_first_bits_eleven_a_word() -> None:
    digest = bytes(range(32))
    assert to_words(digest, 4) == seed_to_words(digest)[:4]
    assert to_words(digest, 8) == seed_to_words(digest)[:8]
    assert to_words(digest[:11], 8) == to_words(digest, 8)
    assert read_words(" ".join(to_words(digest, 8))) == to_words(digest, 8)


@pytest.mark.parametrize(("length", "count"), [(0, 1), (5, 4), (32, 24), (32, 0)])
def test_more_words_than_the_digest_has_bits_are_refused(length: int, count: int) -> None:
    with pytest.raises(EncodingError):
        to_words(bytes(length), count)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_seed_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(EncodingError):
        seed_to_words(bytes(length))
