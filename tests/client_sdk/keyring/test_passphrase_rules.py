"""Passphrases: what is refused when one is chosen, and with which words."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from mnemonic import Mnemonic
from tests.client_sdk.folders import CHEAP, FOUNDING, PASSPHRASE
from tests.controls import without

from quietway.errors import PassphraseTooWeak
from quietway.keyring.head import read_head
from quietway.keyring.keyring import Keyring
from quietway.keyring.passphrase_rules import check_new_passphrase
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.passphrase import PassphraseParameters

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = ("HARBOR", "HARBOR-SHELTER")
REFUSED = {
    "herons": "at least 15 characters",
    "passwordpassword": "repeats itself",
    "iloveyouiloveyou": "repeats itself",
    "aaaaaaaaaaaaaaaaaaaaaaaa": "repeats itself",
    "a b a b a b a b a b a b a b": "repeats itself",
    "qwertyuiopasdfghjkl": "passwords",
    "zxcvbnm,./';lkjhgf": "keyboard",
    "dragonmonkeyshadow": "common passwords",
    "abcdefghijklmnopqrstu": "alphabet",
    "123456789012345": "passwords",
    "quietwayquietway1": "repeats itself",
    "QuietWay HARBOR-SHELTER": "thief knows",
    "HARBOR-SHELTER-2026": "thief knows",
    "P@ssw0rdP@ssw0rd1": "repeats itself",
    "19900101 19900102": "a date",
}


@pytest.mark.parametrize(("passphrase", "reason"), REFUSED.items())
def test_what_a_guesser_tries_early_is_refused_with_the_reason_and_never_repeated(
    passphrase: str, reason: str
) -> None:
    with pytest.raises(PassphraseTooWeak) as refused:
        check_new_passphrase(passphrase, known=KNOWN)
    assert reason in str(refused.value)
    assert passphrase not in str(refused.value)
    assert str(refused.value).endswith("Nothing was written.")


def test_without_the_measure_length_alone_lets_common_ones_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(
        monkeypatch,
        "quietway.keyring.passphrase_rules:_measure",
        lambda *_: {"guesses_log10": 99.0, "sequence": []},
    )
    check_new_passphrase("passwordpassword", known=KNOWN)


def test_six_words_that_dice_picked_pass() -> None:
    words = Mnemonic("english").wordlist
    dice = random.Random(6)
    for separator in (" ", "-", ""):
        for _ in range(20):
            check_new_passphrase(separator.join(dice.choices(words, k=6)), known=KNOWN)


@pytest.mark.parametrize(
    "passphrase",
    [
        PASSPHRASE,
        "مرحبا يا صديقي القديم العزيز",
        "静かな道を歩いて家に帰る夜の冬の雨",
        "x7!kQ29-vvT.pL0z",
    ],
)
def test_long_and_uncommon_ones_pass_in_every_script(passphrase: str) -> None:
    check_new_passphrase(passphrase, known=KNOWN)


def test_a_passphrase_of_thousands_of_characters_is_judged_at_once() -> None:
    check_new_passphrase(PASSPHRASE * 200, known=KNOWN)
    with pytest.raises(PassphraseTooWeak):
        check_new_passphrase("a" * 10_000)


def test_raised_parameters_are_taken_at_the_next_unlock_and_lower_ones_never(
    tmp_path: Path,
) -> None:
    path = tmp_path / "keyring"
    Keyring.create(
        path,
        passphrase=PASSPHRASE,
        entropy=SeededEntropy(1),
        parameters=CHEAP,
        founding=FOUNDING,
    ).add_record_key(b"n" * 16, bytes(32), 0)
    dearer = PassphraseParameters(time_cost=2, memory_kib=16, parallelism=1)
    for parameters, stored in ((None, CHEAP), (dearer, dearer), (CHEAP, dearer)):
        opened = Keyring.unlock(
            path, passphrase=PASSPHRASE, entropy=SeededEntropy(2), parameters=parameters
        )
        assert list(opened.record_names()) == [b"n" * 16]
        assert read_head(path.read_bytes()).parameters == stored
