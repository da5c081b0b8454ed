"""`Devices` and `Agency`: the faces of one's own agency, for programs without an event loop.

Each method does what its namesake of `AsyncDevices` or `AsyncAgency` does.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from quietway.blocking.loop import Loop
    from quietway.events import OwnDevicesChanged
    from quietway.linking import DeviceOffer, DeviceRequest
    from quietway.own.agency import AsyncAgency
    from quietway.own.deciding import Added, Offered, WaitsForSecond
    from quietway.own.devices import AsyncDevices
    from quietway.own.holders import AgencyStanding
    from quietway.own.members import OwnDevice
    from quietway.own.proposals import Proposal
    from quietway.own.reviews import Review, ReviewLine
    from quietway.own.snapshot_rows import SnapshotOffer
    from quietway.recovery_file import RecoveryFile
    from quietway.sheet import RecoverySheet
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant


class Devices:
    """The agency's own devices."""

    def __init__(self, face: AsyncDevices, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def offer(
        self,
        request: DeviceRequest | str,
        *,
        roles: Iterable[str],
        passphrase: str,
        program: str | None = None,
        private_machine: bool = False,
    ) -> Offered:
        """Answer a device that asks to be linked; see `AsyncDevices.offer`."""
        return self._loop.run(
            self._face.offer,
            request,
            roles=roles,
            passphrase=passphrase,
            program=program,
            private_machine=private_machine,
        )

    def confirm(
        self, request: DeviceRequest | str, offer: DeviceOffer | str, *, passphrase: str
    ) -> Added | WaitsForSecond:
        """Say that the words were the same, and approve; see `AsyncDevices.confirm`."""
        return self._loop.run(self._face.confirm, request, offer, passphrase=passphrase)

    def proposals(self) -> list[Proposal]:
        """List the certificates that wait for approvals, oldest first."""
        return self._loop.run(self._face.proposals)

    def approve(self, proposal: Proposal, *, passphrase: str) -> Added | WaitsForSecond:
        """Agree to what another ops holder proposes; see `AsyncDevices.approve`."""
        return self._loop.run(self._face.approve, proposal, passphrase=passphrase)

    def decline(self, proposal: Proposal) -> None:
        """Let go of a proposal on this device."""
        self._loop.run(self._face.decline, proposal)

    def set_roles(
        self,
        device: DeviceId,
        roles: Iterable[str],
        *,
        passphrase: str,
        program: str | None = None,
    ) -> Added | WaitsForSecond:
        """Give a device other roles; see `AsyncDevices.set_roles`."""
        return self._loop.run(
            self._face.set_roles, device, roles, passphrase=passphrase, program=program
        )

    def revoke(self, device: DeviceId) -> None:
        """Take a device away that may be in other hands; see `AsyncDevices.revoke`."""
        self._loop.run(self._face.revoke, device)

    def retire(self, device: DeviceId) -> None:
        """Take a device away that was given back; see `AsyncDevices.retire`."""
        self._loop.run(self._face.retire, device)

    def share(self, device: DeviceId) -> None:
        """Tell a device once more what all hold alike; see `AsyncDevices.share`."""
        self._loop.run(self._face.share, device)

    def give_snapshot(self, device: DeviceId, *, passphrase: str | None = None) -> SnapshotOffer:
        """Offer a new device what stands about cases; see `AsyncDevices.give_snapshot`."""
        return self._loop.run(self._face.give_snapshot, device, passphrase=passphrase)

    def snapshots(self) -> list[SnapshotOffer]:
        """List the snapshots that are on their way, oldest first."""
        return self._loop.run(self._face.snapshots)

    def approve_snapshot(self, snapshot_id: bytes, *, passphrase: str) -> SnapshotOffer:
        """Agree that a snapshot may be taken in; see `AsyncDevices.approve_snapshot`."""
        return self._loop.run(self._face.approve_snapshot, snapshot_id, passphrase=passphrase)

    def changes(self) -> Sequence[OwnDevicesChanged]:
        """List what changed about the agency's devices until somebody has acknowledged it."""
        return self._loop.run(self._face.changes)

    def acknowledge(self, change: OwnDevicesChanged) -> None:
        """Say that a person has seen a change; it is not listed any more."""
        self._loop.run(self._face.acknowledge, change)

    def list(self) -> list[OwnDevice]:
        """List the agency's devices, those that left lately among them."""
        return self._loop.run(self._face.list)


class Agency:
    """The agency as its own devices see it."""

    def __init__(self, face: AsyncAgency, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def standing(self) -> AgencyStanding:
        """Say who may decide, and how many it takes."""
        return self._loop.run(self._face.standing)

    def ask_for_ops_key(self, *, passphrase: str) -> str:
        """Draw an ops key here, and give its line; see `AsyncAgency.ask_for_ops_key`."""
        return self._loop.run(self._face.ask_for_ops_key, passphrase=passphrase)

    def ops_keys(self) -> Mapping[str, Instant]:
        """List the ops keys, each as its line, with the time it expires."""
        return self._loop.run(self._face.ops_keys)

    def admit_ops_key(
        self,
        line: str,
        *,
        passphrase: str,
        approvals: int | None = None,
        root_words: str | None = None,
    ) -> AgencyStanding:
        """Let another device decide too; see `AsyncAgency.admit_ops_key`."""
        return self._loop.run(
            self._face.admit_ops_key,
            line,
            passphrase=passphrase,
            approvals=approvals,
            root_words=root_words,
        )

    def dismiss_ops_key(
        self, line: str, *, passphrase: str, root_words: str | None = None
    ) -> AgencyStanding:
        """Let a device decide no more; see `AsyncAgency.dismiss_ops_key`."""
        return self._loop.run(
            self._face.dismiss_ops_key, line, passphrase=passphrase, root_words=root_words
        )

    def recovery_sheet(self, *, passphrase: str) -> RecoverySheet:
        """Make the sheet with the root's 24 words; see `AsyncAgency.recovery_sheet`."""
        return self._loop.run(self._face.recovery_sheet, passphrase=passphrase)

    def take_root_offline(self, words: str, *, passphrase: str) -> None:
        """Destroy the root key here; see `AsyncAgency.take_root_offline`."""
        self._loop.run(self._face.take_root_offline, words, passphrase=passphrase)

    def name_custodians(
        self,
        custodians: Iterable[str],
        threshold: int,
        *,
        passphrase: str,
        root_words: str | None = None,
    ) -> RecoveryFile:
        """Seal the root to people the agency chose; see `AsyncAgency.name_custodians`."""
        return self._loop.run(
            self._face.name_custodians,
            custodians,
            threshold,
            passphrase=passphrase,
            root_words=root_words,
        )

    def review(self) -> Review:
        """List every device's permissions, and when to look at them again."""
        return self._loop.run(self._face.review)

    def attest(self, device: DeviceId) -> ReviewLine:
        """Say that a device's permissions are as they should be; see `AsyncAgency.attest`."""
        return self._loop.run(self._face.attest, device)
