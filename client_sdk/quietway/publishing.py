"""Keeping what others need of this device on the relay: manifest, epoch keys, lanes.

The verified directory says what the agency's newest manifest is: any of the agency's devices may
have changed it since this one last looked. So the next version goes on top of the one that the
directory holds, the relay takes the first of two who race, and the other is told.

Rules: a seed is durable before its public key is shown; a number is written down before it is used,
so that a crash in between skips one and never uses one twice; what is in order is not published
again. The caller has compared the clocks and read the directory first.

Spec: docs/spec/keys.md, "Manifest" and "Epoch batches and freshness"; docs/spec/directory.md,
"Epoch batches are increments"; docs/spec/lanes.md, "Which lanes are open".
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from quietway.engine.codec import Fields, write_row
from quietway.errors import DirectoryRefused, OutpacedByColleague, RelayRefused
from quietway.keyring.publish import (
    approve,
    build_certificate,
    build_epoch_batch,
    build_manifest,
    build_ops_list,
    build_week_of_lanes,
    certify,
    wanted_epochs,
)
from quietway.membership import renewed
from quietway.ports import Delete, Put
from quietway_protocol.manifests import hash_manifest, read_manifest
from quietway_schemas.directory import OPS_LIFE_MS, SignedObject
from quietway_schemas.errors import SchemaError
from quietway_schemas.instants import DAY, HOUR, SECOND, WEEK, iso_week

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from quietway.keyring.keyring import Keyring
    from quietway.keyring.trust import Directory
    from quietway.ports import Entropy, Relay, Store
    from quietway_crypto.secret import Secret
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.instants import Instant

PUBLISHED: Final = "published"
MANIFEST: Final = b"manifest"
EPOCHS: Final = b"epochs"
LANES: Final = b"lanes/"
SHOWN: Final = b"manifest/shown"
"""There from before the first manifest is shown until the relay has said yes or no to it."""
NOT_ENROLLED: Final = "not_authenticated"
STALE: Final = "stale_version"
INVALID: Final = "invalid_field"
NEVER_ENROLLED: Final = (
    "it never enrolled this agency. Run `quietway init` again, with a code of its operator."
)
WEEKS_AHEAD: Final = 2
SEED_BYTES: Final = 32
_NOT_TAKEN: Final = frozenset({NOT_ENROLLED, INVALID, "refused_signature", STALE})
_RENEW_BEFORE_MS: Final = 30 * DAY
_STALE_AHEAD_MS: Final = 2 * DAY
_FURTHER: Final = (
    0,
    2,
    64,
    2 * HOUR // SECOND,
    *(2 * HOUR // SECOND << step for step in range(1, 8)),
)
"""How many numbers of a week are passed over, one time after the other, where they were taken:
somebody's clock was ahead, or colleagues who changed their minds at once pushed one another."""


class Publisher:
    """Publishes for one device.

    Args:
        keyring: Its secrets.
        store: Where it writes down what it has published.
        relay: Where it publishes.
        entropy: For new seeds and for the padding of lanes.
        directory: Says what the agency's newest manifest is, and learns what was published.
        keep: Writes down what the directory has learnt.
    """

    def __init__(
        self,
        keyring: Keyring,
        store: Store,
        relay: Relay,
        entropy: Entropy,
        *,
        directory: Directory,
        keep: Callable[[], Awaitable[None]],
    ) -> None:
        self._keyring = keyring
        self._store = store
        self._relay = relay
        self._entropy = entropy
        self._directory = directory
        self._keep = keep

    async def enrol(self, enrolment_code: str, *, now: Instant) -> None:
        """Publish the first manifest. After a failure the same bytes are shown again.

        Raises:
            RelayRefused: The relay did not take it, and knows nothing of this agency.
        """
        held = await self._read(MANIFEST)
        if not _reads(held):
            await self._write_first(self._sign_first(1, bytes(32), now=now), confirmed=False)
        await self._store.commit([Put(PUBLISHED, SHOWN, write_row(at=now))])
        try:
            await self._put_first(enrolment_code)
        except RelayRefused as refused:
            if refused.code in _NOT_TAKEN:
                await self._store.commit([Delete(PUBLISHED, SHOWN)])
            raise
        await self._store.commit([Delete(PUBLISHED, SHOWN)])

    async def finish_enrolling(self) -> None:
        """Show the first manifest again where the relay's answer to it was lost.

        Raises:
            RelayRefused: The relay never took it.
        """
        if self.own_manifest is not None or await self.is_enrolled():
            return
        if await self.may_be_enrolled():
            await self._put_first(None)
        elif self._keyring.root is not None:
            raise RelayRefused(NOT_ENROLLED, NEVER_ENROLLED)

    @property
    def own_manifest(self) -> ProvedManifest | None:
        """The agency's newest manifest as the directory has it."""
        return self._directory.manifest(self._keyring.agency)

    async def is_enrolled(self) -> bool:
        """Say whether the relay has ever taken this agency's manifest."""
        return (await self._read(MANIFEST)).truth("confirmed") or self.own_manifest is not None

    async def is_founded(self) -> bool:
        """Say whether everything of a founding was done: the agency is known, its keys are too."""
        return await self.is_enrolled() and bool((await self._read(EPOCHS)).texts("names"))

    async def may_be_enrolled(self) -> bool:
        """Say whether the relay has this agency's manifest, or may have it: an answer was lost."""
        return await self.is_enrolled() or await self._store.read(PUBLISHED, SHOWN) is not None

    async def forget_manifest(self) -> None:
        """Let go of a first manifest that the relay never took, so that another can be signed."""
        await self._store.commit([Delete(PUBLISHED, MANIFEST)])

    async def publish_manifest(self, signed: SignedObject) -> None:
        """Show the relay the next version; once it is taken, this device goes by it at once.

        Raises:
            OutpacedByColleague: The relay holds another version than the one it goes on top of.
                Read the directory, and decide again.
            RelayError: It was not taken, or its answer was lost: the directory says which.
        """
        try:
            await self._relay.put_manifest(self._keyring.agency, signed)
        except RelayRefused as refused:
            if refused.code == STALE:
                raise OutpacedByColleague from None
            raise
        await self._adopt(signed, "manifest")

    async def publish(self, *, now: Instant) -> None:
        """Bring manifest and keys up to date, as far as the agency's manifest is known.

        Raises:
            RelayError: The relay did not take it; what it took stays.
        """
        await self._renew_manifest(now)
        own = self.own_manifest
        if own is not None and own.manifest.find(self._keyring.device) is not None:
            await self._publish_epochs(own, now)

    async def publish_lanes(self, name: str, lanes: Sequence[Secret], *, now: Instant) -> None:
        """Upload these lanes for this week and the next two, where others were uploaded last.

        Args:
            name: Names the set: another name is another set.
            lanes: The lanes.
            now: Milliseconds.

        Raises:
            RelayError: The relay did not take it; what it took stays.
        """
        for ahead in range(WEEKS_AHEAD + 1):
            await self._publish_lanes(iso_week(now + ahead * WEEK), name, lanes, now)

    async def _renew_manifest(self, now: Instant) -> None:
        own, ops = self.own_manifest, self._keyring.ops
        if own is None:
            await self._bring_forward(now)
            return
        listed = None if ops is None else own.manifest.ops.find(ops.public)
        # An agency in which one device runs and another rests would fall silent after a week.
        goes_stale = not self._directory.is_fresh(self._keyring.agency, now + _STALE_AHEAD_MS)
        due = goes_stale or own.manifest.expires - _RENEW_BEFORE_MS <= now
        if ops is None or listed is None or listed.expires <= now or not due:
            return
        # Whoever was first has renewed it just as well.
        with suppress(OutpacedByColleague):
            await self.publish_manifest(renewed(own, ops=ops, now=now))

    async def _bring_forward(self, now: Instant) -> None:
        """Put a manifest of today's form on top of one that was published before there were ops.

        Its certificates had no approvals, so nobody believes it any more; but the relay goes on
        from it.
        """
        held = await self._read(MANIFEST)
        if self._keyring.root is None or not held.truth("confirmed") or _reads(held):
            return
        version, former = held.number("version") + 1, hash_manifest(held.raw("payload"))
        if self._keyring.ops is None:
            self._keyring.keep_ops(self._entropy.draw(SEED_BYTES))
        await self.publish_manifest(self._sign_first(version, former, now=now))

    def _sign_first(self, version: int, prev_hash: bytes, *, now: Instant) -> SignedObject:
        """Sign the first manifest under an ops list: this device alone, approved by the root."""
        root, ops = self._keyring.root, self._keyring.ops
        if root is None or ops is None:
            raise RelayRefused(NOT_ENROLLED, NEVER_ENROLLED)
        ops_list = build_ops_list(
            root,
            agency_id=self._keyring.agency,
            agency_code=self._keyring.agency_code,
            ops={ops.public: now + OPS_LIFE_MS},
            approvals=1,
            version=1,
            now=now,
        )
        certificate = build_certificate(self._keyring, agency_owned=True, now=now)
        return build_manifest(
            ops,
            ops_list=ops_list,
            devices=[certify(certificate, [approve(certificate, root)])],
            version=version,
            prev_hash=prev_hash,
            now=now,
        )

    async def _put_first(self, enrolment_code: str | None) -> None:
        held = await self._read(MANIFEST)
        signed = SignedObject(payload=held.raw("payload"), signature=held.raw("signature"))
        await self._relay.put_manifest(self._keyring.agency, signed, enrolment_code=enrolment_code)
        await self._write_first(signed, confirmed=True)
        await self._adopt(signed, "manifest")

    async def _write_first(self, signed: SignedObject, *, confirmed: bool) -> None:
        row = write_row(payload=signed.payload, signature=signed.signature, confirmed=confirmed)
        await self._store.commit([Put(PUBLISHED, MANIFEST, row)])

    async def _adopt(self, signed: SignedObject, kind: Literal["manifest", "epochs"]) -> None:
        self._directory.adopt(signed, kind)
        await self._keep()

    async def _publish_epochs(self, own: ProvedManifest, now: Instant) -> None:
        wanted = wanted_epochs(now)
        held = await self._read(EPOCHS)
        names = {_name_epoch(place): place for place in wanted}
        published = set(held.texts("names"))
        version = own.manifest.version
        # An older keyring that was put back may lack the seed of a key that others seal to.
        lost = [place for place in self._missing(wanted) if _name_epoch(place) in published]
        new = [place for name, place in names.items() if name not in published]
        if held.number("manifest") == version and not new and not lost:
            return
        self._add_seeds(wanted)
        replaces = not published or bool(lost)
        try:
            epochs = wanted if replaces else new
            await self._put_epochs(own, epochs, names, now=now, replaces=replaces)
        except RelayRefused as refused:
            if refused.code != INVALID or replaces:
                raise
            # Another copy of this store has published other keys: what it showed is thrown away.
            await self._put_epochs(own, wanted, names, now=now, replaces=True)

    async def _put_epochs(
        self,
        own: ProvedManifest,
        epochs: Iterable[tuple[EnvelopeClass, int]],
        names: Iterable[str],
        *,
        now: Instant,
        replaces: bool,
    ) -> None:
        held = await self._read(EPOCHS)
        issued = max(now, held.number("issued") + 1)
        # Written down first, without the names: cut off here, the next is issued later still, and
        # replaces whatever came of this one.
        await self._store.commit([Put(PUBLISHED, EPOCHS, write_row(issued=issued))])
        batch = build_epoch_batch(
            self._keyring,
            own.manifest.version,
            own.hash,
            now=issued,
            epochs=epochs,
            replaces=replaces,
        )
        await self._relay.put_epochs(self._keyring.agency, batch)
        row = write_row(issued=issued, names=sorted(names), manifest=own.manifest.version)
        await self._store.commit([Put(PUBLISHED, EPOCHS, row)])
        # Where the agency has just taken this device away, its own directory knows better.
        with suppress(DirectoryRefused):
            await self._adopt(batch, "epochs")

    def _missing(
        self, wanted: frozenset[tuple[EnvelopeClass, int]]
    ) -> list[tuple[EnvelopeClass, int]]:
        return [place for place in sorted(wanted) if place[1] not in self._keyring.epochs(place[0])]

    def _add_seeds(self, wanted: frozenset[tuple[EnvelopeClass, int]]) -> None:
        missing = self._missing(wanted)
        if missing:
            seeds = {place: self._entropy.draw(SEED_BYTES) for place in missing}
            self._keyring.add_epoch_seeds(seeds)

    async def _publish_lanes(
        self, week: str, name: str, lanes: Sequence[Secret], now: Instant
    ) -> None:
        key = LANES + week.encode("ascii")
        held = await self._read(key)
        if held.truth("confirmed") and held.text("set") == name:
            return
        # The agency's devices share the numbers of a week, so they count by the clock.
        version = max(held.number("version") + 1, now // SECOND)
        for further in _FURTHER:
            version += further
            try:
                await self._put_lanes(week, lanes, version)
            except RelayRefused as refused:
                # A colleague was as quick, or somebody's clock was ahead.
                if refused.code != STALE or further == _FURTHER[-1]:
                    raise
            else:
                break
        row = write_row(version=version, set=name, confirmed=True)
        await self._store.commit([Put(PUBLISHED, key, row)])

    async def _put_lanes(self, week: str, lanes: Sequence[Secret], version: int) -> None:
        key = LANES + week.encode("ascii")
        await self._store.commit([Put(PUBLISHED, key, write_row(version=version))])
        entropy = self._entropy.draw(SEED_BYTES)
        signed = build_week_of_lanes(self._keyring, week, lanes, version=version, entropy=entropy)
        await self._relay.put_lanes(week, signed)

    async def publish_anew(self) -> None:
        """Forget that keys and lanes were published: the relay may have lost them."""
        issued = (await self._read(EPOCHS)).number("issued")
        forgotten = [Put(PUBLISHED, EPOCHS, write_row(issued=issued))]
        for row in await self._store.scan(PUBLISHED):
            if row.key.startswith(LANES):
                version = Fields(row.value).number("version")
                forgotten.append(Put(PUBLISHED, row.key, write_row(version=version)))
        await self._store.commit(forgotten)

    async def _read(self, key: bytes) -> Fields:
        return Fields(await self._store.read(PUBLISHED, key) or b"{}")


def _name_epoch(place: tuple[EnvelopeClass, int]) -> str:
    return f"{place[0]:d}/{place[1]}"


def _reads(held: Fields) -> bool:
    """Say whether a manifest that was written down is there, and of today's form."""
    try:
        read_manifest(SignedObject(payload=held.raw("payload"), signature=held.raw("signature")))
    except SchemaError:
        return False
    return True
