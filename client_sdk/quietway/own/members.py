"""The agency's devices as its manifest has them, and the changes that an ops holder publishes.

A change goes on top of the newest manifest that the relay holds. Where another holder was quicker,
the directory is read and the same decision is made again on what they published; what no longer
makes sense then is refused.

Spec: docs/spec/keys.md, "Manifest" and "Devices that leave".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from quietway.errors import NotFound, OpsKeyMissing, OutpacedByColleague
from quietway.membership import with_device, without_device
from quietway.own.leaving import LEAVING
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.keyring.standing import VerifiedDevice
    from quietway_crypto.signing import SigningKey
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import CertifiedDevice, Departed, SignedObject
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

STALE_AFTER_MS: Final = 30 * DAY
_MOST_TRIES: Final = 4

DeviceStanding = Literal["certified", "stale", "leaving", "retired", "revoked"]
Decide = Callable[["ProvedManifest", "SigningKey", "Instant"], "SignedObject"]


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """One of the agency's devices.

    Attributes:
        device: Which.
        program: The program it belongs to; empty once it left.
        roles: What it may do; empty once it left.
        agency_owned: Whether the machine is the agency's own.
        since: When its certificate was issued; when it left, for one that did.
        last_seen: When it last published keys; 0 where it never did, or left.
        standing: `certified`; `stale` where it was not seen for 30 days; `leaving` where it was
            wiped and waits to be retired; `retired` or `revoked` for 35 days after it left.
        live_keys: Whether anything can be sealed to it now.
        this_one: Whether it is the device that one looks from.
    """

    device: DeviceId
    program: str
    roles: tuple[str, ...]
    agency_owned: bool
    since: Instant
    last_seen: Instant
    standing: DeviceStanding
    live_keys: bool
    this_one: bool


async def list_devices(agent: Agent) -> list[OwnDevice]:
    """List the agency's devices, those that left lately among them."""
    own = agent.directory.manifest(agent.keyring.agency)
    left = () if own is None else own.manifest.departed
    leaving = {row.key for row in await agent.store.scan(LEAVING)}
    return [
        *(_show(agent, held, leaving) for held in agent.directory.devices_of(agent.keyring.agency)),
        *(_show_departed(agent, gone) for gone in left),
    ]


async def add_device(agent: Agent, device: CertifiedDevice) -> None:
    """Publish a manifest with one device more, or another certificate of one.

    Raises:
        NotFound: It left meanwhile.
        RelayError: It is not published.
    """
    name = device.read.device_id

    def decide(held: ProvedManifest, ops: SigningKey, now: Instant) -> SignedObject:
        if held.manifest.find_departed(name) is not None:
            raise NotFound(str(name), "quietway device list")
        return with_device(held, device, ops=ops, now=now)

    await publish_change(agent, decide)


async def remove_device(
    agent: Agent, device: DeviceId, *, how: Literal["retired", "revoked"]
) -> None:
    """Publish a manifest without a device.

    Raises:
        ContentRefused: It is not one of the agency's, or its last one.
        RelayError: It is not published.
    """

    def decide(held: ProvedManifest, ops: SigningKey, now: Instant) -> SignedObject:
        return without_device(held, device, how, ops=ops, now=now)

    await publish_change(agent, decide)
    # Whoever may be in other hands knew what the agency's lanes are made of.
    await agent.answer_revocation()


async def publish_change(agent: Agent, decide: Decide) -> None:
    """Publish what was decided, on top of the newest version there is.

    Raises:
        OpsKeyMissing: This device holds no ops key.
        OutpacedByColleague: Others were quicker, again and again.
        RelayError: It is not published.
    """
    await agent.check_clock()
    for left in reversed(range(_MOST_TRIES)):
        await agent.pull_directory()
        held, ops = agent.publisher.own_manifest, agent.keyring.ops
        if ops is None or held is None:
            raise OpsKeyMissing
        try:
            await agent.publisher.publish_manifest(decide(held, ops, agent.clock.now()))
        except OutpacedByColleague:
            if not left:
                raise
        else:
            break
    # The manifest is new, so whoever writes to this agency looks for a batch that names it.
    await agent.publish_what_is_new()


def _show(agent: Agent, held: VerifiedDevice, leaving: set[bytes]) -> OwnDevice:
    now = agent.clock.now()
    seen = max(held.last_seen, held.certified_at)
    standing: DeviceStanding = "stale" if seen + STALE_AFTER_MS <= now else "certified"
    if held.device.value in leaving:
        standing = "leaving"
    return OwnDevice(
        device=held.device,
        program=held.program,
        roles=held.roles,
        agency_owned=held.agency_owned,
        since=held.certified_at,
        last_seen=held.last_seen,
        standing=standing,
        live_keys=_has_live_keys(agent, held, now),
        this_one=held.device == agent.keyring.device,
    )


def _has_live_keys(agent: Agent, held: VerifiedDevice, now: Instant) -> bool:
    class_ = EnvelopeClass.CASE
    epoch = class_.epoch_of(now)
    return agent.directory.has_published(held.device, class_, epoch, agency=held.agency)


def _show_departed(agent: Agent, gone: Departed) -> OwnDevice:
    return OwnDevice(
        device=gone.device_id,
        program="",
        roles=(),
        agency_owned=False,
        since=gone.at,
        last_seen=0,
        standing=gone.how,
        live_keys=False,
        this_one=gone.device_id == agent.keyring.device,
    )
