"""Partners: whom this agency has agreed to work with, and the invitations that made them partners.

An invitation is one line of text that goes by a way both sides trust, outside the relay. It pins
the root key of the agency that wrote it and hands over the lane by which its mailboxes take mail.
Whoever holds it can send to that agency, so it is a secret until it was used, and it prints as one.

Spec: docs/spec/relay-protocol.md, "The directory".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import ContentRefused
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError
from quietway_crypto.secret import Secret
from quietway_crypto.signing import check_public_key
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

PARTNER: Final = "partner"
INVITED: Final = "invited"
PARTNER_BYTES: Final = 16
_PREFIX: Final = "quietway-invitation:"
_VERSION: Final = 1
_LANE_BYTES: Final = 32
_LONGEST_TEXT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Invitation:
    """What one agency hands to another so that it can be written to.

    Attributes:
        relay: Where the inviting agency's mailboxes are.
        agency_id: The inviting agency.
        agency_code: Its code, as `HARBOR`.
        root_key: Its root public key: compare its fingerprint with someone you know there.
        partner: 16 random bytes, this invitation's own.
        lane: 32 bytes, the right to send; a secret that does not print, pickle or copy.
    """

    relay: str
    agency_id: AgencyId
    agency_code: str
    root_key: bytes
    partner: bytes = field(repr=False)
    lane: Secret = field(repr=False)

    def to_text(self) -> str:
        """Write the invitation as one line."""
        row = write_row(
            version=_VERSION,
            relay=self.relay,
            agency=str(self.agency_id),
            code=self.agency_code,
            root=self.root_key,
            partner=self.partner,
            lane=self.lane.reveal(),
        )
        return _PREFIX + encode_base64(row)

    @classmethod
    def from_text(cls, text: str) -> Invitation:
        """Read the line; white space around it does not matter.

        Raises:
            ContentRefused: It is not an invitation, not whole, or of a newer version.
        """
        body = text.strip()
        if not body.startswith(_PREFIX) or len(body) > _LONGEST_TEXT:
            raise _refuse()
        try:
            return _read_invitation(Fields(decode_base64(body.removeprefix(_PREFIX))))
        except (CryptoError, SchemaError):
            raise _refuse() from None


@dataclass(frozen=True, slots=True)
class Partner:
    """An agency whose invitation was accepted here.

    Attributes:
        agency_id: The agency.
        agency_code: Its code.
        label: What this agency calls it.
        fingerprint: Of its root key, in eight groups: compare it with them by phone.
        words: The same in eight words.
        verified_at: When somebody here compared it with what they read out; None before.
        programs: The programs that can be written to now; empty until its devices are known.
    """

    agency_id: AgencyId
    agency_code: str
    label: str
    fingerprint: str
    words: str
    verified_at: Instant | None = None
    programs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartnerRecord:
    """What is kept of a partner.

    Attributes:
        invitation: Theirs.
        label: What this agency calls it.
        verified: When its fingerprint was compared with what they read out; 0 before.
    """

    invitation: Invitation
    label: str
    verified: Instant = 0

    def to_row(self) -> bytes:
        """Write it for the store."""
        return write_row(
            invitation=self.invitation.to_text(), label=self.label, verified=self.verified
        )

    @classmethod
    def from_row(cls, row: Row) -> PartnerRecord:
        """Read it back."""
        held = Fields(row.value)
        return cls(
            Invitation.from_text(held.text("invitation")),
            held.text("label"),
            held.number("verified"),
        )


def _read_invitation(held: Fields) -> Invitation:
    made = Invitation(
        relay=held.text("relay"),
        agency_id=AgencyId.from_text(held.text("agency")),
        agency_code=held.text("code"),
        root_key=held.raw("root"),
        partner=held.raw("partner"),
        lane=Secret(held.raw("lane")),
    )
    check_public_key(made.root_key)
    whole = len(made.partner) == PARTNER_BYTES and len(made.lane.reveal()) == _LANE_BYTES
    if held.number("version") != _VERSION or not whole or not made.agency_code:
        raise _refuse()
    return made


def _refuse() -> ContentRefused:
    return ContentRefused(
        "invitation",
        "is not a whole invitation of this version: ask your partner to send it again.",
    )
