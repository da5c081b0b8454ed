"""Suite 0x02's construction against the files of age's own test kit for the same KEM.

Each file says in its header what a reader must do. The parsing below is age's, as small as these
files allow, and plays the part of a caller: lengths and encodings of arguments are its job, opening
is ours.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietway_crypto.errors import OpenError
from quietway_crypto.suites import hpke_xwing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INFO = b"age-encryption.org/mlkem768x25519"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
NAMES = [
    "armor_hybrid",
    "hybrid",
    "hybrid_and_x25519",
    "hybrid_bad_tag",
    "hybrid_currupted_enc_mlkem",
    "hybrid_currupted_enc_x25519",
    "hybrid_extra_argument",
    "hybrid_grease",
    "hybrid_identity",
    "hybrid_long_file_key",
    "hybrid_long_share",
    "hybrid_low_order",
    "hybrid_multiple_recipients",
    "hybrid_no_match",
    "hybrid_not_canonical_body",
    "hybrid_not_canonical_enc",
    "hybrid_short_share",
    "hybrid_uppercase",
    "hybrid_x25519_arg",
]

# age tells a share of small order from a wrong key; ours, on purpose, says one thing for both. The
# third file has an X25519 stanza, which a reader of hybrid stanzas passes by.
OPAQUE_HERE = {"hybrid_identity", "hybrid_low_order", "hybrid_x25519_arg"}


class HeaderError(Exception):
    """What age calls a header failure."""


@dataclass(frozen=True)
class Stanza:
    kind: str
    arguments: list[bytes]
    body: bytes


def _read_bech32(text: str) -> bytes:
    values = [BECH32.index(letter) for letter in text.lower().rpartition("1")[2]][:-6]
    bits = "".join(f"{value:05b}" for value in values)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


def _decode(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise HeaderError from None
    if base64.b64encode(raw).decode().rstrip("=") != text:
        raise HeaderError
    return raw


def _read_file(raw: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = raw.partition(b"\n\n")
    told = dict(line.split(": ", 1) for line in head.decode("utf-8").splitlines())
    if told.get("compressed") == "zlib":
        body = zlib.decompress(body)
    if told.get("armored") == "yes":
        body = base64.b64decode(b"".join(body.strip().splitlines()[1:-1]))
    return told, body


def _read_stanzas(body: bytes) -> tuple[list[Stanza], bytes, bytes]:
    """Give the stanzas, the MAC, and the bytes under the MAC."""
    start, mark, rest = body.partition(b"\n---")
    lines = start.decode("ascii").split("\n")
    assert lines.pop(0) == "age-encryption.org/v1"
    stanzas = []
    while lines:
        kind, *arguments = lines.pop(0).removeprefix("-> ").split(" ")
        text = ""
        while len(line := lines.pop(0)) == 64:
            text += line
        stanzas.append((kind, arguments, text + line))
    mac = rest.partition(b"\n")[0].strip().decode("ascii")
    parsed = [
        Stanza(kind, [argument.encode() for argument in arguments], _decode(text))
        for kind, arguments, text in stanzas
    ]
    return parsed, _decode(mac), start + mark


def _check_mac(file_key: bytes, mac: bytes, covered: bytes) -> None:
    key = HKDF(algorithm=SHA256(), length=32, salt=b"", info=b"header").derive(file_key)
    if not hmac.compare_digest(hmac.digest(key, covered, hashlib.sha256), mac):
        raise HeaderError


def _open_stanza(seed: bytes, stanza: Stanza) -> bytes:
    if len(stanza.arguments) != 1:
        raise HeaderError
    enc = _decode(stanza.arguments[0].decode("ascii"))
    if (len(enc), len(stanza.body)) != (1120, 32):
        raise HeaderError
    public = hpke_xwing.derive_public_key(seed)
    return hpke_xwing.open_(seed, public, enc + stanza.body, INFO)


def _find_file_key(identities: list[bytes], body: bytes) -> bytes:
    stanzas, mac, covered = _read_stanzas(body)
    for stanza in stanzas:
        for seed in identities:
            if stanza.kind != "mlkem768x25519":
                continue
            try:
                file_key = _open_stanza(seed, stanza)
            except OpenError:
                continue
            _check_mac(file_key, mac, covered)
            return file_key
    raise OpenError


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_the_age_test_kit_does_what_it_says(
    name: str, shared: Callable[[str], Path]
) -> None:
    raw = shared(f"vectors/age-testkit/{name}").read_bytes()
    told, body = _read_file(raw)
    identities = [
        _read_bech32(line.partition(b": ")[2].decode())
        for line in raw.partition(b"\n\n")[0].splitlines()
        if line.startswith(b"identity: AGE-SECRET-KEY-PQ-1")
    ]
    if told["expect"] == "success":
        assert _find_file_key(identities, body).hex() == told["file key"]
        return
    opaque = told["expect"] == "no match" or name in OPAQUE_HERE
    with pytest.raises(OpenError if opaque else HeaderError):
        _find_file_key(identities, body)


def test_every_file_of_the_test_kit_is_read(shared: Callable[[str], Path]) -> None:
    assert sorted(path.name for path in shared("vectors/age-testkit").iterdir()) == NAMES
