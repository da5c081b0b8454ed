"""Derivation against Wycheproof and the standard library."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import pytest

from quietway_crypto import kdf
from quietway_crypto.encoding import TAG_LANE, TAG_SUITE_SEED, pae
from quietway_crypto.errors import EncodingError
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_hkdf_gives_the_answers_of_wycheproof(shared: Callable[[str], Path]) -> None:
    groups = json.loads(shared("vectors/wycheproof/hkdf_sha256_test.json").read_text("utf-8"))
    cases = [case for group in groups["testGroups"] for case in group["tests"]]
    for case in cases:
        ikm, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
        if case["result"] == "valid":
            okm = kdf._expand(ikm, salt=salt, info=info, length=case["size"])
            assert okm.hex() == case["okm"]
        else:
            with pytest.raises(EncodingError):
                kdf._expand(ikm, salt=salt, info=info, length=case["size"])
    assert len(cases) == 86


def test_derive_is_hkdf_with_an_empty_salt_over_the_pae() -> None:
    derived = kdf.derive(b"k" * 32, tag=TAG_SUITE_SEED, context=b"\2")
    extracted = hmac.digest(bytes(32), b"k" * 32, hashlib.sha256)
    assert derived == hmac.digest(extracted, pae(TAG_SUITE_SEED, b"\2") + b"\1", hashlib.sha256)
    assert kdf.derive(Secret(b"k" * 32), tag=TAG_SUITE_SEED, context=b"\2") == derived


def test_tag_and_context_each_set_keys_apart() -> None:
    keys = {
        kdf.derive(b"k" * 32, tag=tag, context=context)
        for tag in (TAG_SUITE_SEED, TAG_LANE)
        for context in (b"", b"\1", b"\2")
    }
    assert len(keys) == 6


@pytest.mark.parametrize("length", [-1, 0, 255 * 32 + 1])
def test_derive_refuses_an_impossible_length(length: int) -> None:
    with pytest.raises(EncodingError):
        kdf.derive(b"k" * 32, tag=TAG_LANE, length=length)


def test_a_tagged_hmac_is_over_the_pae() -> None:
    expected = hmac.new(b"k" * 32, pae(TAG_LANE, b"x"), hashlib.sha256).digest()
    assert kdf.hmac_tagged(Secret(b"k" * 32), TAG_LANE, b"x") == expected
