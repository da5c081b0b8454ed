"""Partners: whom this agency has agreed to work with, and the invitations that made them partners.

An invitation is one line of text that goes by a way both sides trust, outside the relay. It pins
the root key of the agency that wrote it, hands over the lane by which its mailboxes take mail, and
shows the relay's log as that agency has verified it. Whoever holds it can send to that agency, so
it is a secret until it was used, and it prints as one.

Format 1 had no log. What was accepted in it is read from the store; else a new one is asked for.

Spec: docs/spec/lanes.md, "Bootstrap"; docs/spec/transparency-log.md, "What a reader checks".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Final, Literal

from quietway.engine.codec import Fields, write_row
from quietway.errors import ContentRefused
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError
from quietway_crypto.secret import Secret
from quietway_crypto.signing import check_public_key
from quietway_protocol.checkpoints import PACKED_BYTES, pack_checkpoint, unpack_checkpoint
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.ports import Row
    from quietway_schemas.instants import Instant

PARTNER: Final = "partner"
INVITED: Final = "invited"
PARTNER_BYTES: Final = 16
INVITATION_LIFE_MS: Final = 14 * DAY
"""Two weekends and a week's absence: so long a partner has to let all of its devices be known."""
_PREFIX: Final = "quietway-invitation:"
_VERSION: Final = 2
_WITHOUT_LOG: Final = 1
_LANE_BYTES: Final = 32
_LONGEST_TEXT: Final = 2_000
_KEYS: Final = Struct(f">16s32s16s32sQ{PACKED_BYTES}s")
"""Agency id, root key, partner, lane, until when, and the log as `pack_checkpoint` writes it."""
_NAME_CHARACTERS: Final = 16


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
        log_key: Of the relay's log, as the inviting agency has pinned it; empty in format 1.
        checkpoint: The note of the log that it has verified; empty in format 1.
        until: When its lane is over, unless it is withdrawn before; 0 in those of former versions.
    """

    relay: str
    agency_id: AgencyId
    agency_code: str
    root_key: bytes
    partner: bytes = field(repr=False)
    lane: Secret = field(repr=False)
    log_key: bytes = field(default=b"", repr=False)
    checkpoint: str = field(default="", repr=False)
    until: Instant = 0

    @property
    def has_log(self) -> bool:
        """Whether it shows the log; a former format did not."""
        return bool(self.log_key)

    def lives(self, now: Instant) -> bool:
        """Say whether its lane may still be open. Where it does not say until when, it may be."""
        return not self.until or now < self.until

    def to_text(self) -> str:
        """Write the invitation as one line."""
        row = self._write_whole() if self.has_log else self._write_former()
        return _PREFIX + encode_base64(row)

    def _write_whole(self) -> bytes:
        # All that is bytes in one field, or its QR code would not fit onto a terminal.
        return write_row(
            version=_VERSION,
            relay=self.relay,
            code=self.agency_code,
            keys=self.agency_id.value
            + self.root_key
            + self.partner
            + self.lane.reveal()
            + self.until.to_bytes(8, "big")
            + pack_checkpoint(self.log_key, self.checkpoint),
        )

    def _write_former(self) -> bytes:
        return write_row(
            version=_WITHOUT_LOG,
            relay=self.relay,
            agency=str(self.agency_id),
            code=self.agency_code,
            root=self.root_key,
            partner=self.partner,
            lane=self.lane.reveal(),
            until=self.until,
        )

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
        removed: Whether the relay's operator removed it: nothing is sent to it any more.
        stance: Whether this agency shares with it now.
    """

    agency_id: AgencyId
    agency_code: str
    label: str
    fingerprint: str
    words: str
    verified_at: Instant | None = None
    programs: tuple[str, ...] = ()
    removed: bool = False
    stance: Literal["granted", "paused", "ended"] = "granted"


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


@dataclass(frozen=True, slots=True)
class MadeInvitation:
    """An invitation that was made here.

    Attributes:
        partner: Its 16 bytes, which its lane is made of; with no secret they open nothing.
        label: What this agency calls whom it was for.
        at: When it was made.
        until: When its lane is over.
        gone: Whether a person withdrew it.
        secret: The name of the agency's secret that its lane is made of; empty in former versions.
    """

    partner: bytes
    label: str
    at: Instant
    until: Instant = 0
    gone: bool = False
    secret: bytes = b""

    @property
    def name(self) -> str:
        """What people call it: 16 characters."""
        return self.partner.hex()[:_NAME_CHARACTERS]

    def lives(self, now: Instant, *, secret: bytes) -> bool:
        """Say whether its lane is open, under the agency's secret of this name."""
        return not self.gone and now < self.until and self.secret in {b"", secret}

    def to_row(self) -> bytes:
        """Write it for the store."""
        return write_row(
            label=self.label, at=self.at, until=self.until, gone=self.gone, secret=self.secret
        )

    @classmethod
    def from_row(cls, row: Row) -> MadeInvitation:
        """Read it back."""
        held = Fields(row.value)
        return cls(
            row.key,
            held.text("label"),
            held.number("at"),
            held.number("until"),
            held.truth("gone"),
            held.raw("secret"),
        )


def _read_invitation(held: Fields) -> Invitation:
    match held.number("version"):
        case 1:
            made = _read_former(held)
        case 2:
            made = _read_whole(held)
        case _:
            raise _refuse()
    check_public_key(made.root_key)
    whole = len(made.partner) == PARTNER_BYTES and len(made.lane.reveal()) == _LANE_BYTES
    if not whole or not made.agency_code:
        raise _refuse()
    return made


def _read_former(held: Fields) -> Invitation:
    return Invitation(
        relay=held.text("relay"),
        agency_id=AgencyId.from_text(held.text("agency")),
        agency_code=held.text("code"),
        root_key=held.raw("root"),
        partner=held.raw("partner"),
        lane=Secret(held.raw("lane")),
        until=held.number("until"),
    )


def _read_whole(held: Fields) -> Invitation:
    packed = held.raw("keys")
    if len(packed) != _KEYS.size:
        raise _refuse()
    agency, root_key, partner, lane, until, log = _KEYS.unpack(packed)
    log_key, checkpoint = unpack_checkpoint(log)
    return Invitation(
        relay=held.text("relay"),
        agency_id=AgencyId(agency),
        agency_code=held.text("code"),
        root_key=root_key,
        partner=partner,
        lane=Secret(lane),
        log_key=log_key,
        checkpoint=checkpoint,
        until=until,
    )


def _refuse() -> ContentRefused:
    return ContentRefused(
        "invitation",
        "is not a whole invitation of this version: ask your partner to send it again.",
    )
