"""The people of the gallery: agencies with one device each, and what an attacker does by hand.

Everything in it is real: real keys, real cores, real sealed boxes. What the product does in one
step (sign, pad, seal) an attacker does in pieces here, so that a row can leave one of them out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from quietway.sealing import (
    Reader,
    Recipient,
    digest_audience,
    hash_core,
    open_envelope,
    seal_message,
)
from quietway.testing.clock import START
from quietway_crypto.encoding import TAG_ENVELOPE
from quietway_crypto.padding import pad, unpad
from quietway_crypto.seal import open_, seal
from quietway_crypto.signing import SigningKey
from quietway_crypto.suite_codes import Suite
from quietway_crypto.suites import derive_keypair
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.envelope import Core, EnvelopeClass, Header
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.sealing import Opened
    from quietway_crypto.epoch import EpochKeyPair
    from quietway_schemas.content.base import ContentModel

NOW = START
FLASH, CASE = EnvelopeClass.FLASH, EnvelopeClass.CASE
BOTH_SUITES = (1, 2)


def draw(label: str, size: int = 16) -> bytes:
    """Give bytes that look random and come out the same each time (up to 32)."""
    return hashlib.sha256(label.encode()).digest()[:size]


class Someone(Protocol):
    """A device that sends or receives: a `Party` of this file, or a client of `world.py`."""

    @property
    def name(self) -> str: ...
    @property
    def agency(self) -> AgencyId: ...
    @property
    def device(self) -> DeviceId: ...
    @property
    def mailbox(self) -> MailboxId: ...
    @property
    def identity(self) -> SigningKey: ...
    def pair(self, class_: EnvelopeClass, epoch: int, suite: int) -> EpochKeyPair: ...


@dataclass(frozen=True, slots=True)
class Party:
    """A device, and the agency that it belongs to.

    Attributes:
        name: All of its ids and keys come from it.
        house: What the agency's id comes from, where that is not the device's own name.
        suites: What its certificate lists.
        trusted_until: None while its agency vouches for the device.
        roles: What its certificate lets it do.
    """

    name: str
    suites: tuple[int, ...] = BOTH_SUITES
    house: str = ""
    trusted_until: int | None = None
    roles: tuple[str, ...] = ("shelter_staff",)

    @property
    def agency(self) -> AgencyId:
        return AgencyId(draw(f"{self.house or self.name} agency"))

    @property
    def device(self) -> DeviceId:
        return DeviceId(draw(f"{self.name} device"))

    @property
    def mailbox(self) -> MailboxId:
        return MailboxId(draw(f"{self.name} mailbox"))

    @property
    def identity(self) -> SigningKey:
        return SigningKey(draw(f"{self.name} identity", 32))

    @property
    def identity_key(self) -> bytes:
        return self.identity.public

    def pair(self, class_: EnvelopeClass, epoch: int, suite: int) -> EpochKeyPair:
        """Give the key pair of any epoch."""
        return derive_keypair(Suite(suite), draw(f"{self.name} {class_} {epoch}", 32))

    def reading(self, *known: Party) -> Reader:
        """Give what opens at this device, where these agencies are pinned."""
        certified = {(party.agency, party.device): party for party in known}
        return Reader(
            agency=self.agency,
            device=self.device,
            mailbox=self.mailbox,
            suites=self.suites,
            find_key=self.pair,
            find_signer=lambda agency, device: certified.get((agency, device)),
            is_partner=lambda agency: agency in {party.agency for party in known},
        )

    def open(self, envelope: bytes, *known: Party, now: int = NOW) -> Opened:
        """Open one envelope."""
        return open_envelope(envelope, reader=self.reading(*known), now=now)


POLICE, SHELTER, HOSPITAL, STRANGER = (
    Party("police"),
    Party("shelter"),
    Party("hospital"),
    Party("stranger"),
)


def text(words: str = "I can be with her at the hearing.") -> MessageText:
    """Give a flash content."""
    return MessageText(text=words)


def receiving(to: Someone, class_: EnvelopeClass, suite: int = 2) -> Recipient:
    """Give what one needs to seal to a device now."""
    epoch = class_.epoch_of(NOW)
    return Recipient(to.device, to.mailbox, suite, epoch, to.pair(class_, epoch, suite).public)


def make_core(
    sender: Someone, content: ContentModel, *audience: Someone, label: str = "one", seq: int = 0
) -> bytes:
    """Pack a core as the sender's device would; the sender stands in the audience."""
    class_ = find_class(content)
    core = Core(
        agency=sender.agency,
        device=sender.device,
        incarnation=draw(f"{sender.name} incarnation", 8),
        manifest_version=1,
        conversation=ConversationId(draw(f"{label} conversation")),
        audience_digest=digest_audience([party.device for party in (sender, *audience)]),
        seq=seq,
        prev=bytes(32),
        created=NOW,
        expires=NOW + min(class_.life_ms, 96 * HOUR),
        content=encode_content(content),
    )
    return core.pack()


def make_header(
    to: Someone, class_: EnvelopeClass, *, suite: int = 2, label: str = "envelope"
) -> Header:
    """Make the header of an envelope for a device, in the running epoch."""
    epoch = class_.epoch_of(NOW)
    return Header(class_, suite, epoch, to.mailbox, EnvelopeId(draw(label)))


def sign_for(signer: SigningKey, to: Someone, header: Header, core: bytes) -> bytes:
    """Sign as the spec says: recipient's device id || header || core."""
    return signer.sign(TAG_ENVELOPE, to.device.value + header.pack() + core)


def seal_by_hand(to: Someone, header: Header, message: bytes) -> bytes:
    """Pad and seal anything at all to a device: everybody with a public key can."""
    suite = Suite(header.suite)
    inner = pad(message, header.class_.sealed_bytes - suite.seal_overhead)
    public = to.pair(header.class_, header.epoch, header.suite).public
    return header.pack() + seal(suite, public, inner, header=header.pack())


def send(
    sender: Someone,
    to: Someone,
    core: bytes,
    class_: EnvelopeClass,
    *,
    suite: int = 2,
    label: str = "",
) -> bytes:
    """Send as the product does, and give what the relay stores: header || sealed."""
    record = seal_message(
        core,
        class_=class_,
        recipient=receiving(to, class_, suite),
        identity=sender.identity,
        envelope_id=EnvelopeId(draw(label or f"{sender.name} to {to.name}")),
        withdraw_secret=draw("withdraw", 32),
    )
    return record.header.pack() + record.sealed


def send_row(sender: Someone, to: Someone, words: Sequence[str]) -> list[bytes]:
    """Send texts one after the other in one chain, as the product does."""
    envelopes: list[bytes] = []
    prev = bytes(32)
    for seq, said in enumerate(words):
        core = replace(Core.unpack(make_core(sender, text(said), to, seq=seq)), prev=prev).pack()
        prev = hash_core(core)
        envelopes.append(send(sender, to, core, FLASH, label=f"{sender.name} {seq}"))
    return envelopes


def unwrap(to: Someone, envelope: bytes) -> tuple[bytes, bytes]:
    """Open an envelope by hand, as whoever holds the recipient's key can.

    Returns:
        The signature and the core.
    """
    header = Header.unpack(envelope[:37])
    key = to.pair(header.class_, header.epoch, header.suite)
    message = unpad(open_(key, envelope[37:], header=envelope[:37]))
    return message[:64], message[64:]
