"""How a device stands with its agency: certified, retired, revoked, or not known at all.

What has left is remembered for good, with the certificate it had, so that nothing brings it back
and what it said before can still be judged. A retired device was given back by its user: what it
signed up to then counts. A revoked one may be in other hands: nothing that is opened afterwards
counts, whatever it says about its own time.

Spec: docs/spec/keys.md, "Epoch batches and freshness" and "Devices that leave".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from quietway_schemas.directory import (
    MAX_CERTIFICATE_BYTES,
    Certificate,
    Departed,
)
from quietway_schemas.fields import Base64, WireModel
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.keyring.published import Published
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.ids import AgencyId, DeviceId, MailboxId
    from quietway_schemas.instants import Instant

FRESH_MS: Final = 7 * DAY
GRACE_MS: Final = 2 * HOUR
"""What a retired device signed until so long after it left still counts."""
_WITNESSES: Final = 2

StandingName: TypeAlias = Literal["current", "retired", "revoked", "unknown"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a device stands in the newest manifest that we hold, and what we remember beside it.

    Attributes:
        name: `current`, `retired`, `revoked` or `unknown`.
        at: When it left; 0 where it did not.
    """

    name: StandingName
    at: Instant = 0


@dataclass(frozen=True, slots=True)
class VerifiedDevice:
    """A device that its pinned agency vouches for, in the newest manifest that we hold.

    Attributes:
        agency_owned: Whether the machine is the agency's own.
        certified_at: When its certificate was issued.
        last_seen: When its newest batch of epoch keys was issued; 0 where there is none.
    """

    agency: AgencyId
    device: DeviceId
    identity_key: bytes
    listen_key: bytes
    mailbox: MailboxId
    relay: str
    program: str
    roles: tuple[str, ...]
    suites: tuple[int, ...]
    manifest_version: int
    agency_owned: bool
    certified_at: Instant
    last_seen: Instant


@dataclass(frozen=True, slots=True)
class Signer:
    """Who may have signed what is opened.

    Attributes:
        identity_key: The Ed25519 public key, 32 bytes.
        suites: The suites that the device knows, or knew.
        program: Its program's code; empty where it is not remembered.
        roles: Its roles; None where they are not remembered.
        trusted_until: What was created later than this is quarantined; None while it is certified.
    """

    identity_key: bytes
    suites: tuple[int, ...]
    program: str
    roles: tuple[str, ...] | None
    trusted_until: Instant | None = None


@dataclass(frozen=True, slots=True)
class DevicesChanged:
    """An agency's devices are others than in the version of its manifest that we held before."""

    agency: AgencyId
    version: int
    added: tuple[DeviceId, ...]
    departed: tuple[DeviceId, ...]


class Departure(WireModel):
    """A device that left, as it is remembered for good; `certificate` where we ever saw it."""

    departed: Departed
    certificate: Annotated[bytes, Base64(2, MAX_CERTIFICATE_BYTES)] | None = None

    def to_signer(self) -> Signer:
        """Say what its signature is worth."""
        known = self._read_certificate()
        # Who decides names alone who left. Of whom nobody ever approved, that makes no speaker.
        retired = self.departed.how == "retired" and known is not None
        return Signer(
            identity_key=self.departed.identity_key,
            # Of a device that was never seen here, the better suite is asked for.
            suites=(1, 2) if known is None else known.suites,
            program="" if known is None else known.program,
            roles=None if known is None else known.roles,
            trusted_until=self.departed.at + GRACE_MS if retired else 0,
        )

    def _read_certificate(self) -> Certificate | None:
        if self.certificate is None:
            return None
        return Certificate.from_canonical(self.certificate, max_bytes=MAX_CERTIFICATE_BYTES)


def show_device(
    held: ProvedManifest, certificate: Certificate, published: Published | None
) -> VerifiedDevice:
    """Put together what is known of a device that is certified now."""
    return VerifiedDevice(
        agency=certificate.agency_id,
        device=certificate.device_id,
        identity_key=certificate.identity_key,
        listen_key=certificate.listen_key,
        mailbox=certificate.mailbox,
        relay=certificate.relay,
        program=certificate.program,
        roles=certificate.roles,
        suites=certificate.suites,
        manifest_version=held.manifest.version,
        agency_owned=certificate.agency_owned,
        certified_at=certificate.issued,
        last_seen=0 if published is None else published.issued,
    )


def is_fresh(held: ProvedManifest, published: Iterable[Published], *, now: Instant) -> bool:
    """Say whether somebody spoke for this version within the last week.

    Args:
        held: The manifest.
        published: What each of its devices has published.
        now: Milliseconds.
    """
    since = now - FRESH_MS
    if held.manifest.issued > since:
        return True
    named = (held.manifest.version, held.hash)
    witnesses = sum(
        found.issued > since and (found.manifest_version, found.manifest_hash) == named
        for found in published
    )
    return witnesses >= min(_WITNESSES, len(held.manifest.devices))


def list_departures(held: ProvedManifest, before: ProvedManifest | None) -> list[Departure]:
    """List who is named as departed, and who is silently gone since the version before.

    Who missed more versions than a departure is named in takes the more cautious view: revoked.
    """
    former = {} if before is None else _by_device(before)
    named = [
        Departure(departed=gone, certificate=former.get(gone.device_id))
        for gone in held.manifest.departed
    ]
    there = _by_device(held).keys() | {gone.device_id for gone in held.manifest.departed}
    silent = [] if before is None else before.manifest.certificates
    return named + [
        Departure(
            departed=Departed(
                device_id=device.device_id,
                identity_key=device.identity_key,
                at=held.manifest.issued,
                how="revoked",
            ),
            certificate=former[device.device_id],
        )
        for device in silent
        if device.device_id not in there
    ]


def compare_devices(held: ProvedManifest, before: ProvedManifest) -> DevicesChanged | None:
    """Say which devices came and went between two versions; None where they are the same.

    One under a name that is known, with other keys, came.
    """
    now, then = _by_device(held), _by_device(before)
    keys = {(device.device_id, device.identity_key) for device in before.manifest.certificates}
    added = tuple(
        device.device_id
        for device in held.manifest.certificates
        if (device.device_id, device.identity_key) not in keys
    )
    departed = tuple(sorted(then.keys() - now.keys()))
    if not added and not departed:
        return None
    return DevicesChanged(held.manifest.agency_id, held.manifest.version, added, departed)


def _by_device(held: ProvedManifest) -> dict[DeviceId, bytes]:
    return {device.read.device_id: device.certificate for device in held.manifest.devices}
