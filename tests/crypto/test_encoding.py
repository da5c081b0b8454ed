"""Tagged encodings against DSSE's own example, and texts that have one form each."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_crypto.encoding import (
    TAG_CORE,
    TAG_SEAL,
    constant_time_equal,
    decode_base32,
    decode_base64,
    encode_base32,
    encode_base64,
    hash_tagged,
    pae,
)
from quietway_crypto.errors import EncodingError


def test_pae_writes_the_example_of_the_dsse_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_no_pae_can_be_taken_for_a_signature_base_of_http() -> None:
    assert pae(TAG_CORE, b'"@method": GET')[:1] != b'"'


@pytest.mark.parametrize("tag", ["", "quietway/v1/é"])
def test_pae_refuses_a_tag_that_is_empty_or_not_ascii(tag: str) -> None:
    with pytest.raises(EncodingError):
        pae(tag, b"")


@settings(max_examples=200, deadline=None)
@given(st.text("abc 123", min_size=1), st.binary(), st.text("abc 123", min_size=1), st.binary())
def test_two_different_pairs_never_have_one_pae(
    tag: str, body: bytes, other_tag: str, other_body: bytes
) -> None:
    same = (tag, body) == (other_tag, other_body)
    assert (pae(tag, body) == pae(other_tag, other_body)) == same


def test_a_tagged_hash_is_the_sha256_of_the_pae() -> None:
    assert hash_tagged(TAG_CORE, b"x") == hashlib.sha256(b"DSSEv1 16 quietway/v1/core 1 x").digest()
    assert hash_tagged(TAG_CORE, b"x") != hash_tagged(TAG_SEAL, b"x")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_base64_and_base32_come_back_as_they_went(raw: bytes) -> None:
    assert decode_base64(encode_base64(raw)) == raw
    assert decode_base32(encode_base32(raw)) == raw


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="AaBbYyZz0189-_+/= \n\té\uff12", max_size=12))
def test_a_text_that_decodes_is_the_one_text_of_its_bytes(text: str) -> None:
    for decode, encode in ((decode_base64, encode_base64), (decode_base32, encode_base32)):
        try:
            raw = decode(text)
        except EncodingError:
            continue
        assert encode(raw) == text


@pytest.mark.parametrize(
    "text", ["QQ==", "QR", "Q", "QUJD\n", " QUJD", "QU+D", "QU/D", "QÜJD", "QU=JD", "QUJDQ==="]
)
def test_base64_refuses_every_second_form(text: str) -> None:
    with pytest.raises(EncodingError):
        decode_base64(text)


@pytest.mark.parametrize(
    "text", ["ME", "me======", "mf", "m", "mfr", "mfrggz\n", " mfrgg", "m1", "m0", "mfrgé"]
)
def test_base32_refuses_every_second_form(text: str) -> None:
    with pytest.raises(EncodingError):
        decode_base32(text)


def test_an_id_of_sixteen_bytes_is_26_characters_of_base32() -> None:
    raw = bytes(range(16))
    assert encode_base32(raw) == base64.b32encode(raw).decode().rstrip("=").lower()
    assert len(encode_base32(raw)) == 26


def test_comparison_in_constant_time_still_compares() -> None:
    assert constant_time_equal(b"same", b"same")
    assert not constant_time_equal(b"same", b"sane")
    assert not constant_time_equal(b"same", b"longer")
