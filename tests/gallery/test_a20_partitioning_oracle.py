"""Row 20: one file that opens under many passphrases tests many guesses with one question.

The attacker can put a keyring in place of a device's (a copy to be "restored", a folder that is
synchronised) and sees how it is refused. XChaCha20-Poly1305 commits to no key: with some algebra a
ciphertext is made that is authentic under two guessed keys, and a device that answers "damaged" in
place of "wrong passphrase" tells that the passphrase is among the guesses (Len, Grubbs and
Ristenpart, 2021). The attacker knows everything but the passphrase: salt, cost, and the pepper.

Defences: each wrapped record begins with a commitment to its one key, which is checked before
anything is decrypted; a keyring's first record is opened first, and refuses alike for each reason.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.folders import CHEAP, FOUNDING
from tests.controls import without

from quietway.errors import StoreDamaged, WrongPassphrase
from quietway.keyring.head import Head, read_head, write_head
from quietway.keyring.keyring import Keyring
from quietway.keyring.records import DEVICE, bind
from quietway.keyring.vault import derive_kek, stretch
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.encoding import TAG_WRAP_COMMITMENT, TAG_WRAP_KEY
from quietway_crypto.kdf import derive
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import unwrap

if TYPE_CHECKING:
    from pathlib import Path

OWN = "nine loud geese walk under the summer bridge"
GUESSES = (OWN, "seven quiet herons cross the winter canal")
ELSEWHERE = "four slow bears sleep behind the autumn mill"
NONCE = bytes(range(24))
P = (1 << 130) - 5
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
M32 = 0xFFFFFFFF


def _rotate(value: int, by: int) -> int:
    return ((value << by) & M32) | (value >> (32 - by))


def _quarter(state: list[int], a: int, b: int, c: int, d: int) -> None:
    for one, two, three, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[one] = (state[one] + state[two]) & M32
        state[three] = _rotate(state[three] ^ state[one], by)


def _rounds(key: bytes, last: bytes) -> tuple[list[int], list[int]]:
    start = list(struct.unpack("<16L", b"expand 32-byte k" + key + last))
    state = start.copy()
    for _ in range(10):
        for column in range(4):
            _quarter(state, column, 4 + column, 8 + column, 12 + column)
        for diagonal in range(4):
            _quarter(
                state,
                diagonal,
                4 + (diagonal + 1) % 4,
                8 + (diagonal + 2) % 4,
                12 + (diagonal + 3) % 4,
            )
    return start, state


def one_time_key(key: bytes, nonce: bytes) -> tuple[int, int]:
    """Give Poly1305's r and s under an XChaCha20 key (RFC 8439 and draft-irtf-cfrg-xchacha)."""
    _, state = _rounds(key, nonce[:16])
    subkey = struct.pack("<8L", *state[:4], *state[12:])
    start, state = _rounds(subkey, bytes(4) + bytes(4) + nonce[16:])
    block = struct.pack("<16L", *((a + b) & M32 for a, b in zip(start, state, strict=True)))
    return int.from_bytes(block[:16], "little") & CLAMP, int.from_bytes(block[16:32], "little")


def _blocks(data: bytes) -> list[int]:
    padded = data + bytes(-len(data) % 16)
    return [
        int.from_bytes(padded[at : at + 16], "little") + (1 << 128)
        for at in range(0, len(padded), 16)
    ]


def collide(keys: list[tuple[int, int]], context: bytes) -> bytes:
    """Find three blocks and a tag that are authentic under two one-time keys."""
    lengths = struct.pack("<QQ", len(context), 48)
    ahead, behind = _blocks(context), _blocks(lengths)[0]
    (r1, s1), (r2, s2) = keys
    for attempt in range(4_096):
        tag = int.from_bytes(SeededEntropy(attempt).draw(16), "little")
        free = _blocks(SeededEntropy(10_000 + attempt).draw(16))[0]
        rows = []
        for r, s in ((r1, s1), (r2, s2)):
            known = 0
            for block in (*ahead, free, 0, 0, behind):
                known = (known + block) * r % P
            wanted = ((tag - s) % (1 << 128) - known) % P
            rows.append((pow(r, 3, P), pow(r, 2, P), wanted))
        (a, b, e), (c, d, f) = rows
        inverse = pow((a * d - b * c) % P, -1, P)
        found = [(e * d - b * f) * inverse % P, (a * f - e * c) * inverse % P]
        if all(1 << 128 <= block < 1 << 129 for block in found):
            body = [free, *found]
            raw = b"".join((block - (1 << 128)).to_bytes(16, "little") for block in body)
            return raw + tag.to_bytes(16, "little")
    raise LookupError("No collision was found: the attack needs more attempts.")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "keyring"
    Keyring.create(
        made, passphrase=OWN, entropy=SeededEntropy(1), parameters=CHEAP, founding=FOUNDING
    )
    return made


def kek_of(path: Path, head: Head, guess: str) -> Secret:
    pepper = (path.parent / "pepper").read_bytes()
    return derive_kek(stretch(guess, head.salt, CHEAP).key, Secret(pepper))


def craft(path: Path, committed_to: str | None) -> None:
    """Put a keyring in place that is authentic under both guesses, committed to one or to none."""
    head = read_head(path.read_bytes())
    keys = [kek_of(path, head, guess) for guess in GUESSES]
    context = bind(DEVICE, 0)
    ciphers = [derive(key, tag=TAG_WRAP_KEY, context=NONCE) for key in keys]
    ciphertext = collide([one_time_key(key, NONCE) for key in ciphers], context)
    commitment = bytes(32)
    if committed_to is not None:
        key = keys[GUESSES.index(committed_to)]
        commitment = derive(key, tag=TAG_WRAP_COMMITMENT, context=NONCE)
    crafted = tuple(
        record.model_copy(update={"wrapped": NONCE + commitment + ciphertext})
        if record.name == DEVICE
        else record
        for record in head.records
    )
    write_head(path, head.model_copy(update={"records": crafted}))


def answer(path: Path, passphrase: str) -> tuple[type[BaseException], str]:
    """Type a passphrase, and give what the attacker sees."""
    with pytest.raises((WrongPassphrase, StoreDamaged)) as refused:
        Keyring.unlock(path, passphrase=passphrase, entropy=SeededEntropy(2))
    return refused.type, str(refused.value)


def test_one_file_for_two_guesses_is_refused_alike_under_both(path: Path) -> None:
    craft(path, committed_to=None)
    answers = {answer(path, passphrase) for passphrase in (*GUESSES, ELSEWHERE)}
    assert answers == {(WrongPassphrase, str(WrongPassphrase()))}


@pytest.mark.parametrize("committed_to", GUESSES)
def test_a_file_that_commits_to_one_guess_says_nothing_of_the_other(
    path: Path, committed_to: str
) -> None:
    craft(path, committed_to=committed_to)
    (other,) = set(GUESSES) - {committed_to}
    assert answer(path, other) == answer(path, ELSEWHERE)


def test_control_without_the_commitment_one_question_answers_two_guesses(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    craft(path, committed_to=None)
    without(monkeypatch, "quietway_crypto.wrap:check_commitment", lambda *_: None)
    head = read_head(path.read_bytes())
    (crafted,) = (record.wrapped for record in head.records if record.name == DEVICE)
    for guess in GUESSES:
        assert unwrap(kek_of(path, head, guess), crafted, context=bind(DEVICE, 0))
        assert answer(path, guess)[0] is StoreDamaged
    assert answer(path, ELSEWHERE)[0] is WrongPassphrase
