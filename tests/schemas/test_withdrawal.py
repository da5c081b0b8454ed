"""Slips: 64 bytes each, 1 to 128 of them, and a preimage that does not print."""

from __future__ import annotations

import pytest

from quietway_schemas.errors import EnvelopeError
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.withdrawal import MOST_SLIPS, SLIP_BYTES, Slip, unpack_slips

SLIP = Slip(MailboxId(b"m" * 16), EnvelopeId(b"e" * 16), b"p" * 32)


def test_a_slip_has_the_bytes_of_its_table() -> None:
    assert SLIP.pack() == b"m" * 16 + b"e" * 16 + b"p" * 32
    assert unpack_slips(SLIP.pack() * MOST_SLIPS) == [SLIP] * MOST_SLIPS


@pytest.mark.parametrize(
    "body",
    [b"", SLIP.pack()[:-1], SLIP.pack() + b"x", SLIP.pack() * (MOST_SLIPS + 1)],
    ids=["none", "short", "long", "many"],
)
def test_none_too_many_and_one_cut_short_are_refused(body: bytes) -> None:
    with pytest.raises(EnvelopeError):
        unpack_slips(body)


def test_a_preimage_of_another_width_is_refused_and_none_prints() -> None:
    with pytest.raises(EnvelopeError):
        Slip(SLIP.mailbox, SLIP.envelope_id, b"p" * 31)
    assert "pppp" not in repr(SLIP)
    assert SLIP_BYTES * MOST_SLIPS == 8 * 1024
