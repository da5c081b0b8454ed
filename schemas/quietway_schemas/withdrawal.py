"""Slips: what takes an undelivered envelope back.

A slip names one envelope and shows the preimage of the hash that its submission committed to. Only
who sealed it can: nobody is asked who they are. Slips have one length and stand one behind the
other, with nothing before, between or after.

Spec: docs/spec/relay-protocol.md, "Taking back".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from quietway_schemas.errors import EnvelopeError
from quietway_schemas.ids import EnvelopeId, MailboxId

MOST_SLIPS: Final = 128
PREIMAGE_BYTES: Final = 32
SLIP_BYTES: Final = 64
_MAILBOX: Final = slice(0, 16)
_ENVELOPE: Final = slice(16, 32)
_PREIMAGE: Final = slice(32, 64)


@dataclass(frozen=True, slots=True)
class Slip:
    """One envelope that is to be taken back.

    Attributes:
        mailbox: Where it waits.
        envelope_id: Which.
        preimage: 32 bytes whose hash the submission carried; a secret until it is shown.
    """

    mailbox: MailboxId
    envelope_id: EnvelopeId
    preimage: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if type(self.preimage) is not bytes or len(self.preimage) != PREIMAGE_BYTES:
            raise EnvelopeError("preimage", f"does not have {PREIMAGE_BYTES} bytes")

    def pack(self) -> bytes:
        """Write the slip: 64 bytes."""
        return self.mailbox.value + self.envelope_id.value + self.preimage

    @classmethod
    def unpack(cls, raw: bytes) -> Slip:
        """Read a slip.

        Raises:
            EnvelopeError: It does not have 64 bytes.
        """
        if len(raw) != SLIP_BYTES:
            raise EnvelopeError("slip", f"does not have {SLIP_BYTES} bytes")
        return cls(MailboxId(raw[_MAILBOX]), EnvelopeId(raw[_ENVELOPE]), raw[_PREIMAGE])


def unpack_slips(body: bytes) -> list[Slip]:
    """Read 1 to 128 slips.

    Raises:
        EnvelopeError: None, too many, or one cut short.
    """
    if not body:
        raise EnvelopeError("slip", "is missing: there is none")
    if len(body) > MOST_SLIPS * SLIP_BYTES:
        raise EnvelopeError("slip", f"is one more than {MOST_SLIPS}")
    return [Slip.unpack(body[at : at + SLIP_BYTES]) for at in range(0, len(body), SLIP_BYTES)]
