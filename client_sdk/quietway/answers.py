"""Answers to what the engine asks: who is behind an agency, seal this, open that.

Everything here happens inside the device. Sealing takes the directory's word only for what it has
verified, uses the live key and no other, and never goes below a suite that was once used for a
device, nor to an agency that is paused, or whose manifest nobody vouched for lately: then it says
why it did not seal instead.

Spec: docs/spec/envelope.md, "Sealed" and "Opening"; docs/spec/keys.md, "Epoch batches and
freshness".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.engine.conversations import chain_key, misses_before
from quietway.engine.inputs import (
    Addressed,
    Addressee,
    EnvelopeOpened,
    EnvelopeQuarantined,
    EnvelopeRefused,
    Sealed,
    SealedCopy,
    Unsealed,
)
from quietway.engine.withdrawal import PAUSED
from quietway.partner_standing import StandingBook
from quietway.sealing import (
    SUITE_REFUSED,
    OpeningRefused,
    Quarantined,
    Reader,
    Recipient,
    open_envelope,
    seal_place,
)
from quietway.witnessing.view import LogView
from quietway_crypto.errors import CryptoError
from quietway_crypto.suites import available_suites
from quietway_schemas.content.registry import parse_content
from quietway_schemas.content.roles import find_receivers, is_among
from quietway_schemas.envelope import HEADER_BYTES, SUITE_HYBRID, SUITE_SEALED_BOX, Header
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import EnvelopeId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.engine.effects import Address, Seal
    from quietway.engine.state import State
    from quietway.keyring.keyring import Keyring
    from quietway.keyring.standing import VerifiedDevice
    from quietway.keyring.trust import Directory
    from quietway.ports import Entropy
    from quietway.sealing import Opened
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant

UNREACHABLE = "unreachable"
_ID_BYTES = 16
_SECRET_BYTES = 32


class _NotSealed(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Answers:
    """Answers for one device.

    Attributes:
        stopping: Entries, by local id, that nothing is sealed of while their end is on its way to
            the disk.
    """

    def __init__(
        self,
        keyring: Keyring,
        directory: Directory,
        entropy: Entropy,
        log: LogView | None = None,
        standings: StandingBook | None = None,
    ) -> None:
        self._log = log or LogView()
        self._keyring = keyring
        self._directory = directory
        self._entropy = entropy
        self._standings = StandingBook() if standings is None else standings
        self.stopping: set[bytes] = set()
        self._suites = tuple(sorted(int(suite) for suite in available_suites()))
        self._reader = Reader(
            agency=keyring.agency,
            device=keyring.device,
            mailbox=keyring.mailbox,
            suites=self._suites,
            find_key=keyring.epoch_pair,
            find_signer=directory.signer,
            is_partner=lambda agency: agency in directory.pinned(),
        )

    def address(self, asked: Address, *, now: Instant) -> Addressed:
        """Say which devices of the agencies may receive this now, one's own agency's included."""
        mine = self._keyring.agency
        agencies = dict.fromkeys((*asked.to, mine))
        hindered = {agency: self.find_hindrance(agency, now) for agency in asked.to}
        found = {
            agency: () if hindered.get(agency) else self.find_eligible(agency, asked)
            for agency in agencies
        }
        return Addressed(
            now=now,
            local_id=asked.local_id,
            devices=tuple(
                Addressee(agency, held.device) for agency in agencies for held in found[agency]
            ),
            absent=tuple(agency for agency in asked.to if not found[agency]),
            reason=max(hindered.values(), default="") or UNREACHABLE,
            manifest_version=max(1, self._directory.manifest_version(mine)),
            entropy=self._entropy.draw(2 * _ID_BYTES),
            checkpoint=self._log.gossip,
        )

    def find_hindrance(self, agency: AgencyId, now: Instant) -> str:
        """Say why nothing may be sealed to an agency now: `paused`, or as the directory says."""
        return self._standings.hindrance(agency) or self._directory.hindrance(agency, now)

    def find_eligible(self, agency: AgencyId, asked: Address) -> tuple[VerifiedDevice, ...]:
        """Find the devices of an agency whose roles may receive this, of those that are named."""
        roles = find_receivers(parse_content(asked.content, asked.class_))
        return tuple(
            held
            for held in self._directory.devices_of(agency)
            if is_among(held.roles, roles) and (not asked.devices or held.device in asked.devices)
        )

    def seal(self, asked: Seal, *, now: Instant) -> Sealed:
        """Seal a core to each device that has a live key, and say why not to the others."""
        copies: list[SealedCopy] = []
        unsealed: list[Unsealed] = []
        if asked.local_id in self.stopping:
            stopped = tuple(Unsealed(device, PAUSED) for _, device in asked.devices)
            return Sealed(now, asked.local_id, (), stopped)
        for agency, device in asked.devices:
            try:
                copies.append(self._seal_one(asked, agency, device, now))
            except _NotSealed as reason:
                unsealed.append(Unsealed(device, reason.reason))
        return Sealed(now, asked.local_id, tuple(copies), tuple(unsealed))

    def open(
        self, envelope: bytes, *, seq: int, now: Instant
    ) -> EnvelopeOpened | EnvelopeQuarantined | EnvelopeRefused:
        """Open and verify an envelope, or say why not."""
        try:
            return EnvelopeOpened(now, seq, open_envelope(envelope, reader=self._reader, now=now))
        except Quarantined as refused:
            return EnvelopeQuarantined(now, seq, refused.opened)
        except OpeningRefused as refused:
            return EnvelopeRefused(now, seq, _read_id(envelope), envelope, refused.reason)

    def misses_before(self, state: State, opened: Opened) -> bool:
        """Say whether something that was said before this message has not arrived."""
        core = opened.core
        return misses_before(state, chain_key(core), core.seq, core.prev)

    def _seal_one(
        self, asked: Seal, agency: AgencyId, device: DeviceId, now: Instant
    ) -> SealedCopy:
        held = self._directory.device(agency, device)
        hindrance = self.find_hindrance(agency, now)
        if hindrance or held is None:
            raise _NotSealed(hindrance or UNREACHABLE)
        recipient = self._find_recipient(held, asked.class_, now)
        envelope_id = EnvelopeId(self._entropy.draw(_ID_BYTES))
        secret = self._entropy.draw(_SECRET_BYTES)
        try:
            record, cancel_hash = seal_place(
                asked.core,
                class_=asked.class_,
                recipient=recipient,
                identity=self._keyring.identity,
                envelope_id=envelope_id,
                withdraw_secret=secret,
            )
        except CryptoError:
            raise _NotSealed(UNREACHABLE) from None
        self._raise_floor(device, recipient.suite)
        return SealedCopy(device, recipient.epoch, record.pack(), secret, cancel_hash)

    def _find_recipient(
        self, held: VerifiedDevice, class_: EnvelopeClass, now: Instant
    ) -> Recipient:
        suite = choose_suite(
            self._suites, held.suites, floor=self._directory.suite_floor(held.device)
        )
        epoch = class_.epoch_of(now)
        key = self._directory.epoch_key(held.device, class_, epoch, suite, agency=held.agency)
        if key is None:
            raise _NotSealed(UNREACHABLE)
        return Recipient(held.device, held.mailbox, suite, epoch, key)

    def _raise_floor(self, device: DeviceId, suite: int) -> None:
        if self._directory.suite_floor(device) < suite:
            self._directory.raise_suite_floor(device, suite)


def choose_suite(mine: Sequence[int], theirs: Sequence[int], *, floor: int) -> int:
    """Choose the suite for a device: the hybrid one where both certificates have it.

    Raises:
        _NotSealed: `suite_refused`: it would be a weaker one than was used for it before.
    """
    both = SUITE_HYBRID in mine and SUITE_HYBRID in theirs
    suite = SUITE_HYBRID if both else SUITE_SEALED_BOX
    if suite < floor:
        raise _NotSealed(SUITE_REFUSED)
    return suite


def _read_id(envelope: bytes) -> EnvelopeId | None:
    try:
        return Header.unpack(envelope[:HEADER_BYTES]).envelope_id
    except SchemaError:
        return None
