"""Row 26: whoever writes text beside a secret, and sees sizes, guesses the secret by compression.

Defences: nothing is compressed: no package that carries a secret imports a compressor, no websocket
agrees to one, no answer has a content encoding and no request may. What remains of a size is the
length alone, and that is padded. The process that cleans a file does unpack and pack: it has that
one file, and neither a key nor anything that somebody else wrote.
"""

from __future__ import annotations

import ast
import json
import random
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.controls import without
from tests.server.agency import CLIENT
from tests.server.in_process import InProcessRelay
from websockets.sync.client import connect

from quietway_crypto import blob
from quietway_crypto.blob import BlobTerms
from quietway_crypto.encoding import encode_base64
from quietway_crypto.padding import pad

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("crypto", "schemas", "protocol", "client_sdk", "server")
COMPRESSORS = {
    "brotli", "bz2", "compression", "gzip", "lz4", "lzma", "snappy", "tarfile", "zipfile", "zlib",
    "zstandard", "zstd",
}  # fmt: skip
CLEANER = ROOT / "client_sdk/quietway/cleaning/worker"
PAIRS = 1_000
SECRET = "case 7F3K9Q, a room in the old mill"


def imported_by(path: Path) -> set[str]:
    found: set[str] = set()
    text = path.read_text("utf-8")
    if not any(name in text for name in COMPRESSORS):
        return found
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_nothing_that_carries_a_secret_imports_a_compressor() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    packers = [path for path in files if imported_by(path) & COMPRESSORS]
    assert [path for path in packers if not path.is_relative_to(CLEANER)] == []
    assert imported_by(Path(__file__)) & COMPRESSORS == {"zlib"}


def guesses() -> list[tuple[bytes, bytes]]:
    """Give pairs of contents with the secret: beside a right guess, and a wrong one as long."""
    chance = random.Random(26)
    pairs = []
    for _ in range(PAIRS):
        begins = chance.randrange(len(SECRET) - 12)
        right = SECRET[begins : begins + 12]
        wrong = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=12))
        pairs.append(
            tuple(json.dumps({"note": guess, "own": SECRET}).encode() for guess in (right, wrong))
        )
    return pairs


def size_as_envelope(content: bytes) -> int:
    return len(pad(content, 1_000))


def size_as_file(content: bytes) -> int:
    terms = BlobTerms(bytes(32), bytes(16), bytes(24), b"text/plain", len(content))
    return sum(map(len, blob.seal_blob(terms, [content])))


def count_differences() -> int:
    """Count the pairs whose sizes differ: what the attacker learns from."""
    return sum(size_as_file(right) != size_as_file(wrong) for right, wrong in guesses())


def test_a_right_guess_beside_a_secret_has_the_size_of_a_wrong_one() -> None:
    assert count_differences() == 0
    assert all(size_as_envelope(one) == size_as_envelope(two) for one, two in guesses())


def test_control_with_compression_and_no_padding_most_guesses_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def seal_compressed(_: BlobTerms, content: list[bytes]) -> list[bytes]:
        return [zlib.compress(b"".join(content))]

    without(monkeypatch, "quietway_crypto.blob:seal_blob", seal_compressed)
    assert count_differences() > PAIRS // 2


def test_no_socket_agrees_to_compress_and_no_answer_is_encoded() -> None:
    with InProcessRelay().running() as relay:
        agency = relay.new_agency()
        with connect(
            relay.url.replace("http", "ws") + "/v1/mailbox",
            additional_headers=agency.signature("GET", "/v1/mailbox"),
            compression="deflate",
            proxy=None,
        ) as socket:
            assert socket.response is not None
            assert "Sec-WebSocket-Extensions" not in socket.response.headers
        offered = {"Accept-Encoding": "gzip, deflate, br, zstd"}
        path = "/v1/directory"
        answers = [
            CLIENT.get(relay.url + "/healthz", headers=offered),
            CLIENT.get(relay.url + path, headers={**agency.signature("GET", path), **offered}),
            CLIENT.get(relay.url + "/v1/blobs/" + encode_base64(bytes(16)), headers=offered),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 400]
        assert not any("content-encoding" in answer.headers for answer in answers)
