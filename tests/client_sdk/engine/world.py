"""A toy world around the real step: two or three devices, a relay that is a list, no cryptography.

It breaks everything that may break: a device crashes between checkpoint and deed, answers get lost,
envelopes come twice and in any order. What it never does is change what the engine decided.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.engine import codec
from quietway.engine.effects import (
    Acknowledge,
    Address,
    RecordReceived,
    RecordSent,
    Reopen,
    Seal,
    Submit,
)
from quietway.engine.inputs import (
    Accepted,
    Addressed,
    Addressee,
    Compose,
    EnvelopeOpened,
    Flush,
    Input,
    Sealed,
    SealedCopy,
    Started,
)
from quietway.engine.step import step
from quietway.ports import Delete, Put, Row
from quietway.sealing import Opened, hash_core, name_message
from quietway_schemas.content.receipt import is_receipt
from quietway_schemas.content.registry import parse_content
from quietway_schemas.envelope import Core, EnvelopeClass, Header
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, EnvelopeId, MailboxId

if TYPE_CHECKING:
    from quietway.engine.effects import Deed, Effect

START = 1_795_428_000_000
CONVERSATION = ConversationId(b"c" * 16)


def text_content(text: str) -> bytes:
    return (
        b'{"dictionary_version":"0.1.0","schema_version":1,"text":"%s","type":"message.text"}'
        % (text.encode("ascii"))
    )


@dataclass
class Device:
    """One device: its state in memory, and the rows it would find after a crash."""

    number: int
    world: World
    rows: dict[str, dict[bytes, Row]] = field(default_factory=dict)
    shown: list[bytes] = field(default_factory=list)
    drawn: int = 0

    def __post_init__(self) -> None:
        self.device = DeviceId(bytes([self.number]) * 16)
        self.agency = AgencyId(bytes([self.number]) * 16)
        self.mailbox = MailboxId(bytes([self.number]) * 16)
        self.start()

    def draw(self, size: int) -> bytes:
        self.drawn += 1
        return (self.number * 1_000_000 + self.drawn).to_bytes(size, "big")

    def start(self) -> None:
        """Begin again from what is on the disk: a crash, or the first time."""
        rows = {kind: tuple(self.rows.get(kind, {}).values()) for kind in codec.KINDS}
        self.state = codec.restore(self.agency, self.device, rows)
        self.take(Started(self.world.now, self.draw(8)))

    def take(self, *given: Input) -> list[Deed]:
        """Step, answer, and write to the disk; returns the deeds, which may never be done."""
        state, deeds = self.state, []
        inputs = deque(given)
        while inputs:
            state, effects = step(state, inputs.popleft())
            for effect in effects:
                self._sort(effect, inputs, deeds)
        self._write(codec.changes(self.state, state))
        self.state = state
        return deeds

    def _sort(self, effect: Effect, inputs: deque[Input], deeds: list[Deed]) -> None:
        match effect:
            case Address():
                inputs.append(self._address(effect))
            case Seal():
                inputs.append(self._seal(effect))
            case RecordReceived():
                assert not effect.evidence
                if not is_receipt(effect.opened.content.type):
                    self.shown.append(effect.opened.message_id.value)
            case RecordSent() | Reopen():
                pass
            case _:
                deeds.append(effect)

    def _address(self, asked: Address) -> Addressed:
        devices = [held for held in self.world.devices if held.agency in {*asked.to, self.agency}]
        return Addressed(
            now=self.world.now,
            local_id=asked.local_id,
            devices=tuple(Addressee(held.agency, held.device) for held in devices),
            absent=(),
            manifest_version=1,
            entropy=self.draw(32),
        )

    def _seal(self, asked: Seal) -> Sealed:
        epoch = asked.class_.epoch_of(self.world.now)
        copies = tuple(
            SealedCopy(device, epoch, self._wrap(asked, device, epoch))
            for _, device in asked.devices
        )
        return Sealed(self.world.now, asked.local_id, copies)

    def _wrap(self, asked: Seal, device: DeviceId, epoch: int) -> bytes:
        header = Header(asked.class_, 2, epoch, MailboxId(device.value), EnvelopeId(self.draw(16)))
        return header.pack() + asked.core

    def _write(self, writes: list[Put | Delete]) -> None:
        for write in writes:
            kind = self.rows.setdefault(write.kind, {})
            match write:
                case Put(_, key, value):
                    position = kind[key].position if key in kind else len(kind) + 1
                    kind[key] = Row(position, key, value)
                case Delete(_, key):
                    kind.pop(key, None)


@dataclass
class World:
    """The relay's lists, by mailbox. An envelope stays until it is acknowledged."""

    count: int = 2
    now: int = START

    def __post_init__(self) -> None:
        self.devices: list[Device] = []
        self.devices += [Device(number, self) for number in range(1, self.count + 1)]
        self.stored: dict[bytes, dict[int, bytes]] = {
            held.mailbox.value: {} for held in self.devices
        }
        self.seen: dict[bytes, bytes] = {}
        self.latest: dict[bytes, int] = dict.fromkeys(self.stored, 0)

    def say(self, sender: Device, text: str) -> None:
        others = tuple(held.agency for held in self.devices if held is not sender)
        sender.take(
            Compose(
                now=self.now,
                local_id=sender.draw(16),
                conversation=CONVERSATION,
                to=others,
                kind="message.text",
                class_=EnvelopeClass.FLASH,
                content=text_content(text),
            )
        )

    def flush(
        self, sender: Device, *, lose_requests: bool = False, lose_answers: bool = False
    ) -> None:
        for deed in sender.take(Flush(self.now)):
            if not isinstance(deed, Submit) or lose_requests:
                continue
            for parcel in deed.parcels:
                self._store(parcel.record)
            if not lose_answers:
                sender.take(Accepted(self.now, deed.parcels))

    def _store(self, record: bytes) -> None:
        header = Header.unpack(record[:37])
        name = header.envelope_id.value
        assert self.seen.setdefault(name, record) == record, "an id came twice with other bytes"
        mailbox = header.mailbox.value
        if record not in self.stored[mailbox].values():
            self.latest[mailbox] += 1
            self.stored[mailbox][self.latest[mailbox]] = record

    def deliver(self, receiver: Device, seq: int, *, lose_ack: bool = False) -> None:
        envelope = self.stored[receiver.mailbox.value].get(seq)
        if envelope is None:
            return
        for deed in receiver.take(EnvelopeOpened(self.now, seq, read_envelope(envelope))):
            if isinstance(deed, Acknowledge) and not lose_ack:
                self.stored[receiver.mailbox.value].pop(deed.seq, None)

    def settle(self) -> None:
        """Let everything through at last."""
        for _ in range(2):
            for device in self.devices:
                self.flush(device)
        for device in self.devices:
            for seq in sorted(self.stored[device.mailbox.value]):
                self.deliver(device, seq)


def read_envelope(envelope: bytes) -> Opened:
    header, raw = Header.unpack(envelope[:37]), envelope[37:]
    core = Core.unpack(raw)
    return Opened(
        header=header,
        core=core,
        message_id=name_message(raw),
        core_hash=hash_core(raw),
        signature=b"",
        content=parse_content(core.content, header.class_),
    )
