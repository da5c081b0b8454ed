"""Linking a device: what two screens show each other, and the words that two people compare.

A request and an offer are lines of text that may travel by any way, also a watched one: neither is
believed. What makes them the same on both sides is that people compare four words made of both.
Whoever shows each side another message would have to search for such words among 2^44, each at
the cost of a derivation, while the two wait.

Pure: no clock, no randomness of its own, and nothing is kept.

Spec: docs/spec/keys.md, "Linking a device".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.errors import ContentRefused, LinkRefused
from quietway_crypto.encoding import TAG_LINK, decode_base64, encode_base64, hash_tagged
from quietway_crypto.errors import CryptoError
from quietway_crypto.passphrase import PassphraseParameters, derive_key
from quietway_crypto.signing import check_public_key
from quietway_crypto.words import to_words
from quietway_protocol.checkpoints import unpack_checkpoint
from quietway_schemas.content.agency import MOST_OFFER_BYTES, MOST_REQUEST_BYTES
from quietway_schemas.directory import MAX_CERTIFICATE_BYTES, Certificate
from quietway_schemas.errors import SchemaError
from quietway_schemas.linking import LinkOffer, LinkRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_schemas.fields import WireModel
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

REQUEST_PREFIX: Final = "quietway-device:"
OFFER_PREFIX: Final = "quietway-offer:"
WORDS: Final = 4
WORDS_COST: Final = PassphraseParameters(time_cost=3, memory_kib=64 * 1024, parallelism=1)
"""What one try at finding such words costs; the same on both sides, so part of the protocol."""
_SALT_BYTES: Final = 16
_Told = TypeVar("_Told", bound="WireModel")


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a new device shows: its public keys, and whose machine it is on. No secret.

    Attributes:
        told: As it is on the wire.
    """

    told: LinkRequest

    @property
    def device(self) -> DeviceId:
        """The new device's own name for itself."""
        return self.told.device_id

    @property
    def agency_owned(self) -> bool:
        """Whether the machine is said to be the agency's own."""
        return self.told.agency_owned

    def to_text(self) -> str:
        """Write the request as one line, to be shown as text or QR."""
        return REQUEST_PREFIX + encode_base64(self.told.to_canonical())

    @classmethod
    def from_text(cls, text: str) -> DeviceRequest:
        """Read the line; white space around it does not matter.

        Raises:
            ContentRefused: It is not a whole request of this version, or a key in it is none.
        """
        raw = _read_line("request", text, REQUEST_PREFIX, MOST_REQUEST_BYTES)
        return cls.from_bytes(raw)

    @classmethod
    def from_bytes(cls, raw: bytes) -> DeviceRequest:
        """Read what stands in the line.

        Raises:
            ContentRefused: As `from_text`.
        """
        told = _read(LinkRequest, "request", raw, MOST_REQUEST_BYTES)
        _check_keys("request", told.identity_key, told.listen_key)
        return cls(told)


@dataclass(frozen=True, slots=True)
class DeviceOffer:
    """What an ops holder answers: which agency it is, and what the device would be. No secret.

    Attributes:
        told: As it is on the wire.
    """

    told: LinkOffer

    @property
    def agency_id(self) -> AgencyId:
        """The agency."""
        return self.told.agency_id

    @property
    def agency_code(self) -> str:
        """Its code, as `HARBOR`."""
        return self.told.agency_code

    @property
    def program(self) -> str:
        """The program that the device would belong to."""
        return self.told.program

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it would have."""
        return self.told.roles

    @property
    def log(self) -> tuple[bytes, str]:
        """The log key, and the note of a checkpoint that nobody has proved yet."""
        return unpack_checkpoint(self.told.log)

    def to_text(self) -> str:
        """Write the offer as one line, to be shown as text or QR."""
        return OFFER_PREFIX + encode_base64(self.told.to_canonical())

    @classmethod
    def from_text(cls, text: str) -> DeviceOffer:
        """Read the line; white space around it does not matter.

        Raises:
            ContentRefused: It is not a whole offer of this version, or a key in it is none.
        """
        return cls.from_bytes(_read_line("offer", text, OFFER_PREFIX, MOST_OFFER_BYTES))

    @classmethod
    def from_bytes(cls, raw: bytes) -> DeviceOffer:
        """Read what stands in the line.

        Raises:
            ContentRefused: As `from_text`.
        """
        told = _read(LinkOffer, "offer", raw, MOST_OFFER_BYTES)
        if told.program.partition("-")[0] != told.agency_code:
            raise ContentRefused("offer", "names a program that is not of its agency.")
        _check_keys("offer", told.root_key)
        return cls(told)


def derive_words(
    request: DeviceRequest, offer: DeviceOffer, *, cost: PassphraseParameters = WORDS_COST
) -> tuple[str, ...]:
    """Make the words that both sides show and two people compare. Slow on purpose.

    Args:
        request: As it is known on this side.
        offer: Likewise.
        cost: Of one derivation.
    """
    return _stretch(request.told.to_canonical(), offer.told.to_canonical(), cost)


def write_certificate(request: DeviceRequest, offer: DeviceOffer, *, now: Instant) -> bytes:
    """Write the certificate that a request and an offer amount to.

    Args:
        request: What the new device says of itself.
        offer: What the agency makes of it.
        now: When it is issued.

    Returns:
        The payload that ops keys approve.
    """
    device, agency = request.told, offer.told
    made = Certificate(
        agency_id=agency.agency_id,
        device_id=device.device_id,
        identity_key=device.identity_key,
        listen_key=device.listen_key,
        mailbox=device.mailbox,
        relay=agency.relay,
        program=agency.program,
        roles=agency.roles,
        suites=device.suites,
        agency_owned=device.agency_owned,
        issued=now,
    )
    return made.to_canonical()


def check_certificate(certificate: bytes, request: DeviceRequest, offer: DeviceOffer) -> None:
    """Demand that a certificate says what two people compared, and nothing else.

    Raises:
        LinkRefused: It names other keys, another program or other roles.
    """
    if certificate != write_certificate(request, offer, now=read_certificate(certificate).issued):
        raise LinkRefused("certificate")


def read_certificate(certificate: bytes) -> Certificate:
    """Read a certificate that nobody has approved yet.

    Raises:
        LinkRefused: It is none, or a key in it is not one to trust.
    """
    try:
        read = Certificate.from_canonical(certificate, max_bytes=MAX_CERTIFICATE_BYTES)
        check_public_key(read.identity_key)
        check_public_key(read.listen_key)
    except (SchemaError, CryptoError):
        raise LinkRefused("certificate") from None
    return read


def same_words(words: Sequence[str] | str, derived: Sequence[str]) -> bool:
    """Say whether the words that a person has are these, however they were typed."""
    typed = words.split() if isinstance(words, str) else list(words)
    return [word.strip(" ,.-").lower() for word in typed] == list(derived)


@lru_cache(maxsize=4)
def _stretch(request: bytes, offer: bytes, cost: PassphraseParameters) -> tuple[str, ...]:
    joined = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (request, offer))
    digest = hash_tagged(TAG_LINK, joined)
    stretched = derive_key(digest.hex(), salt=digest[:_SALT_BYTES], parameters=cost)
    return to_words(stretched.reveal(), WORDS)


def _read_line(name: str, text: str, prefix: str, most_bytes: int) -> bytes:
    body = text.strip()
    if not body.startswith(prefix) or len(body) > len(prefix) + 2 * most_bytes:
        raise _refuse(name)
    try:
        return decode_base64(body.removeprefix(prefix))
    except CryptoError:
        raise _refuse(name) from None


def _read(model: type[_Told], name: str, raw: bytes, most_bytes: int) -> _Told:
    try:
        return model.from_canonical(raw, max_bytes=most_bytes)
    except SchemaError:
        raise _refuse(name) from None


def _check_keys(name: str, *keys: bytes) -> None:
    try:
        for key in keys:
            check_public_key(key)
    except CryptoError:
        raise _refuse(name) from None


def _refuse(name: str) -> ContentRefused:
    return ContentRefused(name, "is not whole, or of another version: show it once more.")
