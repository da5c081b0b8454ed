"""A whole message, as the SDK seals and opens it: the signature and the padding are in it.

Ours is `seal_message` once for each device, from the packed core to the record that goes out, and
`open_envelope` once for each envelope, from the bytes that came to the content that is read. Beside
them stands the bare primitive: for suite 0x01 libsodium's sealed box (sealing in the C loop,
opening by one call of its binding), for suite 0x02 the library's HPKE in one shot with keys that it
has read before. The bare side neither signs nor verifies, reads nothing and knows no device: the
ratio is what all of that costs.

Each turn has new keys; the pass that reads the public keys first is not counted.

Spec: docs/spec/envelope.md, "Sealed" and "Opening"; docs/explanation/performance.md.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final

from quietway.sealing import Reader, Recipient, digest_audience, open_envelope, seal_message
from quietway_crypto.signing import SigningKey
from quietway_crypto.suites import derive_keypair
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.registry import encode_content
from quietway_schemas.envelope import SUITES, ZERO_DIGEST, Core, EnvelopeClass
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, EnvelopeId, MailboxId
from quietway_schemas.instants import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway_crypto.epoch import EpochKeyPair
    from quietway_crypto.suite_codes import Suite

CLASS: Final = EnvelopeClass.FLASH
CONTENT: Final = MessageText(
    text="I can be with her at the hearing. Call me before nine; leave no message."
)
ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Device:
    """A recipient, with the private half that a bench may know."""

    recipient: Recipient
    pair: EpochKeyPair


@dataclass(frozen=True, slots=True)
class Sender:
    """Who signs: one device of one agency, and one message that it says."""

    agency: AgencyId = field(default_factory=lambda: AgencyId(os.urandom(ID_BYTES)))
    device: DeviceId = field(default_factory=lambda: DeviceId(os.urandom(ID_BYTES)))
    identity: SigningKey = field(default_factory=lambda: SigningKey(os.urandom(32)))

    @property
    def identity_key(self) -> bytes:
        return self.identity.public

    @property
    def suites(self) -> tuple[int, ...]:
        return tuple(sorted(SUITES))

    @property
    def roles(self) -> tuple[str, ...]:
        return ("hospital_social_worker",)

    @property
    def trusted_until(self) -> None:
        return None

    def say(self, audience: Sequence[Device]) -> bytes:
        """Pack a core."""
        now = read_clock()
        return Core(
            agency=self.agency,
            device=self.device,
            incarnation=os.urandom(8),
            manifest_version=1,
            conversation=ConversationId(os.urandom(ID_BYTES)),
            audience_digest=digest_audience([each.recipient.device for each in audience]),
            seq=0,
            prev=ZERO_DIGEST,
            created=now,
            expires=now + HOUR,
            content=encode_content(CONTENT),
        ).pack()

    def seal(self, core: bytes, device: Device) -> bytes:
        """Seal it to one device, and give the submission record."""
        return seal_message(
            core,
            class_=CLASS,
            recipient=device.recipient,
            identity=self.identity,
            envelope_id=EnvelopeId(os.urandom(ID_BYTES)),
            withdraw_secret=os.urandom(32),
        ).pack()


def read_clock() -> int:
    """Read the milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def make_devices(suite: Suite, count: int) -> list[Device]:
    """Make devices that nobody has sealed to before."""
    epoch = CLASS.epoch_of(read_clock())
    made = []
    for _ in range(count):
        pair = derive_keypair(suite, os.urandom(32))
        device, mailbox = DeviceId(os.urandom(ID_BYTES)), MailboxId(os.urandom(ID_BYTES))
        made.append(Device(Recipient(device, mailbox, suite, epoch, pair.public), pair))
    return made


def make_reader(device: Device, sender: Sender) -> Reader:
    """Give what opens at a device that has pinned the sender's agency.

    Its own certificate lists the one suite that is measured: where both sides know the better one,
    opening refuses the other.
    """
    return Reader(
        agency=AgencyId(os.urandom(ID_BYTES)),
        device=device.recipient.device,
        mailbox=device.recipient.mailbox,
        suites=(device.recipient.suite,),
        find_key=lambda _class, _epoch, _suite: device.pair,
        find_signer=lambda _agency, _device: sender,
        is_partner=lambda _agency: True,
    )


def open_one(envelope: bytes, reader: Reader) -> None:
    """Open an envelope; a bench measures nothing that was refused."""
    assert open_envelope(envelope, reader=reader, now=read_clock()).content == CONTENT


def clock_passes(work: Callable[[], object], passes: int) -> float:
    """Do a piece of work a few times and give the median in seconds; a first time isn't counted."""
    work()
    times = []
    for _ in range(passes):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)
