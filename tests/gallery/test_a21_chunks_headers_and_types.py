"""Row 21: chunks moved, dropped, doubled, swapped; header bits flipped; a type renamed.

The attacker is the relay, or has the disk of a sealed file on its way, and knows everything but the
key; where it helps them, a careless sender has sealed two files under one key and header (a
"confused deputy": secretstream without associated data takes the one for the other).

Defences: the header, the id, the media type, the place and the whole length are bound to each
chunk; the last is marked; the commitment binds the header before anything is opened; the signed
pointer holds the hash of it all. Each control takes one of them away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.controls import without

from quietway.errors import AttachmentRefused
from quietway_crypto.blob import BlobTerms, commit_to_blob, open_blob, seal_blob
from quietway_crypto.blob_sizes import CHUNK_BYTES, CHUNK_OVERHEAD
from quietway_crypto.errors import BlobRefusedError

if TYPE_CHECKING:
    from pathlib import Path

KEY, HEADER = bytes(range(32)), bytes(range(24))
PDF, HTML = b"application/pdf", b"text/html"
SEALED_CHUNK = CHUNK_BYTES + CHUNK_OVERHEAD
LENGTH = 4 * CHUNK_BYTES


def terms_of(
    length: int, *, of: bytes = b"a", type_: bytes = PDF, header: bytes = HEADER
) -> BlobTerms:
    return BlobTerms(KEY, of * 16, header, type_, length)


def seal(terms: BlobTerms, content: bytes) -> tuple[bytes, list[bytes]]:
    commitment, *chunks = seal_blob(terms, [content])
    return commitment, chunks


def read(terms: BlobTerms, commitment: bytes, chunks: list[bytes]) -> bytes:
    return b"".join(open_blob(terms, commitment, chunks))


def refused(terms: BlobTerms, commitment: bytes, chunks: list[bytes]) -> None:
    with pytest.raises(BlobRefusedError) as told:
        read(terms, commitment, chunks)
    assert str(told.value) == str(BlobRefusedError())


def test_every_bit_of_the_header_is_bound() -> None:
    commitment, chunks = seal(terms_of(10), b"x" * 10)
    for bit in range(len(HEADER) * 8):
        flipped = bytearray(HEADER)
        flipped[bit // 8] ^= 1 << bit % 8
        changed = terms_of(10, header=bytes(flipped))
        refused(changed, commitment, chunks)
        # Also where the attacker could make the commitment fit: the chunks are bound to it too.
        refused(changed, commit_to_blob(changed), chunks)


def test_every_order_but_the_one_is_refused() -> None:
    commitment, chunks = seal(terms_of(LENGTH), bytes(range(256)) * (LENGTH // 256))
    for index in range(len(chunks)):
        rest = chunks[:index] + chunks[index + 1 :]
        refused(terms_of(LENGTH), commitment, rest)
        for other in range(len(chunks)):
            ended = [*chunks[: other + 1], chunks[index]]
            if ended != chunks:
                refused(terms_of(LENGTH), commitment, ended)
            if other != index:
                moved = [*rest[:other], chunks[index], *rest[other:]]
                refused(terms_of(LENGTH), commitment, moved)


def swap() -> tuple[BlobTerms, bytes, list[bytes]]:
    """Give file a's terms and commitment with the chunk of file b, under one key and header."""
    commitment, _ = seal(terms_of(7), b"take it")
    _, chunks = seal(terms_of(7, of=b"b"), b"leave i")
    return terms_of(7), commitment, chunks


def rename() -> tuple[BlobTerms, bytes, list[bytes]]:
    """Give a file under another type than it was sealed under."""
    commitment, chunks = seal(terms_of(7), b"<b>x</b"[:7])
    return terms_of(7, type_=HTML), commitment, chunks


@pytest.mark.parametrize("attack", [swap, rename])
def test_a_chunk_of_another_file_and_another_type_are_refused(
    attack: object,
) -> None:
    assert callable(attack)
    refused(*attack())


@pytest.mark.parametrize("attack", [swap, rename])
def test_control_without_binding_the_files_can_be_exchanged(
    attack: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_crypto.blob:bind_chunk", lambda *_: b"")
    assert callable(attack)
    assert len(read(*attack())) == 7


def test_control_without_the_mark_of_the_end_a_file_can_be_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = bytes(range(256)) * (LENGTH // 256)
    commitment, chunks = seal(terms_of(LENGTH), content)
    refused(terms_of(LENGTH), commitment, chunks[:2])
    without(monkeypatch, "quietway_crypto.blob:check_end", lambda *_: None)
    cut = read(terms_of(LENGTH), commitment, chunks[:2])
    assert content.startswith(cut)
    assert len(cut) == 2 * CHUNK_BYTES - 8


def change(body: bytes) -> dict[str, bytes]:
    """Give what a relay may make of a sealed file: each the size that it was."""
    head, one, two, rest = (
        body[:32],
        body[32 : 32 + SEALED_CHUNK],
        body[32 + SEALED_CHUNK : 32 + 2 * SEALED_CHUNK],
        body[32 + 2 * SEALED_CHUNK :],
    )
    return {
        "moved": head + two + one + rest,
        "doubled": head + one + one + rest,
        "dropped": head + two + rest + one,
        "flipped": head + bytes([one[0] ^ 1]) + one[1:] + two + rest,
        "another commitment": bytes(32) + one + two + rest,
        "nothing": bytes(len(body)),
    }


async def test_whatever_the_relay_makes_of_a_file_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash is in the signed pointer; without it (the control's half) the chunks refuse."""
    async with Agencies(tmp_path / "agencies") as agencies:
        shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
        sent = await shelter.attachments.send(b"x" * 200_000, to="MERCY", name="a.txt")
        await hospital.sync()
        folder = tmp_path / "into"
        folder.mkdir()
        (held,) = agencies.relay.blobs.held.values()
        whole = held.body
        for is_hashed in (True, False):
            if not is_hashed:
                without(monkeypatch, "quietway.attaching.fetching:is_as_pointed", lambda *_: True)
            for changed in change(whole).values():
                held.body = changed
                with pytest.raises(AttachmentRefused):
                    await hospital.attachments.fetch(str(sent.message_id), folder)
        assert sorted(path.name for path in folder.iterdir()) == []
        held.body = whole
        fetched = await hospital.attachments.fetch(str(sent.message_id), folder)
        assert fetched.length == 200_000
