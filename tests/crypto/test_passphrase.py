"""Passphrases: Argon2id against published answers, bounds, and what is too short."""

from __future__ import annotations

import re
from pathlib import Path

import cryptography_vectors
import pytest

from quietway_crypto.errors import PassphraseRefusedError
from quietway_crypto.passphrase import PassphraseParameters, check_passphrase, derive_key

CHEAP = PassphraseParameters(time_cost=2, memory_kib=256, parallelism=1)


def test_the_key_is_the_one_that_openssl_publishes() -> None:
    folder = Path(cryptography_vectors.__file__).parent
    text = (folder / "KDF" / "argon2id.txt").read_text("utf-8")
    blocks = [
        dict(re.findall(r"^(\w+) = ?(.*)$", block, re.MULTILINE)) for block in text.split("\n\n")
    ]
    # The other cases have a secret, a short salt or another length, as ours never do.
    ours = [b for b in blocks if b.get("length") == "32" and "secret" not in b]
    for block in ours:
        key = derive_key(
            bytes.fromhex(block["pass"]).decode("ascii"),
            salt=bytes.fromhex(block["salt"]),
            parameters=PassphraseParameters(
                int(block["iter"]), int(block["memcost"]), int(block["lanes"])
            ),
        )
        assert key.reveal().hex() == block["output"]
    assert len(ours) == 2


def test_a_salt_a_passphrase_and_each_parameter_change_the_key() -> None:
    keys = {
        derive_key(passphrase, salt=salt, parameters=parameters).reveal()
        for passphrase in ("one", "two")
        for salt in (bytes(16), bytes(17))
        for parameters in (
            CHEAP,
            PassphraseParameters(time_cost=3, memory_kib=256, parallelism=1),
            PassphraseParameters(time_cost=2, memory_kib=512, parallelism=1),
            PassphraseParameters(time_cost=2, memory_kib=256, parallelism=2),
        )
    }
    assert len(keys) == 16


def test_the_same_keys_pressed_on_two_systems_give_one_key() -> None:
    composed, decomposed = "caf\u00e9 \u212bngstr\u00f6m", "cafe\u0301 A\u030angstro\u0308m"
    one = derive_key(composed, salt=bytes(16), parameters=CHEAP)
    assert one == derive_key(decomposed, salt=bytes(16), parameters=CHEAP)


def test_the_default_costs_what_the_decision_says() -> None:
    default = PassphraseParameters.DEFAULT
    assert (default.time_cost, default.memory_kib, default.parallelism) == (3, 262_144, 4)


@pytest.mark.parametrize(
    ("time_cost", "memory_kib", "parallelism"),
    [
        *[(0, 256, 1), (65, 256, 1), (2, 7, 1), (2, 31, 4), (2, 4_194_305, 1)],
        *[(2, 256, 0), (2, 256, 17), (-1, 256, 1), (2, -256, 1), (2, 256, -1)],
    ],
)
def test_parameters_of_a_prepared_file_are_refused_before_memory_is_asked_for(
    time_cost: int, memory_kib: int, parallelism: int
) -> None:
    with pytest.raises(PassphraseRefusedError):
        PassphraseParameters(time_cost, memory_kib, parallelism)


def test_a_short_salt_is_refused() -> None:
    with pytest.raises(PassphraseRefusedError):
        derive_key("passphrase", salt=bytes(15), parameters=CHEAP)


@pytest.mark.parametrize(
    "passphrase",
    [
        "correct horse battery",
        "fifteen letters",
        "a b c d e f",
        "一 二 三 四 五 六",
        "خمسة عشر حرفا هنا",
    ],
)
def test_a_passphrase_long_enough_in_characters_or_words_is_taken(passphrase: str) -> None:
    check_passphrase(passphrase)


@pytest.mark.parametrize("passphrase", ["", "hunter2", "fourteen chars", "one two three", " " * 14])
def test_a_short_passphrase_is_refused_with_what_to_do(passphrase: str) -> None:
    with pytest.raises(PassphraseRefusedError, match="at least 15 characters, or six words"):
        check_passphrase(passphrase)


def test_a_passphrase_that_no_file_can_hold_is_refused() -> None:
    for act in (check_passphrase, lambda text: derive_key(text, salt=bytes(16), parameters=CHEAP)):
        with pytest.raises(PassphraseRefusedError, match="leave it out"):
            act("fifteen characters \ud800")
