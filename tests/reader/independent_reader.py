"""A second reader of envelopes, written from `docs/spec/envelope.md` alone.

It exists to find out whether the page is enough: it shares no code with the product, and it builds
HPKE, the hybrid KEM, HKDF and the padding by hand from hash functions and single primitives. Where
it and the product disagree about a vector, one of them or the page is wrong. It is a test's reader:
it takes one envelope, and knows no store, no directory and no network.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl import bindings as sodium
from nacl.exceptions import CryptoError as SodiumError
from tests.reader import canonical_json
from tests.reader.curve import ORDER, may_sign

HEADER: Final = struct.Struct(">BBBH16s16s")
CORE: Final = struct.Struct(">16s16s8sI16s32sI32sQQQ32s")
HOUR, DAY = 3_600_000, 86_400_000
ENC_BYTES: Final = 1120
SIGNATURE_BYTES: Final = 64
MOST_DEVICES: Final = 50


@dataclass(frozen=True, slots=True)
class ClassRules:
    """What the table "Classes" says of one class; `first_day` is the day that epoch 0 starts on."""

    sealed: int
    life: int
    room: int
    days: int
    first_day: int
    types: frozenset[str]


CLASSES: Final = {
    1: ClassRules(
        sealed=2560,
        life=96 * HOUR,
        room=1174,
        days=1,
        first_day=0,
        types=frozenset(
            {
                "log.checkpoint",
                "message.text",
                "receipt.cover",
                "receipt.opened",
                "receipt.stored",
            }
        ),
    ),
    2: ClassRules(
        sealed=8000,
        life=30 * DAY,
        room=6614,
        days=7,
        first_day=-3,
        types=frozenset(
            {"attachment.file", "audience.list", "status.indicator"}
            | {
                f"referral.{step}"
                for step in ("ack", "cancel", "feedback", "outcome", "packet", "reopen")
            }
        ),
    ),
}


class RefusedError(Exception):
    """The envelope was refused; the reason is its class, in the words of "Opening"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a device, its mailbox, its one epoch seed; and the sender's certified key."""

    device: bytes
    mailbox: bytes
    epoch_seed: bytes
    sender_key: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope said."""

    core: bytes
    content: dict[str, canonical_json.Value]
    message_id: bytes
    core_hash: bytes


def pae(tag: str, body: bytes) -> bytes:
    """Encode a tag and a body so that neither can be taken for the other."""
    return b"DSSEv1 %d %s %d %s" % (len(tag), tag.encode("ascii"), len(body), body)


def digest(tag: str, body: bytes) -> bytes:
    """Hash a body for one purpose."""
    return hashlib.sha256(pae(tag, body)).digest()


def hkdf_extract(salt: bytes, ikm: bytes) -> bytes:
    """RFC 5869, section 2.2; an empty salt is 32 zero bytes."""
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def hkdf_expand(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, section 2.3."""
    out, block, index = b"", b"", 0
    while len(out) < length:
        index += 1
        block = hmac.digest(key, block + info + bytes([index]), "sha256")
        out += block
    return out[:length]


def read(reader: Reader, header: bytes, sealed: bytes, *, now: int) -> Opened:
    """Open one envelope in the order of the section "Opening".

    Args:
        reader: Who reads.
        header: What the relay sees.
        sealed: What follows it.
        now: Milliseconds since 1970-01-01T00:00:00Z.

    Raises:
        RefusedError: With the class of the first refusal.
    """
    rules, suite, epoch = _read_header(header, reader.mailbox)
    inner = _open_box(suite, reader.epoch_seed, header, sealed, rules)
    signature, core = _unpad(inner, rules)
    _check_core(core)
    _check_signature(reader, header, core, signature)
    _check_times(core, rules, epoch, now)
    content = _read_content(core[CORE.size :], rules)
    if content["type"] == "audience.list":
        _check_audience(reader, core, content)
    return Opened(
        core=core,
        content=content,
        message_id=digest("quietway/v1/message-id", core)[:16],
        core_hash=digest("quietway/v1/core", core),
    )


def _read_header(header: bytes, mailbox: bytes) -> tuple[ClassRules, int, int]:
    if len(header) != HEADER.size:
        raise RefusedError("not_addressed_to_me")
    version, class_code, suite, epoch, addressed, _ = HEADER.unpack(header)
    if version != 1 or class_code not in CLASSES or suite not in (1, 2) or addressed != mailbox:
        raise RefusedError("not_addressed_to_me")
    return CLASSES[class_code], suite, epoch


def _open_box(suite: int, seed: bytes, header: bytes, sealed: bytes, rules: ClassRules) -> bytes:
    if len(sealed) != rules.sealed:
        raise RefusedError("undecryptable")
    info = pae("quietway/v1/suite-seed", bytes([suite]))
    suite_seed = hkdf_expand(hkdf_extract(b"", seed), info, 32)
    try:
        return (_open_box_1 if suite == 1 else _open_box_2)(suite_seed, header, sealed)
    except (SodiumError, InvalidTag, ValueError):
        raise RefusedError("undecryptable") from None


def _open_box_1(private: bytes, _header: bytes, sealed: bytes) -> bytes:
    return sodium.crypto_box_seal_open(sealed, sodium.crypto_scalarmult_base(private), private)


def _open_box_2(suite_seed: bytes, header: bytes, sealed: bytes) -> bytes:
    expanded = hashlib.shake_256(suite_seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    curve_public = curve.public_key().public_bytes_raw()
    public = lattice.public_key().public_bytes_raw() + curve_public
    info = pae("quietway/v1/seal", header + hashlib.sha256(public).digest())
    enc, ciphertext = sealed[:ENC_BYTES], sealed[ENC_BYTES:]
    # The combiner of X-Wing, which is the KEM 0x647a: both secrets, then what the curve's half
    # was made from.
    secrets = lattice.decapsulate(enc[:1088]) + curve.exchange(
        X25519PublicKey.from_public_bytes(enc[1088:])
    )
    shared = hashlib.sha3_256(secrets + enc[1088:] + curve_public + b"\\.//^\\").digest()
    key, nonce = _hpke_schedule(shared, info)
    return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, b"")


def _hpke_schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9180, section 5.1, base mode: the key and the nonce of the first and only message."""
    suite_id = b"HPKE" + struct.pack(">HHH", 0x647A, 0x0001, 0x0003)

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hkdf_extract(salt, b"HPKE-v1" + suite_id + label + ikm)

    def expand(secret: bytes, label: bytes, length: int) -> bytes:
        return hkdf_expand(
            secret, struct.pack(">H", length) + b"HPKE-v1" + suite_id + label + context, length
        )

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(secret, b"key", 32), expand(secret, b"base_nonce", 12)


def _unpad(inner: bytes, rules: ClassRules) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">H", inner[:2])
    message, padding = inner[2 : 2 + length], inner[2 + length :]
    content_bytes = length - SIGNATURE_BYTES - CORE.size
    if len(message) != length or any(padding) or not 2 <= content_bytes <= rules.room:
        raise RefusedError("undecryptable")
    return message[:SIGNATURE_BYTES], message[SIGNATURE_BYTES:]


def _check_core(core: bytes) -> None:
    fields = CORE.unpack(core[: CORE.size])
    manifest_version, checkpoint_size, checkpoint_root = fields[3], *fields[10:]
    if manifest_version == 0 or (checkpoint_size == 0 and any(checkpoint_root)):
        raise RefusedError("undecryptable")


def _check_signature(reader: Reader, header: bytes, core: bytes, signature: bytes) -> None:
    signed = pae("quietway/v1/envelope", reader.device + header + core)
    if not may_sign(reader.sender_key) or int.from_bytes(signature[32:], "little") >= ORDER:
        raise RefusedError("forged")
    try:
        Ed25519PublicKey.from_public_bytes(reader.sender_key).verify(signature, signed)
    except InvalidSignature:
        raise RefusedError("forged") from None


def _check_times(core: bytes, rules: ClassRules, epoch: int, now: int) -> None:
    created, expires = CORE.unpack(core[: CORE.size])[8:10]
    start = (epoch * rules.days + rules.first_day) * DAY
    end = start + rules.days * DAY
    if now >= expires:
        raise RefusedError("expired")
    lasts = 0 < expires - created <= rules.life
    if not (lasts and created <= now + HOUR // 6 and created <= end + 2 * HOUR and expires > start):
        raise RefusedError("bad_time")


def _read_content(raw: bytes, rules: ClassRules) -> dict[str, canonical_json.Value]:
    try:
        content = canonical_json.decode(raw)
    except canonical_json.NotCanonicalError:
        raise RefusedError("bad_content") from None
    if content.get("type") not in rules.types:
        raise RefusedError("bad_content")
    return content


def _check_audience(reader: Reader, core: bytes, content: dict[str, canonical_json.Value]) -> None:
    listed = content.get("devices")
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_DEVICES:
        raise RefusedError("bad_content")
    devices = [_read_device(text) for text in listed]
    if devices != sorted(set(devices)):
        raise RefusedError("bad_content")
    sender, audience_digest = CORE.unpack(core[: CORE.size])[1:6:4]
    named = digest("quietway/v1/audience", b"".join(devices))
    if named != audience_digest or not {reader.device, sender} <= set(devices):
        raise RefusedError("not_addressed_to_me")


def _read_device(text: canonical_json.Value) -> bytes:
    letters = text.removeprefix("dev_") if isinstance(text, str) else ""
    try:
        device = base64.b32decode(letters.upper() + "======")
    except ValueError:
        raise RefusedError("bad_content") from None
    if text != "dev_" + base64.b32encode(device).decode().rstrip("=").lower():
        raise RefusedError("bad_content")
    return device
