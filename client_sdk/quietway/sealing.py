"""Sealing a message to a device, and opening what came: the one way in and the one way out.

`open_envelope` returns only what is verified: what a sealed box held is untrusted bytes until the
signature of a certified device over them holds, and nothing of them leaves this room before.
Refusals have a class for the person at this machine; the network sees no difference between them.

Rules: no clock, no randomness of its own, no I/O, no directory: the keys and certificates to use
    come in. (Sealing itself draws an ephemeral key inside the libraries.)

Spec: docs/spec/envelope.md, "Inner, and its padding", "Sealed", "Opening".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from quietway_crypto.encoding import (
    TAG_AUDIENCE,
    TAG_CANCEL,
    TAG_CANCEL_OPENING,
    TAG_CORE,
    TAG_ENVELOPE,
    TAG_MESSAGE_ID,
    TAG_WITHDRAW,
    hash_tagged,
)
from quietway_crypto.errors import CryptoError, KeyRefusedError, SignatureRefusedError
from quietway_crypto.padding import pad, unpad
from quietway_crypto.seal import open_, seal
from quietway_crypto.signing import SIGNATURE_BYTES, SigningKey, verify
from quietway_crypto.suite_codes import Suite
from quietway_schemas.content.agency import is_within
from quietway_schemas.content.crisis import LONGEST_LOGISTICS_MS, Logistics
from quietway_schemas.content.lane import LANE_GRANT
from quietway_schemas.content.registry import parse_content
from quietway_schemas.content.roles import find_senders, is_among
from quietway_schemas.envelope import (
    CORE_BYTES,
    HEADER_BYTES,
    SUITE_HYBRID,
    SUITE_SEALED_BOX,
    Core,
    EnvelopeClass,
    Header,
    SubmissionRecord,
)
from quietway_schemas.errors import SchemaError, UnsupportedDictionaryError
from quietway_schemas.ids import MessageId
from quietway_schemas.instants import HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_crypto.epoch import EpochKeyPair
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, DeviceId, EnvelopeId, MailboxId
    from quietway_schemas.instants import Instant

EARLY_MS: Final = 10 * MINUTE
EPOCH_MARGIN_MS: Final = 2 * HOUR

NOT_ADDRESSED: Final = "not_addressed_to_me"
UNDECRYPTABLE: Final = "undecryptable"
PENDING: Final = "pending"
STRANGER: Final = "stranger"
UNKNOWN_SIGNER: Final = "unknown_signer"
FORGED: Final = "forged"
SUITE_REFUSED: Final = "suite_refused"
EXPIRED: Final = "expired"
BAD_TIME: Final = "bad_time"
BAD_CONTENT: Final = "bad_content"
FORKED: Final = "forked"
QUARANTINED: Final = "quarantined"
UNSUPPORTED_DICTIONARY: Final = "unsupported_dictionary"


class OpeningRefused(Exception):
    """An envelope was refused. It never leaves the SDK, where it becomes a count of its class.

    Attributes:
        reason: A class of envelope.md, "Opening". Where it says *pending*: `stranger` while no
            invitation of the sender's agency was accepted, `pending` for a new device of a partner.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Quarantined(OpeningRefused):
    """An envelope opened, and its signer had left its agency: it is evidence, and no message.

    Attributes:
        opened: What it holds. It is never shown as a message, and nothing is done about it.
    """

    def __init__(self, opened: Opened) -> None:
        super().__init__(QUARANTINED)
        self.opened = opened


class Signer(Protocol):
    """What opening asks of whoever signed."""

    @property
    def identity_key(self) -> bytes:
        """The Ed25519 public key, 32 bytes."""
        ...

    @property
    def roles(self) -> tuple[str, ...] | None:
        """Codes of the list `role`; None for a device that left and was never known here."""
        ...

    @property
    def suites(self) -> tuple[int, ...]:
        """The suites that the device knows."""
        ...

    @property
    def trusted_until(self) -> Instant | None:
        """What was created later than this is quarantined; None while the device is certified."""
        ...


FindSigner = Callable[["AgencyId", "DeviceId"], "Signer | None"]
IsPartner = Callable[["AgencyId"], bool]
FindKey = Callable[[EnvelopeClass, int, int], "EpochKeyPair | None"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where one copy goes.

    Attributes:
        device: Whose copy it is; the signature names it.
        mailbox: The relay's address of that device.
        suite: 1 or 2.
        epoch: Of the public key.
        public_key: The device's epoch public key under that suite.
    """

    device: DeviceId
    mailbox: MailboxId
    suite: int
    epoch: int
    public_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who opens.

    Attributes:
        agency: This device's agency.
        device: This device.
        mailbox: Its mailbox.
        suites: The suites of its own certificate.
        find_key: Gives its key pair of (class, epoch, suite), or None where it holds no seed.
        find_signer: Gives what a *pinned* agency's manifest says of a device, or what is remembered
            of one that left; None where it is not known.
        is_partner: Says whether an agency's root key is pinned.
    """

    agency: AgencyId
    device: DeviceId
    mailbox: MailboxId
    suites: tuple[int, ...]
    find_key: FindKey
    find_signer: FindSigner
    is_partner: IsPartner


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that was opened and verified. Only `open_envelope` makes one.

    Attributes:
        header: Of the envelope it came in.
        core: What is said, by whom.
        message_id: The same for every recipient.
        core_hash: 32 bytes; quoted by what follows.
        signature: The sender's, 64 bytes: evidence for case records.
        content: What the core's content says, in the words of the dictionary.
    """

    header: Header
    core: Core = field(repr=False)
    message_id: MessageId
    core_hash: bytes
    signature: bytes = field(repr=False)
    content: ContentModel = field(repr=False)

    @property
    def cancel_secret(self) -> bytes:
        """What shows that this very envelope was opened: the ladder of an alert is claimed by it.

        Spec: docs/spec/alerts.md, "Sending".
        """
        return derive_cancel_secret(self.signature)


class _Unverified(NamedTuple):
    """What a sealed box held. Nobody has vouched for it."""

    signature: bytes
    raw_core: bytes
    core: Core


def seal_message(
    core: bytes,
    *,
    class_: EnvelopeClass,
    recipient: Recipient,
    identity: SigningKey,
    envelope_id: EnvelopeId,
    withdraw_secret: bytes,
) -> SubmissionRecord:
    """Sign a core for one device, pad it to its class's one size, and seal it.

    Args:
        core: The packed core, the same bytes for every recipient.
        class_: Decides the size.
        recipient: Whom it is sealed to.
        identity: This device's identity key.
        envelope_id: New for each envelope.
        withdraw_secret: 32 random bytes; who shows them may take the envelope back.

    Raises:
        CryptoError: The recipient's key is not one to seal to, or the content is longer than the
            class's room.
    """
    return seal_place(
        core,
        class_=class_,
        recipient=recipient,
        identity=identity,
        envelope_id=envelope_id,
        withdraw_secret=withdraw_secret,
    )[0]


def seal_place(
    core: bytes,
    *,
    class_: EnvelopeClass,
    recipient: Recipient,
    identity: SigningKey,
    envelope_id: EnvelopeId,
    withdraw_secret: bytes,
) -> tuple[SubmissionRecord, bytes]:
    """Seal as `seal_message` does, and say by which hash a claim of this copy is known.

    Returns:
        The record and its cancel hash, 32 bytes.

    Raises:
        CryptoError: As `seal_message`.
    """
    suite = Suite(recipient.suite)
    header = Header(class_, suite, recipient.epoch, recipient.mailbox, envelope_id)
    signature = identity.sign(TAG_ENVELOPE, _bind(recipient.device, header.pack(), core))
    inner = pad(signature + core, class_.sealed_bytes - suite.seal_overhead)
    sealed = seal(suite, recipient.public_key, inner, header=header.pack())
    record = SubmissionRecord(header, hash_tagged(TAG_WITHDRAW, withdraw_secret), sealed)
    return record, hash_tagged(TAG_CANCEL, derive_cancel_secret(signature))


def derive_cancel_secret(signature: bytes) -> bytes:
    """Derive what claims an alert from the signature inside its envelope (32 bytes).

    It is known to who sealed that envelope and to who opened it, and to nobody else.
    """
    return hash_tagged(TAG_CANCEL_OPENING, signature)


def open_envelope(envelope: bytes, *, reader: Reader, now: Instant) -> Opened:
    """Open, verify and read one envelope, in the order of the spec.

    Args:
        envelope: header || sealed, as the relay gave it.
        reader: Who opens.
        now: Milliseconds since 1970-01-01T00:00:00Z.

    Raises:
        Quarantined: It holds in every other way, and its signer had left.
        OpeningRefused: With the first reason that applied. Nothing of the content is in it.
    """
    header = _read_header(envelope, reader.mailbox)
    found = _open_box(header, envelope[HEADER_BYTES:], reader)
    signer = reader.find_signer(found.core.agency, found.core.device)
    if signer is None:
        raise OpeningRefused(name_refusal_of_unknown(reader, found.core.agency))
    verify_author(signer.identity_key, reader.device, header, found.raw_core, found.signature)
    check_suite(header.suite, signer.suites, reader.suites)
    check_times(header, found.core, now)
    content = _read_content(found.core.content, header.class_)
    check_speaker(content, found.core.agency, signer.roles, reader.agency)
    check_life(content, found.core.created, now)
    opened = Opened(
        header=header,
        core=found.core,
        message_id=name_message(found.raw_core),
        core_hash=hash_core(found.raw_core),
        signature=found.signature,
        content=content,
    )
    check_standing(signer, opened)
    return opened


def name_message(core: bytes) -> MessageId:
    """Give a packed core's message id."""
    return MessageId(hash_tagged(TAG_MESSAGE_ID, core)[:16])


def hash_core(core: bytes) -> bytes:
    """Hash a packed core, as the next one in its chain quotes it (32 bytes)."""
    return hash_tagged(TAG_CORE, core)


def digest_audience(devices: Sequence[DeviceId]) -> bytes:
    """Digest an audience, whatever the order it is given in (32 bytes)."""
    return hash_tagged(TAG_AUDIENCE, b"".join(sorted(device.value for device in set(devices))))


def name_refusal_of_unknown(reader: Reader, agency: AgencyId) -> str:
    """Tell a partner's new device, `pending`, from an agency that is none yet, `stranger`."""
    return PENDING if reader.is_partner(agency) else STRANGER


def verify_author(
    identity_key: bytes, device: DeviceId, header: Header, core: bytes, signature: bytes
) -> None:
    """Demand that the signer said this core to this device in this envelope.

    Raises:
        OpeningRefused: `forged`.
    """
    try:
        verify(identity_key, TAG_ENVELOPE, _bind(device, header.pack(), core), signature)
    except (SignatureRefusedError, KeyRefusedError):
        raise OpeningRefused(FORGED) from None


def check_suite(suite: int, signers: Sequence[int], mine: Sequence[int]) -> None:
    """Demand the hybrid suite where both sides know it.

    Raises:
        OpeningRefused: `suite_refused`.
    """
    both_know_better = SUITE_HYBRID in signers and SUITE_HYBRID in mine
    if suite == SUITE_SEALED_BOX and both_know_better:
        raise OpeningRefused(SUITE_REFUSED)


def check_times(header: Header, core: Core, now: Instant) -> None:
    """Demand that the message is neither over nor of another time than its envelope.

    Raises:
        OpeningRefused: `expired` or `bad_time`.
    """
    if now >= core.expires:
        raise OpeningRefused(EXPIRED)
    class_ = header.class_
    holds = (
        core.created <= now + EARLY_MS
        and core.created < core.expires <= core.created + class_.life_ms
        and core.created <= class_.epoch_end(header.epoch) + EPOCH_MARGIN_MS
        and core.expires > class_.epoch_start(header.epoch)
    )
    if not holds:
        raise OpeningRefused(BAD_TIME)


def check_standing(signer: Signer, opened: Opened) -> None:
    """Demand that the signer still counts, or did when a retired device signed this.

    Raises:
        Quarantined: It had left. Of a revoked device nothing counts, whatever time it names.
    """
    until = signer.trusted_until
    if until is not None and opened.core.created > until:
        raise Quarantined(opened)


def check_speaker(
    content: ContentModel, agency: AgencyId, roles: Sequence[str] | None, mine: AgencyId
) -> None:
    """Demand that the signer may say this: by its roles, and within one agency by its agency.

    Raises:
        OpeningRefused: `bad_content`.
    """
    if is_within(content.type) and agency != mine:
        raise OpeningRefused(BAD_CONTENT)
    if content.type == LANE_GRANT and agency == mine:
        raise OpeningRefused(BAD_CONTENT)
    if roles is not None and not is_among(roles, find_senders(content)):
        raise OpeningRefused(BAD_CONTENT)


def check_life(content: ContentModel, created: Instant, now: Instant) -> None:
    """Demand of what is arranged for a day that its day is not over (A47).

    Raises:
        OpeningRefused: `expired`, or `bad_content` where it names a later end than it may have.
    """
    if not isinstance(content, Logistics):
        return
    if content.expires > created + LONGEST_LOGISTICS_MS + EARLY_MS:
        raise OpeningRefused(BAD_CONTENT)
    if now >= content.expires:
        raise OpeningRefused(EXPIRED)


def _bind(device: DeviceId, header: bytes, core: bytes) -> bytes:
    return device.value + header + core


def _read_header(envelope: bytes, mailbox: MailboxId) -> Header:
    try:
        header = Header.unpack(envelope[:HEADER_BYTES])
    except SchemaError:
        raise OpeningRefused(NOT_ADDRESSED) from None
    if header.mailbox != mailbox:
        raise OpeningRefused(NOT_ADDRESSED)
    return header


def _open_box(header: Header, sealed: bytes, reader: Reader) -> _Unverified:
    key = reader.find_key(header.class_, header.epoch, header.suite)
    if key is None or len(sealed) != header.class_.sealed_bytes:
        raise OpeningRefused(UNDECRYPTABLE)
    try:
        message = unpad(open_(key, sealed, header=header.pack()))
        signature, raw_core = message[:SIGNATURE_BYTES], message[SIGNATURE_BYTES:]
        core = Core.unpack(raw_core)
    except (CryptoError, SchemaError):
        raise OpeningRefused(UNDECRYPTABLE) from None
    if len(raw_core) > CORE_BYTES + header.class_.content_room:
        raise OpeningRefused(UNDECRYPTABLE)
    return _Unverified(signature, raw_core, core)


def _read_content(raw: bytes, class_: EnvelopeClass) -> ContentModel:
    try:
        return parse_content(raw, class_)
    except UnsupportedDictionaryError:
        raise OpeningRefused(UNSUPPORTED_DICTIONARY) from None
    except SchemaError:
        raise OpeningRefused(BAD_CONTENT) from None
