"""What holds a secret shows a fingerprint and nothing else, to whoever asks in whatever way."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import TYPE_CHECKING

import pytest

from quietway_crypto.errors import KeyRefusedError
from quietway_crypto.secret import Secret, reveal
from quietway_crypto.signing import SigningKey
from quietway_crypto.suites import Suite, derive_keypair

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = bytes(range(32))
HOLDERS: list[Callable[[], object]] = [
    lambda: Secret(SEED),
    lambda: SigningKey(SEED),
    lambda: derive_keypair(Suite.SEALED_BOX, SEED),
    lambda: derive_keypair(Suite.HYBRID, SEED),
]


def test_what_prints_is_exactly_this() -> None:
    assert repr(Secret(SEED)) == "Secret(d0cd43e8)"
    assert repr(derive_keypair(Suite.HYBRID, SEED)) == (
        "EpochKeyPair(suite=<Suite.HYBRID: 2>, private=Secret(4f2b3434))"
    )
    assert repr(SigningKey(SEED)).endswith(", _secret=Secret(c26bf723))")


@pytest.mark.parametrize("make", HOLDERS)
def test_no_way_of_printing_shows_secret_bytes(make: Callable[[], object]) -> None:
    holder = make()
    secret = holder if isinstance(holder, Secret) else None
    for name in ("_secret", "private"):
        secret = getattr(holder, name, secret)
    assert isinstance(secret, Secret)
    raw = secret.reveal()
    for text in (repr(holder), str(holder), f"{holder}", f"{holder!r}", "%s" % (holder,)):  # noqa: UP031 - the old way of printing is one of the ways
        assert repr(raw)[2:-1] not in text
        assert raw.hex() not in text


@pytest.mark.parametrize("make", HOLDERS)
def test_no_secret_is_pickled_or_copied(make: Callable[[], object]) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(make(), protocol)
    with pytest.raises(TypeError):
        copy.deepcopy(make())


def test_no_secret_turns_into_json_bytes_or_a_dictionary() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret(SEED))
    with pytest.raises(TypeError):
        bytes(Secret(SEED))  # type: ignore[call-overload]  # which types forbid too
    with pytest.raises(TypeError):
        vars(Secret(SEED))
    with pytest.raises(TypeError):
        dataclasses.asdict(derive_keypair(Suite.SEALED_BOX, SEED))
    with pytest.raises(TypeError):
        format(Secret(SEED), ">40")


def test_secrets_compare_by_value_have_no_hash_and_do_not_change() -> None:
    assert Secret(SEED) == Secret(SEED)
    assert Secret(SEED) != Secret(SEED[::-1])
    assert Secret(SEED) != SEED
    with pytest.raises(TypeError):
        hash(Secret(SEED))
    with pytest.raises(AttributeError):
        Secret(SEED)._value = b""
    with pytest.raises(AttributeError):
        del Secret(SEED)._value


def test_reveal_gives_the_bytes_wrapped_or_not() -> None:
    assert reveal(Secret(SEED)) == reveal(SEED) == SEED


def test_a_secret_that_was_overwritten_gives_nothing_and_its_bytes_are_zero() -> None:
    raw = bytes(bytearray(range(32)))
    secret = Secret(raw)
    secret.overwrite()
    secret.overwrite()
    assert raw == bytes(32)
    assert repr(secret) == "Secret(cleared)"
    with pytest.raises(KeyRefusedError):
        secret.reveal()
