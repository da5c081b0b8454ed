# ruff: noqa: INP001 - a script beside its vectors, not part of a package
"""Write the envelope vectors: one file, one case, a sentence for a name.

Every header, core and inner is packed here by hand from docs/spec/envelope.md, so that the vectors
hold the product's own packing to the page and not to itself; the product's crypto is used to sign,
derive and seal. Everything is made from fixed labels except the randomness of sealing: running this
again changes `sealed` and nothing else.

    python crypto/vectors/make_vectors.py [DIRECTORY]

Spec: docs/spec/envelope.md.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import (
    TAG_AUDIENCE,
    TAG_CORE,
    TAG_ENVELOPE,
    TAG_MANIFEST,
    TAG_MESSAGE_ID,
    encode_base32,
    hash_tagged,
)
from quietway_crypto.padding import pad
from quietway_crypto.seal import seal
from quietway_crypto.signing import SigningKey
from quietway_crypto.suites import Suite, derive_keypair

if TYPE_CHECKING:
    from collections.abc import Callable

DAY: Final = 86_400_000
HOUR: Final = 3_600_000
MINUTE: Final = 60_000
FLASH, CASE = 1, 2
CLASS_NAMES: Final = {FLASH: "flash", CASE: "case"}
SEALED_BYTES: Final = {FLASH: 2_560, CASE: 8_000}
LIFE: Final = {FLASH: 96 * HOUR, CASE: 30 * DAY}
NOW: Final = 1_795_435_200_000  # 2026-11-23T12:00:00Z, a Monday
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER: Final = bytes([1]) + bytes(31)


def fix(label: str, length: int = 16) -> bytes:
    """Make bytes that look random and are the same each time."""
    return hashlib.sha256(f"quietway vectors: {label}".encode()).digest()[:length]


SEED: Final = fix("recipient's epoch seed", 32)
SENDER: Final = SigningKey(fix("sender's identity seed", 32))
STRANGER: Final = SigningKey(fix("stranger's identity seed", 32))
DEVICE, MAILBOX = fix("recipient's device"), fix("recipient's mailbox")
SENDER_AGENCY, SENDER_DEVICE = fix("sender's agency"), fix("sender's device")


def find_epoch(class_: int, time: int) -> int:
    """Number the epoch of a class that an instant falls into."""
    return time // DAY if class_ == FLASH else (time // DAY + 3) // 7


def digest_audience(devices: list[bytes]) -> bytes:
    """Digest an audience: sorted ids, joined, hashed under their tag."""
    return hash_tagged(TAG_AUDIENCE, b"".join(sorted(devices)))


AUDIENCE: Final = sorted([DEVICE, SENDER_DEVICE, fix("a colleague's device")])


def write_json(value: dict[str, object]) -> bytes:
    """Write canonical JSON; good enough for the ASCII keys and plain values used here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def write_content(type_: str, **fields: object) -> bytes:
    """Write a content with the header fields that each has."""
    head: dict[str, object] = {"type": type_, "schema_version": 1, "dictionary_version": "0.1.0"}
    return write_json(head | fields)


def write_audience(devices: list[bytes]) -> bytes:
    """Write the content that names an audience."""
    return write_content(
        "audience.list", devices=["dev_" + encode_base32(each) for each in devices]
    )


TEXT: Final = write_content("message.text", text="The advocate can call after three.")
STATUS: Final = write_content(
    "status.indicator",
    code="safety_plan_active",
    state="active",
    confidence="confirmed",
    effective=NOW - HOUR,
    expires=NOW + 10 * DAY,
)


def keep(raw: bytes) -> bytes:
    """Change nothing: the form that every step has when a case leaves it alone."""
    return raw


@dataclass(frozen=True)
class Case:
    """One vector: what differs from an honest flash envelope under suite 0x02.

    The callables change the bytes of one step after it was done honestly.
    """

    name: str
    description: str
    refusal: str | None = None
    class_: int = FLASH
    suite: Suite = Suite.HYBRID
    content: bytes = TEXT
    audience: list[bytes] = field(default_factory=lambda: AUDIENCE)
    seq: int = 1
    prev: bytes = fix("core before", 32)
    created: int = NOW - MINUTE
    life: int = 12 * HOUR
    epoch_time: int | None = None
    version: int = 1
    mailbox: bytes = MAILBOX
    signer: SigningKey = SENDER
    announced: bytes = SENDER.public
    signed_device: bytes = DEVICE
    signed_tag: str = TAG_ENVELOPE
    sealed_to: bytes = SEED
    change_signed_header: Callable[[bytes], bytes] = keep
    change_core: Callable[[bytes], bytes] = keep
    change_signature: Callable[[bytes], bytes] = keep
    change_inner: Callable[[bytes], bytes] = keep
    change_sealed: Callable[[bytes], bytes] = keep
    change_header: Callable[[bytes], bytes] = keep


def pack_header(case: Case) -> bytes:
    """Pack the 37 bytes that the relay sees."""
    time = case.created if case.epoch_time is None else case.epoch_time
    epoch = find_epoch(case.class_, time)
    head = struct.pack(">BBBH", case.version, case.class_, case.suite, epoch)
    return head + case.mailbox + fix(f"envelope id of {case.name}")


def pack_core(case: Case) -> bytes:
    """Pack the 184 bytes that are the same for every recipient, and the content."""
    who = SENDER_AGENCY + SENDER_DEVICE + fix("incarnation", 8) + struct.pack(">I", 1)
    where = fix("conversation") + digest_audience(case.audience)
    place = struct.pack(">I", case.seq) + case.prev
    when = struct.pack(">QQ", case.created, case.created + case.life)
    checkpoint = struct.pack(">Q", 0) + bytes(32)
    return case.change_core(who + where + place + when + checkpoint + case.content)


def write_case(case: Case) -> dict[str, object]:
    """Build the envelope of one case, and say what must come of it."""
    header, core = pack_header(case), pack_core(case)
    signed = case.signed_device + case.change_signed_header(header) + core
    signature = case.change_signature(case.signer.sign(case.signed_tag, signed))
    inner = pad(signature + core, SEALED_BYTES[case.class_] - case.suite.seal_overhead)
    public = derive_keypair(case.suite, case.sealed_to).public
    sealed = seal(case.suite, public, case.change_inner(inner), header=header)
    return {
        "description": case.description,
        "suite": int(case.suite),
        "class": CLASS_NAMES[case.class_],
        "now": NOW,
        "recipient_epoch_seed": SEED.hex(),
        "recipient_device": DEVICE.hex(),
        "recipient_mailbox": MAILBOX.hex(),
        "sender_identity_public": case.announced.hex(),
        "audience": [each.hex() for each in case.audience],
        "header": case.change_header(header).hex(),
        "sealed": case.change_sealed(sealed).hex(),
        "opens": case.refusal is None,
        **({} if case.refusal is None else {"refusal": case.refusal}),
        **(write_expectation(core) if expects_core(case) else {}),
    }


def expects_core(case: Case) -> bool:
    """Say whether a reader of this case comes as far as a core."""
    honest = pack_header(replace(case, version=1, mailbox=MAILBOX))
    header = case.change_header(pack_header(case))
    well_formed = len(header) == len(honest) and header[:21] == honest[:21]
    return well_formed and case.refusal != "undecryptable"


def write_expectation(core: bytes) -> dict[str, object]:
    """Say what a reader that opened the box must find."""
    return {
        "core": core.hex(),
        "message_id": hash_tagged(TAG_MESSAGE_ID, core)[:16].hex(),
        "core_hash": hash_tagged(TAG_CORE, core).hex(),
    }


def flip(at: int) -> Callable[[bytes], bytes]:
    """Flip the lowest bit of one byte."""

    def change(raw: bytes) -> bytes:
        place = at % len(raw)
        return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]

    return change


def put(at: int, value: int) -> Callable[[bytes], bytes]:
    """Put a value into one byte."""
    return lambda raw: raw[:at] + bytes([value]) + raw[at + 1 :]


def add_group_order(signature: bytes) -> bytes:
    """Give the second form of a signature, with S + L."""
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return signature[:32] + scalar.to_bytes(32, "little")


def forge_for_small_order(_signature: bytes) -> bytes:
    """Give a signature that a lax verifier accepts under a key of small order: R = 1 * B, S = 1."""
    base_point = "5866666666666666666666666666666666666666666666666666666666666666"
    return bytes.fromhex(base_point) + (1).to_bytes(32, "little")


HONEST: Final = (
    Case("flash-envelope-under-suite-02-opens", "A short message under the default suite opens."),
    Case(
        "flash-envelope-under-suite-01-opens",
        "The same message opens under the sealed box.",
        suite=Suite.SEALED_BOX,
    ),
    Case(
        "case-envelope-under-suite-02-opens",
        "A status indicator in a case envelope opens under the default suite.",
        class_=CASE,
        content=STATUS,
        life=10 * DAY,
    ),
    Case(
        "case-envelope-under-suite-01-opens",
        "The same status indicator opens under the sealed box.",
        class_=CASE,
        suite=Suite.SEALED_BOX,
        content=STATUS,
        life=10 * DAY,
    ),
    Case(
        "audience-list-that-begins-a-chain-opens",
        "The first message of a chain names its audience; seq is 0 and prev is zero.",
        class_=CASE,
        content=write_audience(AUDIENCE),
        seq=0,
        prev=bytes(32),
        life=30 * DAY,
    ),
    Case(
        "message-in-arabic-opens",
        "Content is UTF-8 and is not escaped where it need not be.",
        content=write_content("message.text", text="اتصلي بنا بعد الثالثة."),
    ),
    Case(
        "message-opened-after-its-epoch-ended-opens",
        "A message written just before midnight and read the next noon is in time.",
        created=NOW - 12 * HOUR - MINUTE,
        life=96 * HOUR,
    ),
    Case(
        "message-created-after-its-epoch-within-two-hours-opens",
        "A clock that is up to two hours ahead of the epoch's end is tolerated.",
        created=NOW - 11 * HOUR,
        epoch_time=NOW - 13 * HOUR,
        life=96 * HOUR,
    ),
    Case(
        "message-created-ten-minutes-ahead-opens",
        "A sender's clock may be ten minutes ahead, and not more.",
        created=NOW + 10 * MINUTE,
    ),
)

UNREADABLE: Final = tuple(
    replace(case, refusal="undecryptable")
    for case in (
        Case(
            "refused-because-the-authentication-tag-is-wrong",
            "One bit of the last byte of the box was flipped.",
            change_sealed=flip(-1),
        ),
        Case(
            "refused-because-the-authentication-tag-is-wrong-under-suite-01",
            "One bit of the sealed box was flipped.",
            suite=Suite.SEALED_BOX,
            change_sealed=flip(-1),
        ),
        Case(
            "refused-because-the-lattice-share-was-altered",
            "One bit of the ML-KEM half of enc was flipped.",
            change_sealed=flip(700),
        ),
        Case(
            "refused-because-the-curve-share-was-altered",
            "One bit of the X25519 half of enc was flipped.",
            change_sealed=flip(1_100),
        ),
        Case(
            "refused-because-sealed-to-another-epoch-key",
            "It was sealed to a key that does not come from this epoch's seed.",
            sealed_to=fix("another epoch seed", 32),
        ),
        Case(
            "refused-because-the-header-was-altered",
            "A bit of the envelope id was flipped, and under suite 0x02 the seal binds the header.",
            change_header=flip(36),
        ),
        Case(
            "refused-because-the-box-was-cut-short",
            "The last byte of the sealed bytes is missing.",
            change_sealed=lambda sealed: sealed[:-1],
        ),
        Case(
            "refused-because-the-box-is-too-long",
            "A byte follows the sealed bytes.",
            change_sealed=lambda sealed: sealed + b"\0",
        ),
        Case(
            "refused-because-padding-is-not-zero",
            "The last byte of the padding is 1.",
            change_inner=flip(-1),
        ),
        Case(
            "refused-because-the-length-points-beyond-the-end",
            "The length prefix says 65,535.",
            change_inner=lambda inner: b"\xff\xff" + inner[2:],
        ),
        Case(
            "refused-because-the-length-leaves-no-room-for-a-core",
            "The length prefix says 0, and zero bytes follow.",
            change_inner=lambda inner: b"\0\0" + bytes(len(inner) - 2),
        ),
        Case(
            "refused-because-the-core-is-too-short",
            "A core of 184 bytes and one byte of content is one byte too short.",
            content=b"{",
        ),
        Case(
            "refused-because-the-content-is-too-long-for-its-class",
            "Suite 0x01 would have room for 1,175 bytes of content; the class has not.",
            suite=Suite.SEALED_BOX,
            content=write_content("message.text", text="a" * 1_094),
        ),
    )
)

FORGED: Final = tuple(
    replace(case, refusal="forged")
    for case in (
        Case(
            "refused-because-the-signature-was-stripped",
            "The signature is 64 zero bytes.",
            change_signature=lambda _signature: bytes(64),
        ),
        Case(
            "refused-because-the-signature-is-by-another-key",
            "Somebody else's device signed it.",
            signer=STRANGER,
        ),
        Case(
            "refused-because-it-was-signed-for-another-device",
            "The sender signed this for another recipient, and somebody sealed it again to me.",
            signed_device=fix("another recipient's device"),
        ),
        Case(
            "refused-because-it-was-signed-under-another-header",
            "The signature is over a header with another envelope id.",
            change_signed_header=flip(36),
        ),
        Case(
            "refused-because-the-header-was-altered-under-suite-01",
            "The sealed box opens under any header; the signature inside does not fit this one.",
            suite=Suite.SEALED_BOX,
            change_header=flip(36),
        ),
        Case(
            "refused-because-the-signature-was-made-for-another-purpose",
            "The same bytes were signed under the tag of a manifest.",
            signed_tag=TAG_MANIFEST,
        ),
        Case(
            "refused-because-the-signature-was-malleated",
            "S + L stands where S belongs.",
            change_signature=add_group_order,
        ),
        Case(
            "refused-because-the-senders-key-is-of-small-order",
            "Under this key the signature would fit every message.",
            announced=SMALL_ORDER,
            change_signature=forge_for_small_order,
        ),
    )
)

OUT_OF_TIME: Final = (
    Case(
        "refused-because-it-expired",
        "It expired a minute ago.",
        refusal="expired",
        created=NOW - HOUR,
        life=59 * MINUTE,
    ),
    Case(
        "refused-because-it-expires-now",
        "A message that expires at this very millisecond has expired.",
        refusal="expired",
        created=NOW - HOUR,
        life=HOUR,
    ),
    Case(
        "refused-because-it-was-created-too-far-ahead",
        "It was created ten minutes and a millisecond ahead of the reader's clock.",
        refusal="bad_time",
        created=NOW + 10 * MINUTE + 1,
    ),
    Case(
        "refused-because-it-lives-too-long",
        "A flash message lives 96 hours at most; this one would live a millisecond more.",
        refusal="bad_time",
        life=LIFE[FLASH] + 1,
    ),
    Case(
        "refused-because-it-expires-when-it-is-created",
        "A life of nothing.",
        refusal="bad_time",
        created=NOW + MINUTE,
        life=0,
    ),
    Case(
        "refused-because-it-was-created-after-its-epoch",
        "It was created two hours and a millisecond after the end of the key's epoch.",
        refusal="bad_time",
        created=NOW - 10 * HOUR + 1,
        epoch_time=NOW - 13 * HOUR,
    ),
    Case(
        "refused-because-it-expires-before-its-epoch-begins",
        "The key is that of a day which begins when the message has expired.",
        refusal="bad_time",
        created=NOW - HOUR,
        life=2 * HOUR,
        epoch_time=NOW + DAY,
    ),
)

BAD_CONTENT: Final = tuple(
    replace(case, refusal="bad_content")
    for case in (
        Case(
            "refused-because-the-content-is-not-canonical",
            "There is white space between the tokens.",
            content=TEXT.replace(b":", b": "),
        ),
        Case(
            "refused-because-a-key-stands-twice",
            "A lenient reader would take the last of the two texts.",
            content=TEXT.replace(b'"text":', b'"text":"The other story.","text":'),
        ),
        Case(
            "refused-because-the-keys-are-not-sorted",
            "The keys of the object stand in another order.",
            content=b'{"type":"message.text",' + TEXT.replace(b',"type":"message.text"', b"")[1:],
        ),
        Case(
            "refused-because-bytes-follow-the-content",
            "A second object follows the first.",
            content=TEXT + b"{}",
        ),
        Case(
            "refused-because-the-content-is-not-utf-8",
            "The text holds a byte that no UTF-8 text has.",
            content=TEXT.replace(b"three", b"thr\xffe"),
        ),
        Case(
            "refused-because-the-type-is-unknown",
            "Nobody knows this type.",
            content=write_content("message.shout", text="Now!"),
        ),
        Case(
            "refused-because-the-content-belongs-in-the-other-class",
            "A status indicator does not travel in a flash envelope.",
            content=STATUS,
        ),
    )
)

NOT_FOR_ME: Final = tuple(
    replace(case, refusal="not_addressed_to_me")
    for case in (
        Case(
            "refused-because-sealed-to-another-mailbox",
            "The header names a mailbox that is not mine.",
            mailbox=fix("another mailbox"),
        ),
        Case(
            "refused-because-the-version-is-unknown",
            "The header's version is 2.",
            version=2,
        ),
        Case(
            "refused-because-the-class-is-unknown",
            "The header's class is 3.",
            change_header=put(1, 3),
        ),
        Case(
            "refused-because-the-suite-is-unknown",
            "The header's suite is 3.",
            change_header=put(2, 3),
        ),
        Case(
            "refused-because-the-header-is-too-short",
            "The last byte of the header is missing.",
            change_header=lambda header: header[:-1],
        ),
        Case(
            "refused-because-the-audience-does-not-name-me",
            "The audience list digests rightly, and my device is not in it.",
            class_=CASE,
            audience=[each for each in AUDIENCE if each != DEVICE],
            content=write_audience([each for each in AUDIENCE if each != DEVICE]),
            seq=0,
            prev=bytes(32),
        ),
        Case(
            "refused-because-the-audience-has-another-digest",
            "The audience list names me, and the core's digest is of another list.",
            class_=CASE,
            audience=[*AUDIENCE, fix("a silent reader's device")],
            content=write_audience(AUDIENCE),
            seq=0,
            prev=bytes(32),
        ),
    )
)

CASES: Final = (*HONEST, *UNREADABLE, *FORGED, *OUT_OF_TIME, *BAD_CONTENT, *NOT_FOR_ME)


def write_all(folder: Path) -> None:
    """Write one file for each case, and remove files of cases that are gone."""
    written = {f"{case.name}.json": write_case(case) for case in CASES}
    for path in folder.glob("*.json"):
        if path.name not in written:
            path.unlink()
    for name, vector in written.items():
        (folder / name).write_text(
            json.dumps(vector, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    write_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
