"""The vectors of `crypto/vectors/`, read by the reader that was written from the page alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.reader.independent_reader import Opened, Reader, RefusedError, read

VECTORS = Path(__file__).resolve().parents[2] / "crypto" / "vectors"
FILES = sorted(VECTORS.glob("*.json"))


@dataclass(frozen=True, slots=True)
class Vector:
    """One file of `crypto/vectors/`."""

    fields: dict[str, str | int | bool]

    def text(self, name: str) -> str:
        value = self.fields[name]
        assert isinstance(value, str)
        return value

    def raw(self, name: str) -> bytes:
        return bytes.fromhex(self.text(name))

    def read(self) -> Opened:
        now = self.fields["now"]
        assert isinstance(now, int)
        reader = Reader(
            device=self.raw("recipient_device"),
            mailbox=self.raw("recipient_mailbox"),
            epoch_seed=self.raw("recipient_epoch_seed"),
            sender_key=self.raw("sender_identity_public"),
        )
        return read(reader, self.raw("header"), self.raw("sealed"), now=now)


def load(path: Path) -> Vector:
    return Vector(json.loads(path.read_bytes()))


def named(path: Path) -> str:
    return path.stem


OPENING = [path for path in FILES if load(path).fields["opens"]]
REFUSED = [path for path in FILES if not load(path).fields["opens"]]


@pytest.mark.parametrize("path", OPENING, ids=named)
def test_the_reader_opens_the_vector_and_finds_what_it_says(path: Path) -> None:
    vector = load(path)
    opened = vector.read()
    assert opened.core == vector.raw("core")
    assert opened.message_id == vector.raw("message_id")
    assert opened.core_hash == vector.raw("core_hash")


@pytest.mark.parametrize("path", REFUSED, ids=named)
def test_the_reader_refuses_the_vector_with_the_class_that_it_names(path: Path) -> None:
    vector = load(path)
    with pytest.raises(RefusedError) as refused:
        vector.read()
    assert refused.value.reason == vector.text("refusal")


def test_the_vectors_cover_both_suites_both_classes_and_both_verdicts() -> None:
    openings = {(load(path).fields["suite"], load(path).fields["class"]) for path in OPENING}
    assert {str(suite) for suite, _ in openings} == {"1", "2"}
    assert len({str(class_) for _, class_ in openings}) == 2
    assert len(FILES) >= 14
    assert len(REFUSED) >= 10


@pytest.mark.parametrize("path", OPENING, ids=named)
def test_one_flipped_bit_anywhere_in_the_envelope_is_refused(path: Path) -> None:
    vector = load(path)
    envelope = vector.raw("header") + vector.raw("sealed")
    # A stride that shares no factor with the length visits every region of the envelope.
    for position in range(0, len(envelope), 211):
        altered = bytearray(envelope)
        altered[position] ^= 1 << (position % 8)
        flipped = Vector(
            vector.fields | {"header": altered[:37].hex(), "sealed": altered[37:].hex()}
        )
        with pytest.raises(RefusedError):
            flipped.read()
