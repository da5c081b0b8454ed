"""Row 19: one sealed file, two keys, two texts ("invisible salamanders", content-key partitioning).

A malicious sender wants two partners to read two texts out of what both can show to be the same
bytes: same blob, same SHA-256, two pointers with two keys. XChaCha20-Poly1305 commits to no key.
For what it takes beside algebra, two keys were searched for (2^28 steps, by distinguished points)
under which the chunk's tag and the upper bytes of its length prefix come out alike; the rest, with
padding that is zero under both, is algebra on Poly1305 (Dodis, Grubbs, Ristenpart, Woodage, 2018;
Len, Grubbs and Ristenpart, 2021).

Defence: a blob begins with a commitment to its one key, checked before any of it is opened.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import pytest
from nacl import bindings
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, Agencies
from tests.controls import without
from tests.gallery.test_a20_partitioning_oracle import CLAMP, M32, P, _blocks, _rounds

from quietway.content import AttachmentFile
from quietway.errors import AttachmentRefused
from quietway.ports import BlobPart
from quietway.speaking import speak
from quietway_crypto.blob import BlobTerms, bind_chunk, commit_to_blob, open_blob
from quietway_crypto.blob_rights import hash_opening
from quietway_crypto.errors import BlobRefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway.client import AsyncClient

SIZE = 65_536
HEADER, BLOB_ID, OPENING, WRITER = bytes(range(24)), b"s" * 16, b"o" * 32, b"w" * 32
ONE, OTHER = (
    number.to_bytes(8, "little") + b"two texts out of one key"
    for number in (0x0077F439442E00B6, 0x0029B99EF649FC2E)
)
"""Under both, byte 64 of the stream and bytes 128 to 133 are the same: 56 bits."""
TEXTS = {ONE: b"The hearing is on Monday at nine.", OTHER: b"There is no hearing. Stay at home."}
PLACES = {ONE: 64, OTHER: 256}
FREE = (1_024, 1_040)
"""Where two blocks may be chosen so that the tag fits both keys."""
FINAL = 3


def keystream(key: bytes) -> bytes:
    """Give the stream under which a first chunk's message lies, by libsodium itself."""
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, HEADER, key)
    state.rawbuf = None
    return bindings.crypto_secretstream_xchacha20poly1305_push(state, bytes(SIZE))[1:-16]


def block_of(key: bytes, counter: int) -> bytes:
    """Give one block of that stream: the first makes Poly1305's key, the second hides the tag."""
    _, state = _rounds(key, HEADER[:16])
    subkey = struct.pack("<8L", *state[:4], *state[12:])
    nonce = struct.pack("<LL", counter, 1) + HEADER[16:]
    start, state = _rounds(subkey, nonce)
    return struct.pack("<16L", *((a + b) & M32 for a, b in zip(start, state, strict=True)))


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def lengths() -> dict[bytes, int]:
    """Say how long the content is under each key: the prefix is one, the streams are not."""
    streams = {key: keystream(key)[:8] for key in (ONE, OTHER)}
    most = SIZE - 8
    sealed = xor(most.to_bytes(8, "big"), streams[ONE])
    return {ONE: most, OTHER: int.from_bytes(xor(sealed, streams[OTHER]), "big")}


def terms_of(key: bytes) -> BlobTerms:
    return BlobTerms(key, BLOB_ID, HEADER, b"text/plain", lengths()[key])


def craft() -> bytes:
    """Make one chunk that is authentic under both keys, and says another text under each."""
    streams = {key: keystream(key) for key in (ONE, OTHER)}
    body = bytearray(SIZE)
    body[:8] = xor(lengths()[ONE].to_bytes(8, "big"), streams[ONE][:8])
    for key, text in TEXTS.items():
        at = slice(PLACES[key], PLACES[key] + len(text))
        body[at] = xor(text, streams[key][at])
    end = 8 + lengths()[OTHER]
    body[end:] = streams[OTHER][end:]  # zeros under the key whose content is shorter
    hidden = block_of(ONE, 1)[0] ^ FINAL
    return bytes([hidden]) + _make_authentic(bytes(body), hidden)


def _make_authentic(body: bytes, hidden: int) -> bytes:
    bound = bind_chunk(terms_of(ONE), 0)
    rows = []
    for key in (ONE, OTHER):
        first = block_of(key, 0)
        r = int.from_bytes(first[:16], "little") & CLAMP
        head = bound + bytes(-len(bound) % 16) + bytes([hidden]) + block_of(key, 1)[1:]
        tail = len(bound).to_bytes(8, "little") + (64 + SIZE).to_bytes(8, "little")
        blocks = _blocks(head + body + tail)
        places = [(len(head) + at) // 16 for at in FREE]
        known = 0
        for index, block in enumerate(blocks):
            known = (known + (0 if index in places else block)) * r % P
        powers = [pow(r, len(blocks) - place, P) for place in places]
        rows.append((powers, known, int.from_bytes(first[16:32], "little")))
    ((a, b), known_one, s_one), ((c, d), known_other, s_other) = rows
    inverse = pow((a * d - b * c) % P, -1, P)
    for attempt in range(4_096):
        tag = int.from_bytes(hashlib.sha256(b"%d" % attempt).digest()[:16], "little")
        e = ((tag - s_one) % (1 << 128) - known_one) % P
        f = ((tag - s_other) % (1 << 128) - known_other) % P
        found = [(e * d - b * f) * inverse % P, (a * f - e * c) * inverse % P]
        if all(1 << 128 <= block < 1 << 129 for block in found):
            made = bytearray(body)
            for at, block in zip(FREE, found, strict=True):
                made[at : at + 16] = (block - (1 << 128)).to_bytes(16, "little")
            return bytes(made) + tag.to_bytes(16, "little")
    raise LookupError("No collision was found: the attack needs more attempts.")


@pytest.fixture
async def agencies(tmp_path: Path) -> AsyncIterator[Agencies]:
    async with Agencies(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def chunk() -> bytes:
    return craft()


def read(key: bytes, commitment: bytes, chunk: bytes) -> bytes:
    return b"".join(open_blob(terms_of(key), commitment, [chunk]))


def test_one_chunk_for_two_keys_is_refused_by_at_least_one_of_them(chunk: bytes) -> None:
    for committed in (bytes(32), *(commit_to_blob(terms_of(key)) for key in (ONE, OTHER))):
        accepted = 0
        for key in (ONE, OTHER):
            try:
                assert TEXTS[key] in read(key, committed, chunk)
                accepted += 1
            except BlobRefusedError:
                pass
        assert accepted == (committed != bytes(32))


def test_control_without_the_commitment_one_chunk_says_two_texts(
    chunk: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_crypto.blob:check_blob_commitment", lambda *_: None)
    one, other = (read(key, bytes(32), chunk) for key in (ONE, OTHER))
    assert TEXTS[ONE] in one
    assert TEXTS[OTHER] in other
    assert TEXTS[OTHER] not in one
    assert one != other


async def spread(agencies: Agencies, chunk: bytes) -> tuple[list[AsyncClient], list[str]]:
    """Upload the blob once, and tell each of two partners another key for it."""
    shelter, *partners = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    blob = bytes(32) + chunk
    agent = shelter._agent
    await agent.relay.put_blob_part(
        agent.lanes.ways(partners[0].agency_id, agencies.clock.now())[0][0],
        BlobPart(BLOB_ID, hash_opening(OPENING), WRITER, 0, len(blob), blob),
    )
    told = []
    for partner, key in zip(partners, (ONE, OTHER), strict=True):
        pointer = AttachmentFile(
            blob_id=BLOB_ID,
            padded_length=SIZE,
            length=lengths()[key],
            sha256=hashlib.sha256(blob).digest(),
            commitment=commit_to_blob(terms_of(key)),
            header=HEADER,
            key=key,
            opening=OPENING,
            media_type="text/plain",
            name="order.txt",
            expires=agencies.clock.now() + 86_400_000,
        )
        sent = await speak(agent, pointer, to=(partner.agency_id,))
        told.append(str(sent.message_id))
        await partner.sync()
    return partners, told


async def test_both_recipients_of_one_file_with_two_keys_reject(
    agencies: Agencies, chunk: bytes, tmp_path: Path
) -> None:
    partners, told = await spread(agencies, chunk)
    for partner, message in zip(partners, told, strict=True):
        with pytest.raises(AttachmentRefused):
            await partner.attachments.fetch(message, tmp_path)
    assert not (tmp_path / "order.txt").exists()


async def test_control_without_the_commitment_both_accept_different_texts(
    agencies: Agencies, chunk: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partners, told = await spread(agencies, chunk)
    without(monkeypatch, "quietway_crypto.blob:check_blob_commitment", lambda *_: None)
    for partner, message, key in zip(partners, told, (ONE, OTHER), strict=True):
        fetched = await partner.attachments.fetch(message, tmp_path)
        assert TEXTS[key] in fetched.path.read_bytes()
