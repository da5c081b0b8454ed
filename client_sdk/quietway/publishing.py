"""Keeping what others need of this device on the relay: manifest, epoch keys, lanes.

Rules: a seed is durable before its public key is shown; a version is written down before it is
used, so that a crash in between skips a number and never uses one twice; what is in order is not
published again. The caller has compared the clocks first.

Spec: docs/spec/relay-protocol.md, "The directory".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import RelayRefused
from quietway.keyring.publish import (
    build_epoch_batch,
    build_manifest,
    build_week_of_lanes,
    wanted_epochs,
)
from quietway.partners import INVITED
from quietway.ports import Delete, Put
from quietway_crypto.encoding import TAG_MANIFEST_HASH, hash_tagged
from quietway_schemas.directory import SignedObject
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY, HOUR, WEEK, iso_week

if TYPE_CHECKING:
    from quietway.keyring.keyring import Keyring
    from quietway.ports import Entropy, Relay, Store
    from quietway_schemas.instants import Instant

PUBLISHED: Final = "published"
MANIFEST: Final = b"manifest"
EPOCHS: Final = b"epochs"
SHOWN: Final = b"manifest/shown"
"""There from before the first manifest is shown until the relay has said yes or no to it."""
NOT_ENROLLED: Final = "not_authenticated"
NEVER_ENROLLED: Final = (
    "it never enrolled this agency. Run `quietway init` again, with a code of its operator."
)
WEEKS_AHEAD: Final = 2
SEED_BYTES: Final = 32
_NOT_TAKEN: Final = frozenset({NOT_ENROLLED, "invalid_field", "refused_signature", "stale_version"})
_RENEW_BEFORE_MS: Final = 30 * DAY
_ERASE_AFTER_MS: Final = 2 * HOUR


class Publisher:
    """Publishes for one device.

    Args:
        keyring: Its secrets.
        store: Where it writes down what it has published.
        relay: Where it publishes.
        entropy: For new seeds and for the padding of lanes.
    """

    def __init__(self, keyring: Keyring, store: Store, relay: Relay, entropy: Entropy) -> None:
        self._keyring = keyring
        self._store = store
        self._relay = relay
        self._entropy = entropy

    async def enrol(self, enrolment_code: str, *, now: Instant) -> None:
        """Publish the first manifest. After a failure the same bytes are shown again.

        Raises:
            RelayRefused: The relay did not take it, and knows nothing of this agency.
        """
        held = await self._read(MANIFEST)
        if not held.raw("payload"):
            await self._sign_manifest(1, bytes(32), now=now)
        await self._store.commit([Put(PUBLISHED, SHOWN, write_row(at=now))])
        try:
            await self._put_manifest(enrolment_code)
        except RelayRefused as refused:
            if refused.code in _NOT_TAKEN:
                await self._store.commit([Delete(PUBLISHED, SHOWN)])
            raise
        await self._store.commit([Delete(PUBLISHED, SHOWN)])

    async def is_enrolled(self) -> bool:
        """Say whether the relay has ever taken this agency's manifest."""
        return (await self._read(MANIFEST)).truth("confirmed")

    async def is_founded(self) -> bool:
        """Say whether everything of a founding was done: the agency is known, its keys are too."""
        return await self.is_enrolled() and bool((await self._read(EPOCHS)).texts("names"))

    async def may_be_enrolled(self) -> bool:
        """Say whether the relay has this agency's manifest, or may have it: an answer was lost."""
        return await self.is_enrolled() or await self._store.read(PUBLISHED, SHOWN) is not None

    async def forget_manifest(self) -> None:
        """Let go of a first manifest that the relay never took, so that another can be signed."""
        await self._store.commit([Delete(PUBLISHED, MANIFEST)])

    async def publish(self, *, now: Instant) -> None:
        """Bring everything up to date that is due.

        Raises:
            RelayError: The relay did not take it; what it took stays.
        """
        await self._renew_manifest(now)
        await self._publish_epochs(now)
        for ahead in range(WEEKS_AHEAD + 1):
            await self._publish_lanes(iso_week(now + ahead * WEEK))

    def erase_expired_epochs(self, *, now: Instant) -> int:
        """Erase the seeds that nothing live can be sealed to; returns how many."""
        erased = 0
        for class_ in EnvelopeClass:
            over = [
                epoch
                for epoch in self._keyring.epochs(class_)
                if class_.epoch_end(epoch) + class_.life_ms + _ERASE_AFTER_MS <= now
            ]
            if over:
                erased += self._keyring.erase_epochs(class_, max(over) + 1)
        return erased

    async def _renew_manifest(self, now: Instant) -> None:
        held = await self._read(MANIFEST)
        if not await self.may_be_enrolled() and held.number("version") <= 1:
            raise RelayRefused(NOT_ENROLLED, NEVER_ENROLLED)
        if not held.truth("confirmed"):
            await self._put_manifest(None)
        elif held.number("expires") - _RENEW_BEFORE_MS <= now:
            former = hash_tagged(TAG_MANIFEST_HASH, held.raw("payload"))
            await self._sign_manifest(held.number("version") + 1, former, now=now)
            await self._put_manifest(None)

    async def _sign_manifest(self, version: int, prev_hash: bytes, *, now: Instant) -> None:
        signed = build_manifest(
            self._keyring, self._keyring.relay, version=version, prev_hash=prev_hash, now=now
        )
        expires = now + 90 * DAY
        await self._write_manifest(signed, version=version, expires=expires, confirmed=False)

    async def _put_manifest(self, enrolment_code: str | None) -> None:
        held = await self._read(MANIFEST)
        signed = SignedObject(payload=held.raw("payload"), signature=held.raw("signature"))
        await self._relay.put_manifest(self._keyring.agency, signed, enrolment_code=enrolment_code)
        version, expires = held.number("version"), held.number("expires")
        await self._write_manifest(signed, version=version, expires=expires, confirmed=True)

    async def _write_manifest(
        self, signed: SignedObject, *, version: int, expires: Instant, confirmed: bool
    ) -> None:
        row = write_row(
            payload=signed.payload,
            signature=signed.signature,
            version=version,
            expires=expires,
            confirmed=confirmed,
        )
        await self._store.commit([Put(PUBLISHED, MANIFEST, row)])

    async def _publish_epochs(self, now: Instant) -> None:
        wanted = wanted_epochs(now)
        held = await self._read(EPOCHS)
        manifest = await self._read(MANIFEST)
        names = sorted(f"{class_:d}/{epoch}" for class_, epoch in wanted)
        version = manifest.number("version")
        published = held.texts("names") == tuple(names) and held.number("manifest") == version
        # An older keyring that was put back may lack the seed of a key that others seal to.
        if published and not self._missing(wanted):
            return
        self._add_seeds(wanted)
        issued = max(now, held.number("issued") + 1)
        # Written down first, without the names: cut off here, the next is issued later still.
        await self._store.commit([Put(PUBLISHED, EPOCHS, write_row(issued=issued))])
        manifest_hash = hash_tagged(TAG_MANIFEST_HASH, manifest.raw("payload"))
        batch = build_epoch_batch(self._keyring, version, manifest_hash, now=issued)
        await self._relay.put_epochs(self._keyring.agency, batch)
        row = write_row(issued=issued, names=names, manifest=version)
        await self._store.commit([Put(PUBLISHED, EPOCHS, row)])

    def _missing(
        self, wanted: frozenset[tuple[EnvelopeClass, int]]
    ) -> list[tuple[EnvelopeClass, int]]:
        return [place for place in sorted(wanted) if place[1] not in self._keyring.epochs(place[0])]

    def _add_seeds(self, wanted: frozenset[tuple[EnvelopeClass, int]]) -> None:
        missing = self._missing(wanted)
        if missing:
            seeds = {place: self._entropy.draw(SEED_BYTES) for place in missing}
            self._keyring.add_epoch_seeds(seeds)

    async def _publish_lanes(self, week: str) -> None:
        partners = [row.key for row in await self._store.scan(INVITED)]
        key = b"lanes/" + week.encode("ascii")
        held = await self._read(key)
        names = sorted(partner.hex() for partner in partners)
        if held.truth("confirmed") and held.texts("partners") == tuple(names):
            return
        version = held.number("version") + 1
        await self._store.commit([Put(PUBLISHED, key, write_row(version=version))])
        signed = build_week_of_lanes(
            self._keyring,
            week,
            partners,
            version=version,
            entropy=self._entropy.draw(SEED_BYTES),
        )
        await self._relay.put_lanes(week, signed)
        row = write_row(version=version, partners=names, confirmed=True)
        await self._store.commit([Put(PUBLISHED, key, row)])

    async def _read(self, key: bytes) -> Fields:
        return Fields(await self._store.read(PUBLISHED, key) or b"{}")
